"""A file that is to be recovered: opened, locked, and proven to be as its writer wrote it, for the table here."""

import hashlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from services.writer.backup.files import RECOVERED_DIRECTORY, move_beside, open_to_read, reading, shown
from services.writer.backup.format import RecordCounter, strange_form
from services.writer.backup.label import Label, conflict, describe, move_label, read_label
from services.writer.backup.locks import lock
from services.writer.backup.reader import BackupReader, ReadBatch, WrongHeaderError
from services.writer.sink import Target
from shared.disks import is_being_written
from shared.errors import RejectedError, TransientError
from shared.records.files import FileKind

#: Seconds without a write after which a file that was not closed counts as left behind, where nothing can be locked.
UNLOCKED_IDLE_S = 60.0

#: Seconds by which a file server's clock may be ahead of ours.
_AHEAD_S = 86_400.0

_PIECE = 1024 * 1024


class FileInUseError(TransientError):
    """A writer still writes the file, or another process recovers it; leave it for later."""


class UnusableFileError(RejectedError):
    """The file can't be read, or is no backup file; it stays where it is. The text says what is wrong."""


class RefusedFileError(UnusableFileError):
    """The file could be read, but was meant for another table, or was changed since; `--anyway` recovers it."""


class RowsReader(Protocol):
    """Reads rows of a file, batch by batch."""

    @property
    def torn_line(self) -> int | None:
        """Number of the line at which a torn end begins."""

    @property
    def position(self) -> int:
        """Bytes of the file that are read."""

    def read(self, max_rows: int) -> ReadBatch:
        """Return the next rows; an empty batch at the end of the file."""


class RowsFile(ABC):
    """A file that is open, whose rows go into the table, as a context manager."""

    reader: RowsReader
    size_bytes: int
    _file: BinaryIO

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, shown(path)
        #: What would have been refused; None when nothing.
        self.warning: str | None = None
        self._held = ExitStack()

    @contextmanager
    def _taking(self) -> Iterator[None]:
        """Let go of what is held where the file can't be taken. Raises: UnusableFileError: it can't be read."""
        try:
            yield
        except BaseException as error:
            self._held.close()
            if isinstance(error, OSError):
                raise UnusableFileError(f"{self.name}: can't be read ({error.strerror})") from error
            raise

    @property
    @abstractmethod
    def notes(self) -> Sequence[str]:
        """What a person should know before it is begun with."""

    @abstractmethod
    def put_away(self) -> Path:
        """Hear that all of its rows are dealt with; return where the file is now."""

    @property
    def has_grown(self) -> bool:
        """Whether somebody wrote to it since it was opened: a writer, on a mount that has no locks."""
        return os.fstat(self._file.fileno()).st_size != self.size_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()


def was_just_written(status: os.stat_result) -> bool:
    """Tell whether a file may still be written.

    The clock is a file server's: it may be ahead of ours. Not by a day: that time was set by hand, or by no clock.
    """
    return -_AHEAD_S < time.time() - status.st_mtime < UNLOCKED_IDLE_S


def _is_being_written(path: Path) -> bool:
    with suppress(OSError), reading(path) as file:
        return is_being_written(file.fileno())
    return False


