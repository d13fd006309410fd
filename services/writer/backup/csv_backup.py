r"""CSV files for what Oracle did not take: appended, synced before anything is settled, never overwritten.

Format: UTF-8, comma, quotes where needed, `\n` at line ends, a header line. Times have their microseconds. An empty
cell is no value. Names are given exclusively, so that two writers never share a file, and a file that a process left
behind is never written to again: its last line may be torn.
"""

import csv
import fcntl
import io
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from services.writer.sink import RowError
from shared.clock import Clock
from shared.models import TagValue

HEADER = ("timestamp", "plc_code", "tag_address", "tag_name", "tag_value", "quality", "insertion_attempt_time")
REJECTED_HEADER = (*HEADER, "error_code", "error_message")

#: Error code of an element of the buffer that is no value; its text stands in the place of a value.
NOT_A_VALUE = "NOT_A_VALUE"


class BackupFailedError(Exception):
    """The file could not be written (disk full, no permission, no directory); nothing counts as saved."""


@dataclass
class _OpenFile:
    path: Path
    descriptor: int
    size: int
    rows: int
    created: datetime


@dataclass(frozen=True)
class FileState:
    """A backup file as it stands now; for the manifest."""

    path: Path
    rows: int
    size_bytes: int
    created: datetime
    is_open: bool


class CsvBackup:
    """Files of one kind (`backup` or `rejected`) in one directory; safe to use from several threads."""

    def __init__(
        self,
        directory: Path,
        kind: str,
        header: Sequence[str],
        clock: Clock,
        *,
        rotate_bytes: int,
        min_free_bytes: int,
        on_change: Callable[[FileState], None] = lambda _state: None,
    ) -> None:
        self._directory = directory
        self._kind = kind
        self._header = header
        self._clock = clock
        self._rotate_bytes = rotate_bytes
        self._min_free_bytes = min_free_bytes
        #: Bytes that may still be written, as seen before the last write; None before the first.
        self.free_bytes: int | None = None
        self._on_change = on_change
        self._lock = threading.Lock()
        self._file: _OpenFile | None = None

    def append(self, rows: Sequence[Sequence[Any]]) -> Path:
        """Add rows to the current file and sync them to the disk; return the file's path.

        Raises: BackupFailedError: none of these rows is saved.
        """
        text = _csv_text(rows)
        with self._lock:
            try:
                self._check_room(len(text))
                file = self._file or self._create()
                self._write(file, text, len(rows))
            except OSError as error:
                raise BackupFailedError(f"{self._directory}: {error.strerror or error}") from error
            state = self._state(file, is_open=True)
            if file.size >= self._rotate_bytes:
                state = self._close()
        self._on_change(state)
        return file.path

    def finish(self) -> None:
        """Close the current file, so that `recover` may take it; the next append begins a new one."""
        with self._lock:
            if self._file is None:
                return
            state = self._close()
        self._on_change(state)

    def check(self) -> None:
        """See whether a file could be written now.

        Raises: BackupFailedError.
        """
        with self._lock:
            try:
                self._check_room(0)
                probe = self._directory / f".probe-{os.getpid()}"
                probe.write_bytes(b"x")
                probe.unlink()
            except OSError as error:
                raise BackupFailedError(f"{self._directory}: {error.strerror or error}") from error

    def _check_room(self, size: int) -> None:
        try:
            disk = os.statvfs(self._directory)
        except FileNotFoundError:
            self._directory.mkdir(parents=True, exist_ok=True)
            disk = os.statvfs(self._directory)
        free = disk.f_bavail * disk.f_frsize
        self.free_bytes = max(0, free - size - self._min_free_bytes)
        if free - size < self._min_free_bytes:
            raise BackupFailedError(
                f"{self._directory}: {free} bytes free and {size} to write, "
                f"BACKUP_MIN_FREE_BYTES={self._min_free_bytes} must stay free"
            )

    def _create(self) -> _OpenFile:
        created = self._clock.now()
        descriptor, path = create_exclusively(self._directory, self._kind, created)
        # Held while the file is written: `recover` leaves a locked file alone.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file = _OpenFile(path, descriptor, 0, 0, created)
        try:
            self._write(file, _csv_text([self._header]), 0)
            _sync_directory(self._directory)
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
            raise
        self._file = file
        return file

    def _write(self, file: _OpenFile, text: bytes, rows: int) -> None:
        try:
            view = memoryview(text)
            while view:
                view = view[os.write(file.descriptor, view) :]
            os.fsync(file.descriptor)
        except OSError:
            # What is half written must not stand before the next rows. After a failed fsync the file's fate is
            # unknown (the kernel may have dropped the pages), so it is left behind for good.
            with suppress(OSError):
                os.ftruncate(file.descriptor, file.size)
            if self._file is file:
                self._on_change(self._close())
            raise
        file.size += len(text)
        file.rows += rows

    def _close(self) -> FileState:
        file = self._file
        if file is None:
            raise RuntimeError("no file is open")
        self._file = None
        with suppress(OSError):
            os.close(file.descriptor)
        return self._state(file, is_open=False)

    @staticmethod
    def _state(file: _OpenFile, *, is_open: bool) -> FileState:
        return FileState(file.path, file.rows, file.size, file.created, is_open)


def create_exclusively(directory: Path, kind: str, moment: datetime) -> tuple[int, Path]:
    """Create `<kind>_YYYYMMDD_HHMMSS.csv` (UTC), or the same with _2, _3... where it is taken; return it open.

    Raises: OSError.
    """
    stem = f"{kind}_{moment.astimezone(UTC):%Y%m%d_%H%M%S}"
    number = 1
    while True:
        path = directory / (f"{stem}.csv" if number == 1 else f"{stem}_{number}.csv")
        # A file that was recovered keeps its name in recovered/: it must not be given twice.
        if not (directory / "recovered" / path.name).exists():
            try:
                return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640), path
            except FileExistsError:
                pass
        number += 1


def backup_row(value: TagValue, attempted_at: str) -> tuple[Any, ...]:
    """Return the cells of a value; `attempted_at` is when it was last tried (ISO 8601, UTC)."""
    return (
        _time_text(value.timestamp),
        value.plc_code,
        value.tag_address,
        value.tag_name,
        value.tag_value,
        value.quality,
        attempted_at,
    )


@lru_cache(maxsize=1024)
def _time_text(timestamp: datetime) -> str:
    # Most values of a batch are of one time, and its text takes as long as the rest of the row.
    return timestamp.isoformat(sep=" ", timespec="microseconds")


def rejected_row(value: TagValue, attempted_at: str, error: RowError) -> tuple[Any, ...]:
    """Return the cells of a value that Oracle refused for itself."""
    return (*backup_row(value, attempted_at), error.code, error.message)


def _csv_text(rows: Sequence[Sequence[Any]]) -> bytes:
    text = _rendered(rows, csv.QUOTE_MINIMAL)
    # Before 3.13 the module leaves a lone carriage return unquoted, and then reads it as the end of the line.
    return (_rendered(rows, csv.QUOTE_ALL) if "\r" in text else text).encode()


def _rendered(rows: Sequence[Sequence[Any]], quoting: Literal[0, 1]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n", quoting=quoting).writerows(rows)
    return buffer.getvalue()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
