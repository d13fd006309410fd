"""Some rows of a rejected file taken out into a file of their own, so that they can be retried or set aside alone.

The rows stay as they are written. First the new file is there, synced, then the old one is replaced by what is left.
Who is killed in between leaves the rows in both, and writes the new one again, the same, when he does it again. A row
is never in none.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from services.writer.backup.files import give_away, reading, sync_directory
from services.writer.backup.format import cells_or_text
from services.writer.backup.label import Label, read_label, remove_label, write_label
from services.writer.backup.reader import BackupReader
from services.writer.recover.open_file import FileInUseError, OpenFile
from services.writer.sink import Target

_PIECE = 1024 * 1024


@dataclass
class TakenOut:
    """What became of a file: rows taken out, rows left, and the cells of those that were taken out, the last ones."""

    rows: int = 0
    left: int = 0
    cells: list[Sequence[str]] = field(default_factory=list)


def take_out(path: Path, part: Path, is_chosen: Callable[[Sequence[str]], bool], most_cells: int) -> TakenOut:
    """Move the rows that are chosen by their cells to another file, `part`; say how many.

    Where all are, the old file is gone; where none is, nothing was changed.
    Raises: FileInUseError, UnusableFileError: nothing was changed; OSError: the rows are in the old file at least.
    """
    label = read_label(path)
    meant = label.target if label is not None else Target()
    with OpenFile(path, anyway=True) as held, _Copy(part) as chosen, _Copy(path) as others:
        taken = _divide(path, is_chosen, chosen, others, most_cells)
        if held.has_grown:
            raise FileInUseError(f"{held.name}: left as it is, a writer still writes to it")
        if not taken.rows:
            return taken
        chosen.put(meant)
        if taken.left or others.has_tail:
            others.put(meant)
        else:
            path.unlink()
            remove_label(path)
        sync_directory(path.parent)
    return taken


def _divide(
    path: Path, is_chosen: Callable[[Sequence[str]], bool], chosen: "_Copy", others: "_Copy", most_cells: int
) -> TakenOut:
    taken = TakenOut()
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
                taken.rows += 1
                taken.cells = [*taken.cells, cells][-most_cells:]
            else:
                others.add(raw)
                taken.left += 1
        # What its writer died of writing stays where it is.
        while piece := os.pread(file.fileno(), _PIECE, end):
            others.add(piece, rows=0)
            others.has_tail = True
            end += len(piece)
    return taken


class _Copy:
    """A file on its way to its name, under another one beside it; given up unless it is put there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._draft, flags, 0o640), "wb")
        give_away(self._file.fileno(), path.parent)
        self._digest = hashlib.sha256()
        self._rows = self._bytes = 0
        self.has_tail = False

    def add(self, text: bytes, rows: int = 1) -> None:
        """Add lines."""
        self._file.write(text)
        self._digest.update(text)
        self._rows += rows
        self._bytes += len(text)

    def put(self, meant: Target) -> None:
        """Put it under its name, synced, with a label."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._draft.replace(self._path)
        sync_directory(self._path.parent)
        write_label(self._path, Label(meant, self._rows, self._bytes, self._digest.hexdigest()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._draft.unlink(missing_ok=True)