class OpenFile(RowsFile):
    """A backup file that this process alone reads.

    here: the table that its rows would go to; None asks nothing. anyway: take it whatever it was meant for, and though
    it was changed; `warning` says what would have been refused.

    Raises: FileInUseError, UnusableFileError, RefusedFileError.
    """

    def __init__(self, path: Path, here: Target | None = None, *, anyway: bool = False) -> None:
        super().__init__(path)
        self._anyway = anyway
        # Before it is opened here: that would count.
        if read_label(path) is None and _is_being_written(path):
            raise FileInUseError(
                f"{self.name}: left out, another program has it open to write it: a copy that is not whole? It is "
                "taken once that program has closed it"
            )
        with self._taking():
            try:
                # Buffered, and written to by nobody: it is writable for the lock's sake alone.
                self._file = self._held.enter_context(os.fdopen(open_to_read(path), "rb"))
            except FileNotFoundError:
                if (path.parent / RECOVERED_DIRECTORY / path.name).exists():
                    raise FileInUseError(f"{self.name}: left out, another process has just recovered it") from None
                raise UnusableFileError(f"{self.name}: there is no such file") from None
            self._lock(read_label(path))
            # Again: a writer writes it before it lets its lock go.
            label = read_label(path)
            self.has_label = label is not None
            self.size_bytes = os.fstat(self._file.fileno()).st_size
            self.reader = self._prove(here, label)

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know of it: how far it can be trusted."""
        notes = [] if self.warning is None else [f"recovered anyway: {self.warning}"]
        if not self.has_label:
            notes.append(f"{self.name}: has no label, its lines are taken as a writer's by their form")
        return notes

    def put_away(self) -> Path:
        """Move it to `recovered/`, its label with it.

        Raises: OSError: it stays. FileInUseError: a writer wrote to it meanwhile, on a mount that has no locks; it
            stays, too.
        """
        if self.path.parent.name == RECOVERED_DIRECTORY:
            return self.path
        moved_to = move_beside(self.path, RECOVERED_DIRECTORY)
        if self.has_grown:
            moved_to.replace(self.path)
            raise FileInUseError(f"{self.name}: left where it is, a writer still writes to it")
        move_label(self.path, moved_to)
        return moved_to

    def _lock(self, label: Label | None) -> None:
        locked, status = lock(self._file.fileno()), os.fstat(self._file.fileno())
        if locked is None and label is not None and not label.is_closed and was_just_written(status):
            raise FileInUseError(
                f"{self.name}: left out, a writer may still write it: it is not closed, and its mount has no locks. "
                f"It is taken once nothing was written to it for {UNLOCKED_IDLE_S:g} s"
            )
        if locked is False:
            raise FileInUseError(
                f"{self.name}: left out, still being written by a writer (or recovered by another process)"
            )
        # Another process may have recovered it and moved it between open and lock.
        if not self.path.exists() or not os.path.samestat(self.path.stat(), status):
            raise FileInUseError(f"{self.name}: left out, another process has just recovered it")

    def _prove(self, here: Target | None, label: Label | None) -> BackupReader:
        try:
            # First of all, is it one of ours? Else nothing else needs to be said.
            BackupReader(self._file)
        except WrongHeaderError as error:
            raise UnusableFileError(f"{self.name}: {error}; put it right, or take the file away") from error
        if label is not None and here is not None and conflict(label.target, here):
            self._refuse(f"it was meant for {describe(label.target)}; this is {describe(here)}")
        may_be_edited = FileKind.REJECTED.is_of(self.path.name)
        changed = _differences(self._file, label, may_be_edited=may_be_edited)
        if changed is not None:
            self._refuse(f"it was changed since its writer wrote it: {changed}")
        is_closed = label is not None and label.is_closed
        return BackupReader(self._file, is_closed=is_closed, may_be_edited=may_be_edited)

    def _refuse(self, reason: str) -> None:
        if not self._anyway:
            raise RefusedFileError(
                f"{self.name}: {reason}. It stays where it is; where that is right, `recover --anyway` recovers it"
            )
        self.warning = f"{self.name}: {reason}" if self.warning is None else f"{self.warning}; and {reason}"


def _differences(file: BinaryIO, label: Label | None, *, may_be_edited: bool = False) -> str | None:
    """Return what shows that a file was changed since its writer wrote it; None when nothing does.

    By its label where it has one, else by the form of its lines.

    may_be_edited: people put files of rejected rows right; then only a time in a strange form counts: it is another
    value's time, and nobody sees that.

    Reads the file from its beginning to its end, in pieces, and goes back to the beginning.
    Raises: OSError.
    """
    try:
        if may_be_edited or label is None or not label.is_closed:
            return _strange_line(file, only_time=may_be_edited)
        rows, size, sha256 = _contents(file)
        if (size, sha256) == (label.bytes, label.sha256):
            return None
        said = f"its label says {label.rows:,} rows in {label.bytes:,} bytes"
        has = f"it has {rows:,} rows in {size:,} bytes" if size != label.bytes else "its contents are others"
        strange = _strange_line(file)
        line = f"; first line that no writer wrote so: {strange}" if strange else ""
        elsewhere = f"; all that was left is in {label.moved_to} as well" if label.moved_to else ""
        return f"{said}, {has}{line}{elsewhere}"
    finally:
        file.seek(0)


def _contents(file: BinaryIO) -> tuple[int, int, str]:
    digest, counter, size = hashlib.sha256(), RecordCounter(), 0
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
        counter.feed(piece)
        size += len(piece)
    return max(0, counter.records - 1), size, digest.hexdigest()


def _strange_line(file: BinaryIO, *, only_time: bool = False) -> str | None:
    file.seek(0)
    try:
        for number, raw in BackupReader(file, may_be_edited=only_time).raw_values():
            if (strange := strange_form(raw, only_time=only_time)) is not None:
                return f"line {number}: {strange}"
    except WrongHeaderError as error:
        return str(error)
    return None
