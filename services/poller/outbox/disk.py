"""The outbox's file: an SQLite database in WAL mode, of one process alone, bounded in bytes.

A transaction that was committed survives `kill -9` and a power cut: `synchronous=FULL` flushes the log at each commit,
which NORMAL leaves to the next checkpoint. So many messages go in one transaction. The file holds its lock for as long
as it is open (`locking_mode=EXCLUSIVE`), which needs no shared memory beside it; the kernel lets go of it when the
process dies. Neither the file nor its log shrinks: their room is used again, and what was sent can be struck off when
the disk is full.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from services.poller.outbox.message import Message, Overflow, ReadBy, fitting
from shared.life.pid_space import pid_space

#: The layout of the table below.
_VERSION = 3

#: `size` and the other numbers stand before the content, so that they are read without it.
_TABLE = """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY, size INTEGER NOT NULL, "values" INTEGER NOT NULL, timestamp TEXT NOT NULL,
    group_field TEXT NOT NULL, token TEXT NOT NULL,
    held_since_ms INTEGER NOT NULL, read_at_ms INTEGER NOT NULL, raw BLOB NOT NULL)
"""

#: Names the file. With the machine's boot, so that a copy elsewhere is not taken for the same.
_IDENTITY = "CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL)"
_NAME_ONCE = "INSERT INTO identity SELECT ? WHERE NOT EXISTS (SELECT 1 FROM identity)"

#: Codes of SQLite that say that the file's content is none that it could read.
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Disk:
    """An open file; safe to use from several threads, one at a time.

    Everything raises sqlite3.Error or OSError, and has then done nothing; `is_damage` tells which of them no later try
    will mend.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        # SQLite would let everybody on the machine read it; its log follows the file. What goes wrong SQLite says.
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
        self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
            self._inode = path.stat().st_ino
            query = "SELECT coalesce(max(seq), 0), count(*), coalesce(sum(size), 0) FROM messages"
            self._last_seq, self.count, self.size_bytes = map(int, self._connection.execute(query).fetchone())
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "secure_delete=OFF"):
            self._connection.execute(f"PRAGMA {pragma}")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version not in {0, _VERSION}:
            raise sqlite3.NotSupportedError(f"the file is of version {version}, not {_VERSION}")
        with self._transaction():
            self._connection.execute(_TABLE)
            self._connection.execute(_IDENTITY)
            self._connection.execute(_NAME_ONCE, (token_hex(8),))
        self.probe()
        (name,) = self._connection.execute("SELECT id FROM identity").fetchone()
        boot = pid_space().partition(" ")[0]
        #: Empty where the machine's boot is not known.
        self.id = f"{name}@{boot}" if boot else ""

    def append(self, messages: Sequence[Message], in_hand_through: int) -> tuple[list[int], Overflow]:
        """Store messages as the newest, in one transaction; return their places.

        And what had to go for them: the oldest, but none up to the place `in_hand_through`.
        """
        # A file that somebody took away takes what is written to it with it.
        if self._path.stat().st_ino != self._inode:
            raise FileNotFoundError(f"{self._path} is another file than the one that was opened")
        seqs = [*range(self._last_seq + 1, self._last_seq + 1 + len(messages))]
        rows = [
            (seq, m.size_bytes, m.values, m.timestamp.isoformat(), m.group, *m.read_by, m.raw)
            for seq, m in zip(seqs, messages, strict=True)
        ]
        with self._transaction():
            self._connection.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            added = sum(row[1] for row in rows)
            overflow, freed = self._trim(self.size_bytes + added - self._max_bytes, in_hand_through)
        self._last_seq += len(rows)
        self.count += len(rows) - overflow.messages
        self.size_bytes += added - freed
        return seqs, overflow

    def _trim(self, excess: int, in_hand_through: int) -> tuple[Overflow, int]:
        overflow, freed, last = Overflow(), 0, 0
        if excess > 0:
            query = 'SELECT seq, size, "values", timestamp FROM messages WHERE seq > ? ORDER BY seq'
            for seq, size, values, timestamp in self._connection.execute(query, (in_hand_through,)):
                moment = datetime.fromisoformat(timestamp)
                overflow.add(Overflow(1, values, moment, moment))
                freed, last = freed + size, seq
                if freed >= excess:
                    break
            self._connection.execute("DELETE FROM messages WHERE seq > ? AND seq <= ?", (in_hand_through, last))
        return overflow, freed

    def oldest(self, after: int, max_messages: int, max_bytes: int) -> list[tuple[int, Message]]:
        """Return the oldest messages behind a place, each with its own, of so many bytes together; at least one."""
        query = (
            'SELECT seq, "values", timestamp, group_field, token, held_since_ms, read_at_ms, raw FROM messages '
            "WHERE seq > ? ORDER BY seq LIMIT ?"
        )
        found = (
            (seq, Message(raw, values, datetime.fromisoformat(timestamp), group=group, read_by=ReadBy(*read_by)))
            for seq, values, timestamp, group, *read_by, raw in self._connection.execute(query, (after, max_messages))
        )
        return [*fitting(found, lambda stored: stored[1].size_bytes, max_bytes)]

    def delete(self, seqs: Sequence[int]) -> int:
        """Strike off messages, in one transaction; return how many were there."""
        gone = []
        with self._transaction():
            for seq in seqs:
                gone += self._connection.execute("DELETE FROM messages WHERE seq = ? RETURNING size", (seq,)).fetchall()
        self.count -= len(gone)
        self.size_bytes -= sum(size for (size,) in gone)
        return len(gone)

    def probe(self) -> None:
        """Write something that changes nothing."""
        with self._transaction():
            self._connection.execute(f"PRAGMA user_version={_VERSION}")

    def close(self) -> None:
        """Write the log into the file and let go of it."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk rolls back by itself.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def is_damage(error: Exception) -> bool:
    """Tell whether the file's content can't be read, now or later."""
    if isinstance(error, sqlite3.NotSupportedError | ValueError):
        return True
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def set_aside(path: Path, moment: datetime) -> Path:
    """Rename a file that can't be read, with its log; return its new name. Raises: OSError."""
    aside = path.with_name(f"{path.name}.damaged-{moment:%Y%m%dT%H%M%S.%f}")
    # The log first: it must never be taken for that of the file that comes after.
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
