"""The lines of a backup file, as any CSV program reads them."""

import csv
from collections.abc import Iterator
from pathlib import Path


def complete_lines(path: Path) -> Iterator[list[str]]:
    """Yield the cells of every complete line, the header first; a torn last line is left out.

    Raises: OSError.
    """
    # Lines end with \n alone: a carriage return is part of a value.
    with path.open(encoding="utf-8", newline="\n", errors="replace") as file:
        yield from csv.reader(line for line in file if line.endswith("\n"))
