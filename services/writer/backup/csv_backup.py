"""CSV files for what the sink did not take: appended, synced and proven before anything is settled, never overwritten.

A file is proven, not trusted. Before rows count as saved, the path must still lead to the file that is written, with
all that was written and nothing else. If not (deleted, moved, its directory replaced, its mount gone, cut short, or
changed by another program), what the open file still holds goes into a new one, and the batch counts only in there.

Names are given exclusively, so that two writers never share a file, and a file that a process left behind is never
written to again: its last line may be torn. Beside each file stands its label (label.py).
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from services.writer.backup.files import create_exclusively, lock, shown, sync_directory, try_out, write_all
from services.writer.backup.format import RecordCounter, csv_text
from services.writer.backup.label import Label, remove_label, write_label
from services.writer.sink import Target
from shared.clock import Clock

#: Seconds without a new row after which a file is closed: `recover` takes none that a writer has open.
IDLE_S = 10.0

#: Times that a file is replaced in one go: somebody may take files away as quickly as they are made.
_REPLACEMENTS = 3

_PIECE = 1024 * 1024


class BackupFailedError(Exception):
    """The file could not be written (disk full, no permission, no directory); nothing counts as saved."""


@dataclass
class _OpenFile:
    path: Path
    descriptor: int
    created: datetime
    size: int = 0
    rows: int = 0
    changed_ns: int = 0  #: when it was last written to, as the file system says
    digest: Any = field(default_factory=hashlib.sha256)
    used_at: float = 0.0  #: monotonic
    is_whole: bool = True  #: what the file before it held was brought over unchanged


@dataclass(frozen=True)
class FileState:
    """A backup file as it stands now; for the manifest."""

    path: Path
    rows: int
    size_bytes: int
    created: datetime
    is_open: bool


@dataclass(frozen=True)
class FileFault:
    """Somebody took a file away, or changed it, while it was written."""

    path: Path
    reason: str
    replacement: Path
    saved: int  #: rows that are in the replacement
    lost: int  #: rows that counted as saved and are nowhere any more

    def __str__(self) -> str:
        lost = f"; {self.lost} rows could not be saved and are LOST" if self.lost else "; no row is lost"
        return f"{shown(self.path)}: {self.reason}. Its {self.saved} rows are in {shown(self.replacement)} now{lost}"


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
        on_fault: Callable[[FileFault], None] = lambda _fault: None,
        target: Callable[[], Target] = Target,
    ) -> None:
        self._directory = directory
        self._kind = kind
        self._header = csv_text([header])
        self._clock = clock
        self._rotate_bytes = rotate_bytes
        self._min_free_bytes = min_free_bytes
        #: Bytes that may still be written, as seen before the last write; None before the first, or where nobody knows.
        self.free_bytes: int | None = None
        self._on_change = on_change
        self.on_fault = on_fault
        self._target = target
        self._lock = threading.Lock()
        self._file: _OpenFile | None = None

    def append(self, rows: Sequence[Sequence[Any]]) -> Path:
        """Add rows to the current file and sync them to the disk; return the file's path.

        Raises: BackupFailedError: none of these rows is saved.
        """
        text = csv_text(rows)
        with self._lock:
            with _failing_as_a_whole(self._directory):
                self._check_room(len(text))
                file = self._append_proven(text, len(rows))
            state = self._state(file, is_open=True)
            if file.size >= self._rotate_bytes:
                state = self._close(file)
        self._on_change(state)
        return file.path

    def finish(self) -> None:
        """Close the current file, so that `recover` may take it; the next append begins a new one.

        Raises: BackupFailedError: it is not under its path any more, and its rows can't be saved elsewhere now; it
            stays open, since that is the only place where they are.
        """
        self._close_if(lambda _file: True)

    def look_after(self, *, close_idle: bool) -> None:
        """Prove the open file again; `close_idle`: and close it when nothing was written to it for a while.

        Raises: BackupFailedError: as `finish`.
        """
        self._close_if(lambda file: close_idle and self._clock.monotonic() - file.used_at > IDLE_S)

    def check(self) -> list[str]:
        """See whether a file could be written now; return what the mount can't do that backups do without.

        Raises: BackupFailedError.
        """
        with self._lock, _failing_as_a_whole(self._directory):
            self._check_room(0)
            return try_out(self._directory)

    def _close_if(self, is_wanted: Callable[[_OpenFile], bool]) -> None:
        state = None
        with self._lock:
            with _failing_as_a_whole(self._directory):
                file = self._proven()
            if file is not None and is_wanted(file):
                state = self._close(file)
        if state is not None:
            self._on_change(state)

    def _check_room(self, size: int) -> None:
        try:
            disk = os.statvfs(self._directory)
        except FileNotFoundError:
            self._directory.mkdir(parents=True, exist_ok=True)
            disk = os.statvfs(self._directory)
        if not disk.f_blocks:
            # Some network mounts don't say; then a full disk is found out by writing.
            self.free_bytes = None
            return
        free = disk.f_bavail * disk.f_frsize
        self.free_bytes = max(0, free - size - self._min_free_bytes)
        if free - size < self._min_free_bytes:
            raise BackupFailedError(
                f"{shown(self._directory)}: {free} bytes free and {size} to write, "
                f"BACKUP_MIN_FREE_BYTES={self._min_free_bytes} must stay free"
            )

    def _append_proven(self, text: bytes, rows: int) -> _OpenFile:
        """Write rows and prove that they are where they should be.

        Raises: OSError, BackupFailedError: they are not.
        """
        file = self._proven() or self._create()
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

    def _proven(self, unsettled: int = 0) -> _OpenFile | None:
        """Return the open file once it is under its path as it was written; what is not goes into a new one first.

        unsettled: rows at its end that don't count as saved yet.
        """
        for _ in range(_REPLACEMENTS):
            if self._file is None or (reason := self._fault(self._file)) is None:
                return self._file
            self._replace(self._file, reason, unsettled)
        raise BackupFailedError(f"{shown(self._directory)}: somebody takes files away as quickly as they are made")

    def _fault(self, file: _OpenFile) -> str | None:
        """Return what is wrong with the file that is written; None when it is as it should be."""
        try:
            held = os.fstat(file.descriptor)
        except OSError as error:
            return f"it is out of reach ({error.strerror}): deleted on its server, or its disk is gone"
        try:
            there = file.path.stat(follow_symlinks=False)
        except OSError as error:
            moved = "deleted" if held.st_nlink == 0 else "moved away, or its mount is gone"
            return f"{moved} while it was written ({error.strerror})"
        if not os.path.samestat(there, held) or held.st_nlink == 0:
            return "another file is under its name (an editor, a copy, another mount)"
        if held.st_size != file.size:
            return f"it has {held.st_size} bytes, {file.size} were written: another program cut it or wrote to it"
        if held.st_mtime_ns != file.changed_ns:
            if _digest_of(file.descriptor, file.size) != file.digest.hexdigest():
                return "another program changed it while it was written"
            file.changed_ns = held.st_mtime_ns
        return None

    def _replace(self, file: _OpenFile, reason: str, unsettled: int) -> None:
        """Put what an open file still holds into a new one. Raises: OSError: it stays open as it is."""
        new = self._create(instead_of=file.path)
        try:
            self._carry_over(file, new)
        except OSError:
            _discard(new)
            raise
        new.is_whole = new.digest.digest() == file.digest.digest()
        self._file = new
        with suppress(OSError):
            os.close(file.descriptor)
        label = Label(self._target(), file.rows, file.size, file.digest.hexdigest(), moved_to=new.path.name)
        # Whatever is there now is not what was written: by its label `recover` knows, and says so.
        write_label(file.path, label) if os.path.lexists(file.path) else remove_label(file.path)
        lost = max(0, file.rows - new.rows - unsettled)
        self.on_fault(FileFault(file.path, reason, new.path, new.rows, lost))

    def _carry_over(self, file: _OpenFile, new: _OpenFile) -> None:
        counter = RecordCounter()
        for piece in _pieces(file.descriptor, 0, file.size):
            counter.feed(piece)
        has_header = b"".join(_pieces(file.descriptor, 0, len(self._header))) == self._header
        begin = len(self._header) if has_header else 0
        for piece in _pieces(file.descriptor, begin, counter.end):
            write_all(new.descriptor, piece)
            new.digest.update(piece)
            new.size += len(piece)
        os.fsync(new.descriptor)
        new.rows = max(0, counter.records - has_header)
        new.changed_ns = os.fstat(new.descriptor).st_mtime_ns

    def _create(self, instead_of: Path | None = None) -> _OpenFile:
        self._directory.mkdir(parents=True, exist_ok=True)
        created = self._clock.now()
        descriptor, path = create_exclusively(self._directory, self._kind, created, avoid=instead_of)
        file = _OpenFile(path, descriptor, created, used_at=self._clock.monotonic())
        try:
            # Held while the file is written: `recover` leaves a locked file alone.
            lock(descriptor)
            self._write(file, self._header, 0)
            sync_directory(self._directory)
        except OSError:
            _discard(file)
            raise
        write_label(path, Label(self._target()))
        if instead_of is None:
            self._file = file
        return file

    def _write(self, file: _OpenFile, text: bytes, rows: int) -> None:
        try:
            write_all(file.descriptor, text)
            os.fsync(file.descriptor)
        except OSError:
            # What is half written must not stand before the next rows. After a failed fsync the file's fate is
            # unknown (the kernel may have dropped the pages), so it is left behind for good.
            with suppress(OSError):
                os.ftruncate(file.descriptor, file.size)
            if self._file is file:
                self._on_change(self._close(file))
            raise
        file.digest.update(text)
        file.size += len(text)
        file.rows += rows
        file.changed_ns = os.fstat(file.descriptor).st_mtime_ns
        file.used_at = self._clock.monotonic()

    def _close(self, file: _OpenFile) -> FileState:
        self._file = None
        with suppress(OSError):
            # With half a line at its end the label stays open: reading then finds a torn line, as after a crash.
            if os.fstat(file.descriptor).st_size == file.size:
                # While it is still locked: whoever takes it finds the label as it will be.
                write_label(file.path, Label(self._target(), file.rows, file.size, file.digest.hexdigest()))
            os.close(file.descriptor)
        return self._state(file, is_open=False)

    @staticmethod
    def _state(file: _OpenFile, *, is_open: bool) -> FileState:
        return FileState(file.path, file.rows, file.size, file.created, is_open)


@contextmanager
def _failing_as_a_whole(directory: Path) -> Iterator[None]:
    """Make a BackupFailedError of what the file system says."""
    try:
        yield
    except OSError as error:
        raise BackupFailedError(f"{shown(directory)}: {error.strerror or error}") from error


def _discard(file: _OpenFile) -> None:
    with suppress(OSError):
        os.close(file.descriptor)
    with suppress(OSError):
        file.path.unlink()
    remove_label(file.path)


def _pieces(descriptor: int, begin: int, end: int) -> Iterator[bytes]:
    """Yield a part of a file, as far as it can be read: what is out of reach must not hold up what comes."""
    while begin < end:
        try:
            piece = os.pread(descriptor, min(_PIECE, end - begin), begin)
        except OSError:
            return
        if not piece:
            return
        yield piece
        begin += len(piece)


def _digest_of(descriptor: int, size: int) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(descriptor, 0, size):
        digest.update(piece)
    return digest.hexdigest()
