"""CSV files for what the sink did not take: appended, synced and proven before anything is settled, never overwritten.

A file is proven, not trusted. Before rows count as backed up, the path must still lead to the file that is written,
with all that was written and nothing else. If not (deleted, moved, its directory replaced, its mount gone, cut short,
or changed by another program), what the open file still holds goes into a new one, and the batch counts there alone.

Names are given exclusively, so that two writers never share a file, and a file that a process left behind is never
written to again: its last line may be torn. Beside each file stands its label (label.py).
"""

import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from math import inf
from pathlib import Path
from typing import Any, Self

from services.writer.backup.files import DiskRoom, disk_room, make_directory, shown, try_out, why
from services.writer.backup.format import HEADERS, csv_text
from services.writer.backup.recovered import give_way, room_taken
from services.writer.backup.written_file import WrittenFile
from services.writer.settings import WriterSettings
from services.writer.sink import Target
from shared.clock import Clock
from shared.errors import TransientError
from shared.records.files import BackupFile, FileKind, FileStage

#: Seconds without a new row after which a file is closed: `recover` takes none that a writer has open.
IDLE_S = 10.0

#: How much room rejected files leave to backups: so many times BACKUP_MIN_FREE_BYTES, and no more than this part of the
#: disk.
_RESERVE_TIMES, _RESERVE_PART = 5, 10

#: What is answered where the disk is full though it said that it is not: a quota, no inode for another file.
_FULL = {errno.ENOSPC, errno.EDQUOT}

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


