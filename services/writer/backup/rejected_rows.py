"""Rows of rejected files as people are shown them: each with an id, by which it can be told from the others. Pure."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.records.files import REJECTED_HEADER
from shared.records.rejected import RejectedExample
from shared.texts import cut


def row_id(cells: Sequence[str]) -> str:
    """Return by what a row of a rejected file is known: what its line says. Who edits it makes another of it."""
    text = "\0".join(cells)
    return hashlib.sha1(text.encode(errors="backslashreplace"), usedforsecurity=False).hexdigest()[:16]


def row_example(row: Sequence[Any], at: float, file: str | None, place: str | None) -> RejectedExample:
    """Return what is shown of a row; `at` in seconds since 1970, `file` the name of the one that holds it.

    place: the own name of that file's directory.
    """
    # As the line has them: what is no text is written as it is printed, nothing as an empty cell.
    cells = tuple("" if cell is None else str(cell) for cell in row)
    return RejectedExample(
        id=row_id(cells), at=round(at, 3), reason=cut(cells[-1]), cells=cells, file=file, place=place
    )


def refused_at(cells: Sequence[str]) -> float | None:
    """Return when a row was refused, in seconds since 1970; None where its line does not tell."""
    if len(cells) != len(REJECTED_HEADER):
        return None
    try:
        return datetime.fromisoformat(cells[REJECTED_HEADER.index("insertion_attempt_time")]).timestamp()
    except ValueError:
        return None
