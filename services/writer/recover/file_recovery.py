"""Putting one backup file into the table: read, insert, set aside what the table does not take, move the file.

Idempotent: the table's key tells which rows are there already, so it may be interrupted anywhere and begun again.
"""

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self

from services.writer.backup.csv_backup import CsvBackup, rejected_row
from services.writer.backup.reader import BackupReader, ReadBatch, WrongHeaderError
from services.writer.deliver.insertion import Insertion, insert_with_retries
from services.writer.deliver.report import tell_conflicts
from services.writer.recover.progress import RecoveryDiary
from services.writer.sink import CONFLICT, RowError, Sink
from shared.clock import Clock
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.models import TagValue

#: Where files go that are through, beside where they were.
RECOVERED_DIRECTORY = "recovered"

#: Bad lines of one file that are logged one by one.
BAD_LINES_NAMED = 10

_log = get_logger()


class FileInUseError(Exception):
    """A writer still writes the file, or another process puts it back; leave it for later."""


class UnusableFileError(Exception):
    """The file can't be read, or is no backup file; it stays where it is. The text says what is wrong."""


@dataclass
class Tally:
    """What became of the rows of one file, or of several. Unit: rows."""

    read: int = 0
    written: int = 0
    duplicates: int = 0  #: in the table already
    conflicts: int = 0  #: the table holds another value or quality under the same key: in a rejected_*.csv
    rejected: int = 0  #: the table can't hold them: in a rejected_*.csv
    bad_lines: int = 0  #: no values: in a rejected_*.csv
    torn: int = 0  #: torn last lines

    def add(self, other: "Tally") -> None:
        """Add another file's figures."""
        for figure in fields(self):
            setattr(self, figure.name, getattr(self, figure.name) + getattr(other, figure.name))

    def __str__(self) -> str:
        parts = [f"{self.read} rows read, {self.written} written, {self.duplicates} in the table already"]
        parts += [f"{self.conflicts} there with another value (rejected)"] if self.conflicts else []
        parts += [f"{self.rejected} rejected"] if self.rejected else []
        parts += [f"{self.bad_lines} bad lines"] if self.bad_lines else []
        parts += ["last line torn" if self.torn == 1 else f"{self.torn} torn last lines"] if self.torn else []
        return ", ".join(parts)