@dataclass
class CsvBackup:
    """Files of one kind (`backup` or `rejected`) in one directory; safe to use from several threads."""

    directory: Path
    kind: str
    clock: Clock
    _: KW_ONLY
    rotate_bytes: int
    min_free_bytes: int
    on_change: Callable[[Path, BackupFile], None] = lambda _path, _entry: None
    on_fault: Callable[[FileFault], None] = lambda _fault: None
    target: Callable[[], Target] = Target

    def __post_init__(self) -> None:
        self._header = csv_text([HEADERS[self.kind]])
        #: Bytes of recovered files that could give way, as seen at the last look.
        self._could_go = 0
        #: Bytes that may still be written, as seen before the last write; None before the first, or where nobody knows.
        self.free_bytes: int | None = None
        self._lock = threading.Lock()
        self._file: WrittenFile | None = None
        self._used_at = 0.0

    @classmethod
    def of(cls, settings: WriterSettings, kind: str, clock: Clock, **hooks: Any) -> Self:
        """Return the files of a kind as these settings want them; `hooks` are the last three fields."""
        return cls(
            settings.backup_dir, kind, clock,
            rotate_bytes=settings.backup_rotate_bytes, min_free_bytes=settings.backup_min_free_bytes, **hooks,
        )  # fmt: skip

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
            with _failing_as_a_whole(self.directory):
                self._make_room(len(text))
                with self._giving_way():
                    file = self._append_proven(text, len(rows))
            entry = file.entry(FileStage.OPEN)
            if file.size_bytes >= self.rotate_bytes:
                entry = self._close(file)
        self.on_change(file.path, entry)
        return file.path

    def finish(self) -> None:
        """Close the current file, so that `recover` may take it; the next append begins a new one.

        Raises: BackupFailedError: it is not under its path any more, and its rows can't be saved elsewhere now; it
            stays open, since that is the only place where they are.
        """
        self.prove(close_after_s=-inf)

    def prove(self, *, close_after_s: float) -> None:
        """Prove the open file again, and close it when nothing was written to it for so long.

        Raises: BackupFailedError: as `finish`.
        """
        with self._lock:
            with _failing_as_a_whole(self.directory):
                file = self._proven()
            is_done_with = self.clock.monotonic() - self._used_at > close_after_s
            entry = self._close(file) if file is not None and is_done_with else None
        if file is not None and entry is not None:
            self.on_change(file.path, entry)

    def check(self) -> list[str]:
        """See whether a file could be written now; return what the mount can't do that backups do without.

        Raises: BackupFailedError.
        """
        # Without the lock: a disk that hangs may hang here, and nothing else with it.
        with _failing_as_a_whole(self.directory):
            self._could_go = room_taken(self.directory)
            self._judge(disk_room(self.directory), 0, more=self._could_go)
            return try_out(self.directory)

    def _make_room(self, size: int) -> None:
        """See to it that `size` bytes may be written: what is in the table gives way. Raises: as `_judge`; OSError."""
        disk = disk_room(self.directory)
        freed = 0 if disk is None else give_way(self.directory, self._kept_bytes(disk) + size - disk.free)
        self._judge(disk, size, more=freed)
        self._could_go = max(0, self._could_go - freed)
        if self.free_bytes is not None:
            self.free_bytes += self._could_go

    @contextmanager
    def _giving_way(self) -> Iterator[None]:
        """Where the disk turns out to be full, make room for the next try: one file, since nobody says of what."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                give_way(self.directory, 1)
            raise

    def _kept_bytes(self, disk: DiskRoom) -> int:
        """Return what must stay free: of rejected files more than of backups."""
        if self.kind == FileKind.REJECTED:
            return self.min_free_bytes + min(_RESERVE_TIMES * self.min_free_bytes, disk.total // _RESERVE_PART)
        return self.min_free_bytes

    def _judge(self, disk: DiskRoom | None, size: int, *, more: int) -> None:
        """Take note of the room, `more` being what is free beside what the disk says.

        Raises: BackupFailedError: `size` bytes are too many.
        """
        if disk is None:
            self.free_bytes = None
            return
        left = disk.free + more - size
        self.free_bytes = max(0, left - self.min_free_bytes)
        if left < self.min_free_bytes:
            raise BackupFailedError(
                f"{shown(self.directory)}: {disk.free} bytes free and {size} to write, "
                f"BACKUP_MIN_FREE_BYTES={self.min_free_bytes} must stay free"
            )
        if left < (kept := self._kept_bytes(disk)):
            raise NoRoomForRejectsError(
                f"{shown(self.directory)}: {left} bytes would be left, and {kept} are kept "
                "for backups. Make room, or move rejected_*.csv that are seen to away"
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
        raise BackupFailedError(f"{shown(self.directory)}: somebody changes files as quickly as they are written")

    def _proven(self, unsettled: int = 0) -> WrittenFile | None:
        """Return the open file once it is under its path as it was written; what is not goes into a new one first.

        unsettled: rows at its end that don't count as backed up yet.
        """
        for _ in range(_REPLACEMENTS):
            if self._file is None or (reason := self._file.fault()) is None:
                return self._file
            self._replace(self._file, reason, unsettled)
        raise BackupFailedError(f"{shown(self.directory)}: somebody takes files away as quickly as they are made")

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
        file.replaced_by(new, self.target())
        lost = max(0, file.rows - new.rows - unsettled)
        self.on_fault(FileFault(file.path, reason, new.path, new.rows, lost))

    def _leave(self, file: WrittenFile, reason: str, new: WrittenFile, unsettled: int) -> None:
        """Go on with a new file; what was changed stays where it is, and its label says that it was."""
        new.is_whole = False
        self._file = new
        file.replaced_by(None, self.target())
        self.on_change(file.path, file.entry(FileStage.WAITING))
        self.on_fault(FileFault(file.path, reason, new.path, 0, 0, left=max(0, file.rows - unsettled)))

    def _create(self, avoid: Path | None = None) -> WrittenFile:
        make_directory(self.directory)
        return WrittenFile.create(self.directory, self.kind, self._header, self.clock.now(), self.target(), avoid)

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
                self.on_change(file.path, self._close(file))
            raise
        self._used_at = self.clock.monotonic()

    def _close(self, file: WrittenFile) -> BackupFile:
        self._file = None
        file.close(self.target())
        return file.entry(FileStage.WAITING)


@contextmanager
def _failing_as_a_whole(directory: Path) -> Iterator[None]:
    """Make a BackupFailedError of what the file system says."""
    try:
        yield
    except OSError as error:
        raise BackupFailedError(f"{shown(directory)}: {why(error, directory)}") from error
