"""The list of backup files in Redis, for the monitor. The directory is the truth; the list is made from it."""

import csv
import fcntl
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.writer.backup.csv_backup import FileState
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.redis_link import RedisLink

#: States of a file: a writer appends to it, it waits for `recover`, `recover` reads it, its rows are in the table.
OPEN, WAITING, RECOVERING, RECOVERED = "open", "waiting", "recovering", "recovered"

#: Recovered files kept in the list.
MAX_RECOVERED = 100


class Manifest:
    """The entries of one backup directory; safe to use from several threads. Never fails its caller."""

    def __init__(self, link: RedisLink, keys: Keys, directory: Path) -> None:
        self._link = link
        self._key = keys.backup_files
        self._directory = directory
        self._here = {"host": socket.gethostname(), "directory": str(directory.resolve())}
        self._lock = threading.Lock()
        self._unsaid: dict[str, dict[str, Any]] = {}

    def note(self, state: FileState) -> None:
        """Take note of a file that changed; `flush` says it."""
        self.set(
            state.path,
            OPEN if state.is_open else WAITING,
            rows=state.rows,
            size_bytes=state.size_bytes,
            created=state.created.timestamp(),
        )

    def set(self, path: Path, state: str, *, rows: int, size_bytes: int, created: float) -> None:
        """Take note of a file's state."""
        with self._lock:
            self._unsaid[path.name] = {
                "rows": rows,
                "bytes": size_bytes,
                "created": round(created, 3),
                "state": state,
                "kind": path.name.split("_", 1)[0],
                **self._here,
            }

    def flush(self) -> None:
        """Write what changed; what can't be written now is written by a later flush."""
        with self._lock:
            entries, self._unsaid = self._unsaid, {}
        if not entries:
            return
        parts = [part for name, entry in entries.items() for part in (name, json.dumps(entry, ensure_ascii=False))]
        try:
            self._link.command("HSET", self._key, *parts)
        except RedisUnavailableError:
            with self._lock:
                self._unsaid = {**entries, **self._unsaid}

    def rebuild(self) -> None:
        """Make the entries agree with the directory: files missing in the list, gone from the disk, or left behind.

        Raises: RedisUnavailableError.
        """
        known = {name: json.loads(entry) for name, entry in self._link.hash(self._key).items()}
        files = {path.name: path for path in [*recovered_files(self._directory), *backup_files(self._directory)]}
        for name, path in files.items():
            state = RECOVERED if path.parent.name == "recovered" else WAITING
            # A file in use is told of by who uses it.
            if known.get(name, {}).get("state") != state and not _is_in_use(path):
                self._set_from_file(path, state)
        gone = [name for name, entry in known.items() if self._here.items() <= entry.items() and name not in files]
        if gone:
            self._link.command("HDEL", self._key, *gone)
        self.flush()

    def _set_from_file(self, path: Path, state: str) -> None:
        with suppress(OSError):
            size_bytes = path.stat().st_size
            self.set(path, state, rows=count_rows(path), size_bytes=size_bytes, created=created_at(path).timestamp())


def backup_files(directory: Path) -> list[Path]:
    """Return the files of a directory that hold rows which are not in the table, oldest first."""
    return sorted([*directory.glob("backup_*.csv"), *directory.glob("rejected_*.csv")], key=_age_order)


def recovered_files(directory: Path) -> list[Path]:
    """Return the newest files that were put into the table."""
    return sorted((directory / "recovered").glob("*.csv"), key=_age_order)[-MAX_RECOVERED:]


def created_at(path: Path) -> datetime:
    """Return when a file was begun, from its name; else when it was last changed."""
    try:
        return datetime.strptime("_".join(path.stem.split("_")[1:3]), "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def count_rows(path: Path) -> int:
    """Return the number of complete rows in a file; what follows a line that is no CSV is not counted.

    Raises: OSError.
    """
    lines = 0
    with suppress(csv.Error):
        for _ in complete_lines(path):
            lines += 1
    return max(0, lines - 1)


def _is_in_use(path: Path) -> bool:
    """Tell whether a writer or a recovery holds the file; see `CsvBackup` for the lock."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def complete_lines(path: Path) -> Iterator[list[str]]:
    """Yield the cells of every complete line, the header first; a torn last line is left out.

    Raises: OSError.
    """
    # Lines end with \n alone: a carriage return is part of a value.
    with path.open(encoding="utf-8", newline="\n", errors="replace") as file:
        reader = csv.reader(_until_last_newline(file))
        yield from reader


def _until_last_newline(lines: Iterator[str]) -> Iterator[str]:
    return (line for line in lines if line.endswith("\n"))


def _age_order(path: Path) -> tuple[str, int, str]:
    parts = path.stem.split("_")
    number = int(parts[3]) if len(parts) > 3 and parts[3].isdecimal() else 1  # noqa: PLR2004 - kind, day, time, number
    return "_".join(parts[1:3]), number, path.name