class OpenFile:
    """A backup file that this process alone reads, as a context manager.

    Raises: FileInUseError, UnusableFileError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
        except FileNotFoundError:
            if (path.parent / RECOVERED_DIRECTORY / path.name).exists():
                raise FileInUseError(f"{path}: left out, another process has just put it back") from None
            raise UnusableFileError(f"{path}: there is no such file") from None
        except OSError as error:
            raise UnusableFileError(f"{path}: can't be read ({error.strerror})") from error
        try:
            self._lock()
            self.size_bytes = os.fstat(self._file.fileno()).st_size
            self.reader = BackupReader(self._file)
        except WrongHeaderError as error:
            self._file.close()
            raise UnusableFileError(f"{path}: {error}; put it right, or take the file away") from error
        except OSError as error:
            self._file.close()
            raise UnusableFileError(f"{path}: can't be read ({error.strerror})") from error
        except FileInUseError:
            self._file.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileInUseError(
                f"{self.path}: left out, still being written by a writer (or put back by another process)"
            ) from None
        # Another process may have put it back and moved it between open and lock.
        if not self.path.exists() or not os.path.samestat(self.path.stat(), os.fstat(self._file.fileno())):
            raise FileInUseError(f"{self.path}: left out, another process has just put it back")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class Recovery:
    """Puts files back, one batch at a time."""

    def __init__(
        self,
        sink: Sink,
        rejects: CsvBackup,
        diary: RecoveryDiary,
        clock: Clock,
        retry_delays_s: Sequence[float],
    ) -> None:
        self.sink = sink
        self.rejects = rejects
        self.diary = diary
        self.clock = clock
        self.retry_delays_s = list(retry_delays_s)

    def begin(self, file: OpenFile) -> "FileRecovery":
        """Begin with a file."""
        self.diary.takes(file.path, file.size_bytes)
        return FileRecovery(self, file)


class FileRecovery:
    """One file on its way into the table."""

    def __init__(self, recovery: Recovery, file: OpenFile) -> None:
        self._all = recovery
        self._file = file
        self._batch: ReadBatch | None = None
        self._insert: Insertion | None = None
        self._first_conflict: tuple[TagValue, RowError] | None = None
        self.tally = Tally()

    @property
    def position(self) -> int:
        """Bytes of the file that are dealt with."""
        return self._file.reader.position

    def step(self, max_rows: int, stop: StopFlag) -> bool:
        """Deal with the next batch; return False when there is none.

        Raises: SinkError, BackupFailedError: call it again to go on where it stands; OSError: the file.
        """
        if self._batch is None:
            self._batch = self._file.reader.read(max_rows)
            self._insert = Insertion(self._batch.values)
        batch, insert = self._batch, self._insert
        if not batch.rows or insert is None:
            return False
        written_before = insert.written
        try:
            if insert.rest:
                error = insert_with_retries(insert, self._all.sink, self._all.retry_delays_s, stop)
                if error is not None:
                    raise error
        finally:
            self._all.diary.wrote(insert.written - written_before)
        self._set_aside(batch, insert)
        self._batch = None
        self._count(batch, insert)
        return True

    def finish(self) -> Path:
        """Move the file, which is through, to `recovered/`; return where it is now.

        Raises: OSError: it stays; put back again, all its rows are duplicates.
        """
        self.tally.torn = int(self._file.reader.torn_line is not None)
        if self.tally.torn:
            _log.warning(
                f"{self._file.path}: line {self._file.reader.torn_line} is torn and left out; the writer that was "
                "killed while writing it had settled none of that batch"
            )
        path = self._file.path
        moved_to = path if path.parent.name == RECOVERED_DIRECTORY else move_to_recovered(path)
        if self._first_conflict is not None:
            tell_conflicts(self._all.diary.events, self.tally.conflicts, *self._first_conflict)
        message = f"Recovered {path.name}: {self.tally}"
        self._all.diary.finished(path, moved_to, self.tally.read, self._file.size_bytes, message)
        return moved_to

    def leave(self) -> None:
        """Say that the file stays where it is; what is in the table of the batch begun last counts."""
        if self._insert is not None and self._batch is not None:
            self.tally.read += self._insert.written + len(self._insert.duplicates)
            self.tally.written += self._insert.written
            self.tally.duplicates += len(self._insert.duplicates)
            self._batch = None
        self._all.diary.leaves(self._file.path, self._file.size_bytes)

    def _set_aside(self, batch: ReadBatch, insert: Insertion) -> None:
        now = self._all.clock.now().isoformat(timespec="milliseconds")
        name = self._file.path.name
        rows: list[tuple[object, ...]] = [line.rejected_row(name, now) for line in batch.bad_lines]
        rows += [rejected_row(value, now, error) for value, error in insert.rejected]
        if not rows:
            return
        aside = self._all.rejects.append(rows)
        for line in batch.bad_lines[: max(0, BAD_LINES_NAMED - self.tally.bad_lines)]:
            _log.warning(f"{self._file.path} line {line.line}: {line.reason}; kept in {aside}")
        if insert.rejected:
            value, error = insert.rejected[0]
            _log.warning(
                f"{self._file.path}: {len(insert.rejected)} rows rejected, kept in {aside}; "
                f"first: {value.tag_name} at {value.timestamp}: {error.message}"
            )

    def _count(self, batch: ReadBatch, insert: Insertion) -> None:
        self.tally.read += batch.rows
        self.tally.written += insert.written
        self.tally.duplicates += len(insert.duplicates)
        conflicts = [(value, error) for value, error in insert.rejected if error.code == CONFLICT]
        self._first_conflict = self._first_conflict or next(iter(conflicts), None)
        self.tally.conflicts += len(conflicts)
        self.tally.rejected += len(insert.rejected) - len(conflicts)
        self.tally.bad_lines += len(batch.bad_lines)


def move_to_recovered(path: Path) -> Path:
    """Move a file to `recovered/` beside it, under a name that nobody has there; return where it is.

    Raises: OSError: it is where it was.
    """
    directory = path.parent / RECOVERED_DIRECTORY
    directory.mkdir(exist_ok=True)
    number = 1
    while True:
        target = directory / (path.name if number == 1 else f"{path.stem}_{number}{path.suffix}")
        try:
            # Taken first, since a rename replaces what is there.
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
        except FileExistsError:
            number += 1
            continue
        try:
            path.replace(target)
        except OSError:
            with suppress(OSError):
                target.unlink()
            raise
        return target
