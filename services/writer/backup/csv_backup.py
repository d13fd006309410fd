"""CSV files for what the sink did not take: appended, synced and proven before anything is settled, never overwritten.

A file is proven, not trusted. Before rows count as backed up, the path must still lead to the file that is written,
with all that was written and nothing else. If not (deleted, moved, its directory replaced, its mount gone, cut short,
or changed by another program), what the open file still holds goes into a new one, and the batch counts there alone.

Names are given exclusively, so that two writers never share a file, and a file that a process left behind is never
written to again: its last line may be torn. Beside each file stands its label (label.py).
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.writer.backup.files import RECOVERED_DIRECTORY, make_directory, recovered_bytes, shown, try_out, why
from services.writer.backup.format import HEADERS, csv_text
from services.writer.backup.written_file import FileState, WrittenFile
from services.writer.sink import Target
from shared.clock import Clock
from shared.errors import TransientError
from shared.records.files import FileKind

#: Seconds without a new row after which a file is closed: `recover` takes none that a writer has open.
IDLE_S = 10.0

#: How much room rejected files leave to backups: so many times BACKUP_MIN_FREE_BYTES, and no more than this part of the
#: disk.
_RESERVE_TIMES, _RESERVE_PART = 5, 10

#: Bytes in recovered/ from which on it is worth saying that they could go.
_WORTH_SAYING = 50_000_000

#: Times that a file is replaced in one go: somebody may take files away as quickly as they are made.
_REPLACEMENTS = 3


class BackupFailedError(TransientError):
    """The file could not be written (disk full, no permission, no directory); nothing counts as backed up."""


class NoRoomForRejectsError(BackupFailedError):
    """What room is left is kept for backups: what Oracle refused must not crowd out what it will take."""


@dataclass(frozen=True)
class FileFault:
    """Somebody took a file away, or changed it, while it was written."""

    path: Path
    reason: str
    replacement: Path
    carried: int  #: rows that are in the replacement
    lost: int  #: rows that counted as backed up and are nowhere any more
    left: int | None = None  #: rows that stay in the file, since nobody knows which of them were changed

    def __str__(self) -> str:
        if self.left is not None:
            return (
                f"{shown(self.path)}: {self.reason}. Its {self.left} rows stay in it as they are now, and `recover` "
                f"takes it only with --anyway: a person must look at it. What comes goes to {shown(self.replacement)}"
            )
        lost = f"; {self.lost} rows could not be saved and are LOST" if self.lost else "; no row is lost"
        return f"{shown(self.path)}: {self.reason}. Its {self.carried} rows are in {shown(self.replacement)} now{lost}"


class CsvBackup:
    """Files of one kind (`backup` or `rejected`) in one directory; safe to use from several threads."""

    def __init__(
        self,
        directory: Path,
        kind: str,
        clock: Clock,
        *,
        rotate_bytes: int,
        min_free_bytes: int,
        on_change: Callable[[FileState], None] = lambda _state: None,
        on_fault: Callable[[FileFault], None] = lambda _fault: None,
        target: Callable[[], Target] = Target,
    ) -> None:
        self._directory = directory
        self._kind = kind
        self._header = csv_text([HEADERS[kind]])
        self._clock = clock
        self._rotate_bytes = rotate_bytes
        self._min_free_bytes = min_free_bytes
        #: Bytes that may still be written, as seen before the last write; None before the first, or where nobody knows.
        self.free_bytes: int | None = None
        self._on_change = on_change
        self.on_fault = on_fault
        self._target = target
        self._lock = threading.Lock()
        self._file: WrittenFile | None = None
        self._used_at = 0.0

    @property
    def open_rows(self) -> int:
        """Rows in the file that is open now."""
        file = self._file
        return 0 if file is None else file.rows

    def append(self, rows: Sequence[Sequence[Any]]) -> Path:
        """Add rows to the current file and sync them to the disk; return the file's path.

        Raises: BackupFailedError: none of these rows is backed up.
        """
        text = csv_text(rows)
        with self._lock:
            with _failing_as_a_whole(self._directory):
                self._check_room(len(text))
                file = self._append_proven(text, len(rows))
            state = file.state(is_open=True)
            if file.size_bytes >= self._rotate_bytes:
                state = self._close(file)
        self._on_change(state)
        return file.path

    def finish(self) -> None:
        """Close the current file, so that `recover` may take it; the next append begins a new one.

        Raises: BackupFailedError: it is not under its path any more, and its rows can't be saved elsewhere now; it
            stays open, since that is the only place where they are.
        """
        self._close_if(lambda: True)

    def prove(self, *, close_after_s: float) -> None:
        """Prove the open file again, and close it when nothing was written to it for so long.

        Raises: BackupFailedError: as `finish`.
        """
        self._close_if(lambda: self._clock.monotonic() - self._used_at > close_after_s)

    def check(self) -> list[str]:
        """See whether a file could be written now; return what the mount can't do that backups do without.

        Raises: BackupFailedError.
        """
        # Without the lock: a disk that hangs may hang here, and nothing else with it.
        with _failing_as_a_whole(self._directory):
            self._check_room(0)
            return try_out(self._directory)

    def _close_if(self, is_wanted: Callable[[], bool]) -> None:
        state = None
        with self._lock:
            with _failing_as_a_whole(self._directory):
                file = self._proven()
            if file is not None and is_wanted():
                state = self._close(file)
        if state is not None:
            self._on_change(state)

    def _check_room(self, size: int) -> None:
        try:
            disk = os.statvfs(self._directory)
        except FileNotFoundError:
            make_directory(self._directory)
            disk = os.statvfs(self._directory)
        if not disk.f_blocks:
            # Some network mounts don't say; then a full disk is found out by writing.
            self.free_bytes = None
            return
        free = disk.f_bavail * disk.f_frsize
        if self._kind == FileKind.REJECTED:
            self._check_reserve(free - size, disk.f_blocks * disk.f_frsize)
        self.free_bytes = max(0, free - size - self._min_free_bytes)
        if free - size < self._min_free_bytes:
            raise BackupFailedError(
                f"{shown(self._directory)}: {free} bytes free and {size} to write, "
                f"BACKUP_MIN_FREE_BYTES={self._min_free_bytes} must stay free{self._could_go()}"
            )

    def _could_go(self) -> str:
        """Return, in words, what of ours fills the disk and is in the table; nothing where that is little."""
        size = recovered_bytes(self._directory)
        if size < _WORTH_SAYING:
            return ""
        return f". {shown(self._directory / RECOVERED_DIRECTORY)} has {size / 1e9:,.1f} GB that are in the table"

    def _check_reserve(self, left: int, total: int) -> None:
        reserve = min(_RESERVE_TIMES * self._min_free_bytes, total // _RESERVE_PART)
        if self._min_free_bytes <= left < self._min_free_bytes + reserve:
            raise NoRoomForRejectsError(
                f"{shown(self._directory)}: {left} bytes would be left, and {self._min_free_bytes + reserve} are kept "
                f"for backups. Make room, or move rejected_*.csv that are seen to away{self._could_go()}"
            )

    def _append_proven(self, text: bytes, rows: int) -> WrittenFile:
        """Write rows and prove that they are where they should be. Raises: OSError, BackupFailedError: they are not."""
        file = self._file = self._proven() or self._create()
        for _ in range(_REPLACEMENTS):
            self._write(file, text, rows)
            proven = self._proven(unsettled=rows)
            if proven is None:
                raise RuntimeError("the file that was written is not open any more")
            if proven is file or proven.is_whole:
                return proven
            # The file was cut or changed just now, and these rows may be what is missing: they are written again.
            file = proven
        raise BackupFailedError(f"{shown(self._directory)}: somebody changes files as quickly as they are written")

    def _proven(self, unsettled: int = 0) -> WrittenFile | None:
        """Return the open file once it is under its path as it was written; what is not goes into a new one first.

        unsettled: rows at its end that don't count as backed up yet.
        """
        for _ in range(_REPLACEMENTS):
            if self._file is None or (reason := self._file.fault()) is None:
                return self._file
            self._replace(self._file, reason, unsettled)
        raise BackupFailedError(f"{shown(self._directory)}: somebody takes files away as quickly as they are made")

    def _replace(self, file: WrittenFile, reason: str, unsettled: int) -> None:
        """Put what an open file still holds into a new one, unless it may be other values now.

        Raises: OSError: it stays open as it is.
        """
        new = self._create(avoid=file.path)
        if file.is_changed:
            self._leave(file, reason, new, unsettled)
            return
        try:
            new.take_over(file)
        except OSError:
            new.discard()
            raise
        self._file = new
        file.replaced_by(new, self._target())
        lost = max(0, file.rows - new.rows - unsettled)
        self.on_fault(FileFault(file.path, reason, new.path, new.rows, lost))

    def _leave(self, file: WrittenFile, reason: str, new: WrittenFile, unsettled: int) -> None:
        """Go on with a new file; what was changed stays where it is, and its label says that it was."""
        new.is_whole = False
        self._file = new
        file.replaced_by(None, self._target())
        self._on_change(file.state(is_open=False))
        self.on_fault(FileFault(file.path, reason, new.path, 0, 0, left=max(0, file.rows - unsettled)))

    def _create(self, avoid: Path | None = None) -> WrittenFile:
        make_directory(self._directory)
        return WrittenFile.create(self._directory, self._kind, self._header, self._clock.now(), self._target(), avoid)

    def _write(self, file: WrittenFile, text: bytes, rows: int) -> None:
        try:
            file.write(text, rows)
        except OSError:
            # After a failed fsync the file's fate is unknown (the kernel may have dropped the pages), so it is left
            # behind for good; but not one that nobody finds any more: its rows are nowhere else. One without rows is
            # taken away: where each try fails (a quota, a limit on a file's size) there would be one for each.
            if not file.rows and file.is_in_place:
                self._file = None
                file.discard()
            elif file.is_in_place:
                self._on_change(self._close(file))
            raise
        self._used_at = self._clock.monotonic()

    def _close(self, file: WrittenFile) -> FileState:
        self._file = None
        return file.close(self._target())


@contextmanager
def _failing_as_a_whole(directory: Path) -> Iterator[None]:
    """Make a BackupFailedError of what the file system says."""
    try:
        yield
    except OSError as error:
        raise BackupFailedError(f"{shown(directory)}: {why(error, directory)}") from error
