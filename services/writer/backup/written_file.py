"""One file that a writer has open: written, synced, and proven to be where it should be, as it was written."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Self

from services.writer.backup.directory import file_entry
from services.writer.backup.files import create_exclusively, sync_directory, write_all
from services.writer.backup.format import RecordCounter
from services.writer.backup.label import Label, remove_label, write_label
from services.writer.backup.locks import lock
from services.writer.sink import Target
from shared.records.files import BackupFile, FileStage

_PIECE = 1024 * 1024


class WrittenFile:
    """Begins with a header, holds its lock and has a label until it is closed. Every method may raise OSError.

    It is readable as well: what it holds can be brought over to another one, though nobody finds it any more.
    """

    def __init__(self, descriptor: int, path: Path, header: bytes, created: datetime) -> None:
        self.path = path
        self.rows = 0
        self.size_bytes = 0
        self.created = created
        #: Whether it holds, unchanged, all that the file held which it replaces.
        self.is_whole = True
        self._header = header
        self._descriptor = descriptor
        self._digest = hashlib.sha256()
        self._changed_ns = 0

    @classmethod
    def create(
        cls, directory: Path, kind: str, header: bytes, moment: datetime, target: Target, avoid: Path | None = None
    ) -> Self:
        """Begin a new file under a name of its own, other than `avoid`. Raises: OSError: there is none."""
        descriptor, path = create_exclusively(directory, kind, moment, avoid)
        file = cls(descriptor, path, header, moment)
        try:
            # Held while the file is written: `recover` leaves a locked file alone.
            lock(descriptor)
            file.write(header, 0)
            sync_directory(directory)
        except OSError:
            file.discard()
            raise
        write_label(path, Label(target))
        return file

    def write(self, text: bytes, rows: int) -> None:
        """Add lines and sync them. Raises: OSError: none of them may count, and nothing more be written to it."""
        try:
            write_all(self._descriptor, text)
            os.fsync(self._descriptor)
        except OSError:
            # What is half written must not stand behind the last whole row.
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self._note(text, rows)

    def _note(self, text: bytes, rows: int) -> None:
        self._digest.update(text)
        self.size_bytes += len(text)
        self.rows += rows
        self._changed_ns = os.fstat(self._descriptor).st_mtime_ns

    @property
    def is_in_place(self) -> bool:
        """Whether its path leads to it."""
        try:
            return os.path.samestat(self.path.stat(follow_symlinks=False), os.fstat(self._descriptor))
        except OSError:
            return False

    def fault(self) -> str | None:
        """Return what is wrong with it; None when it is under its path, whole, and as it was written."""
        try:
            held = os.fstat(self._descriptor)
        except OSError as error:
            return f"it is out of reach ({error.strerror}): deleted on its server, or its disk is gone"
        try:
            there = self.path.stat(follow_symlinks=False)
        except OSError as error:
            moved = "deleted" if held.st_nlink == 0 else "moved away, or its mount is gone"
            return f"{moved} while it was written ({error.strerror})"
        if not os.path.samestat(there, held):
            return "another file is under its name (an editor, a copy, another mount)"
        if held.st_size != self.size_bytes:
            return f"it has {held.st_size} bytes, {self.size_bytes} were written: another program cut it or wrote to it"
        if held.st_mtime_ns != self._changed_ns:
            if self._digest_on_disk() != self._digest.digest():
                return "another program changed it while it was written"
            self._changed_ns = held.st_mtime_ns
        return None

    @property
    def is_changed(self) -> bool:
        """Whether it is in its place with other contents than were written; not where it was only cut or added to."""
        try:
            has_all = os.fstat(self._descriptor).st_size >= self.size_bytes
        except OSError:
            return False
        return has_all and self.is_in_place and self._digest_on_disk() != self._digest.digest()

    def take_over(self, other: "WrittenFile") -> None:
        """Add all whole rows that another one still holds. Raises: OSError: this one can't be written."""
        counter = RecordCounter()
        for piece in other.pieces(0, other.size_bytes):
            counter.feed(piece)
        header = b"".join(other.pieces(0, len(self._header)))
        begin = len(header) if header == self._header else 0
        for piece in other.pieces(begin, counter.end):
            write_all(self._descriptor, piece)
            self._note(piece, 0)
        os.fsync(self._descriptor)
        self._changed_ns = os.fstat(self._descriptor).st_mtime_ns
        self.rows = max(0, counter.records - (begin > 0))
        self.is_whole = self._digest.digest() == other._digest.digest()  # noqa: SLF001 - of the same class

    def pieces(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield a part of it, as far as it can be read: what is out of reach must not hold up what comes."""
        while begin < end:
            try:
                piece = os.pread(self._descriptor, min(_PIECE, end - begin), begin)
            except OSError:
                return
            if not piece:
                return
            yield piece
            begin += len(piece)

    def close(self, target: Target) -> None:
        """Let go of it, with a label that says what it holds."""
        with suppress(OSError):
            # With half a line at its end the label stays open: reading then finds a torn line, as after a crash.
            if os.fstat(self._descriptor).st_size == self.size_bytes:
                # While it is still locked: whoever takes it finds the label as it will be.
                write_label(self.path, self._label(target))
        self._let_go()

    def replaced_by(self, other: "WrittenFile | None", target: Target) -> None:
        """Let go of it, since another one holds its rows, or it was changed where it is (None).

        By its label `recover` knows that what is under its path now is not what was written.
        """
        self._let_go()
        if os.path.lexists(self.path):
            write_label(self.path, self._label(target, moved_to=other.path.name if other else None))
        else:
            remove_label(self.path)

    def discard(self) -> None:
        """Let go of it, and take it away: nothing in it counts."""
        self._let_go()
        with suppress(OSError):
            self.path.unlink()
        remove_label(self.path)

    def entry(self, stage: FileStage) -> BackupFile:
        """Return what the list of files says of it."""
        return file_entry(self.path, stage, rows=self.rows, size_bytes=self.size_bytes, created=self.created)

    def _label(self, target: Target, moved_to: str | None = None) -> Label:
        return Label(target, self.rows, self.size_bytes, self._digest.hexdigest(), moved_to)

    def _let_go(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)

    def _digest_on_disk(self) -> bytes:
        digest = hashlib.sha256()
        for piece in self.pieces(0, self.size_bytes):
            digest.update(piece)
        return digest.digest()
