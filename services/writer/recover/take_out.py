"""Some rows of a rejected file taken out into a file of their own, so that they can be retried or set aside alone.

The rows stay as they are written. First the new file is there, synced, then the old one is replaced by what is left.
Who is killed in between leaves the rows in both, and writes the new one again, the same, when he does it again. A row
is never in none.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from services.writer.backup.files import give_away, reading, sync_directory
from services.writer.backup.format import cells_or_text
from services.writer.backup.label import Label, read_label, remove_label, write_label
from services.writer.backup.reader import BackupReader
from services.writer.recover.open_file import FileInUseError, OpenFile
from services.writer.sink import Target

_PIECE = 1024 * 1024


class TakenOut(NamedTuple):
    """What became of a file: rows taken out, rows left, and the cells of those that were taken out, the last ones."""

    rows: int
    left: int
    cells: Iterable[Sequence[str]]


def take_out(path: Path, part: Path, is_chosen: Callable[[Sequence[str]], bool], most_cells: int) -> TakenOut:
    """Move the rows that are chosen by their cells to another file, `part`; say how many.

    Where all are, the old file is gone; where none is, nothing was changed.
    Raises: FileInUseError, UnusableFileError: nothing was changed; OSError: the rows are in the old file at least.
    """
    label = read_label(path)
    meant = label.target if label is not None else Target()
    with OpenFile(path, anyway=True) as held, _Copy(part) as chosen, _Copy(path) as others:
        cells = deque(_divide(path, is_chosen, chosen, others), maxlen=most_cells)
        if held.has_grown:
            raise FileInUseError(f"{held.name}: left as it is, a writer still writes to it")
        if chosen.rows:
            chosen.put(meant)
            if others.rows or others.has_tail:
                others.put(meant)
            else:
                path.unlink()
                remove_label(path)
            sync_directory(path.parent)
    return TakenOut(chosen.rows, others.rows, cells)


def _divide(
    path: Path, is_chosen: Callable[[Sequence[str]], bool], chosen: "_Copy", others: "_Copy"
) -> Iterator[Sequence[str]]:
    """Write each row to one of two files; yield the cells of those that are chosen."""
    with reading(path) as file:
        reader = BackupReader(file, may_be_edited=True)
        end = reader.position
        header = os.pread(file.fileno(), end, 0)
        for copy in (chosen, others):
            copy.add(header if header.endswith(b"\n") else header + b"\n", rows=0)
        for _, raw in reader.records():
            end = reader.position
            cells = cells_or_text(raw)
            if is_chosen(cells):
                chosen.add(raw)
                yield cells
            else:
                others.add(raw)
        # What its writer died of writing stays where it is.
        while piece := os.pread(file.fileno(), _PIECE, end):
            others.add(piece, rows=0)
            others.has_tail = True
            end += len(piece)


class _Copy:
    """A file on its way to its name, under another one beside it; given up unless it is put there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._draft, flags, 0o640), "wb")
        give_away(self._file.fileno(), path.parent)
        self._digest = hashlib.sha256()
        self.rows = self._bytes = 0
        self.has_tail = False

    def add(self, text: bytes, rows: int = 1) -> None:
        """Add lines."""
        self._file.write(text)
        self._digest.update(text)
        self.rows += rows
        self._bytes += len(text)

    def put(self, meant: Target) -> None:
        """Put it under its name, synced, with a label."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._draft.replace(self._path)
        sync_directory(self._path.parent)
        write_label(self._path, Label(meant, self.rows, self._bytes, self._digest.hexdigest()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._draft.unlink(missing_ok=True)
