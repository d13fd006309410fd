"""A file of rejected rows on a terminal: harmless whatever stands in it, a page at a time however long it is.

A cell may hold what a terminal takes for an order, what turns a line round, or line breaks; all that is shown escaped.
Nothing is written, nothing is locked: a writer may be at work on the file.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import typer

from services.writer.backup.directory import backup_files, count_rows
from services.writer.backup.files import in_directory, reading, shown
from services.writer.backup.format import cells_or_text, row_id
from services.writer.backup.reader import BackupReader, WrongHeaderError
from shared.counters import OTHER_CODES
from shared.records.files import REJECTED_HEADER, FileKind
from shared.texts import cut, tamed

#: Characters of a cell that are shown, and with --whole.
CELL, WHOLE_CELL = 200, 40_000

#: Codes that are summed up one by one.
_MAX_CODES = 200

_CODE = REJECTED_HEADER.index("error_code")


@dataclass(frozen=True)
class Page:
    """Which rows are shown, and how much of them."""

    first: int = 1  #: number of the row from 1
    rows: int = 20
    code: str | None = None
    whole: bool = False


def list_files(directory: Path) -> int:
    """Say which files of rejected rows wait in a directory; return the exit status."""
    try:
        files = backup_files(directory, FileKind.REJECTED)
    except OSError as error:
        return _fail(f"{shown(directory)} can't be listed: {error.strerror}")
    if not files and not directory.is_dir():
        return _fail(f"{shown(directory)}: no such directory. BACKUP_DIR is the writer's, on its host")
    for path in files:
        typer.echo(f"{_rows_in(path):>9}  {shown(path)}")
    typer.echo(f"{len(files)} files of rejected rows wait in {shown(directory)}")
    return 0


def view_file(name: Path, directory: Path, page: Page | None) -> int:
    """Show the rows of a file, or how many there are of each code; return the exit status."""
    path = in_directory(name, directory)
    try:
        with reading(path) as file:
            records = BackupReader(file, may_be_edited=True).records()
            if page is None:
                _sum_up(path, records)
            else:
                _show(records, page)
    except WrongHeaderError as error:
        return _fail(f"{shown(path)}: {tamed(str(error))}")
    except OSError as error:
        return _fail(f"{shown(path)}: {error.strerror or error}")
    return 0


def _fail(text: str) -> int:
    typer.echo(f"error: {text}", err=True)
    return 1


def _rows_in(path: Path) -> str:
    try:
        return f"{count_rows(path):,}"
    except OSError as error:
        return f"({error.strerror})"


def _sum_up(path: Path, records: Iterator[tuple[int, bytes]]) -> None:
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for _, raw in records:
        cells = cells_or_text(raw)
        code = cells[_CODE] if len(cells) == len(REJECTED_HEADER) else "(no row)"
        if code not in counts and len(counts) >= _MAX_CODES:
            code = OTHER_CODES
        counts[code] += 1
        examples.setdefault(code, cells[-1])
    typer.echo(f"{counts.total():,} rows in {shown(path)}; --view shows them")
    for code, count in counts.most_common():
        typer.echo(f"{count:>9,}  {_plain(code, CELL)}: {_plain(examples[code], CELL)}")


def _show(records: Iterator[tuple[int, bytes]], page: Page) -> None:
    rows = (
        (number, line, cells)
        for number, (line, raw) in enumerate(records, start=1)
        if number >= page.first and _has_code(cells := cells_or_text(raw), page.code)
    )
    last = None
    for number, line, cells in islice(rows, page.rows):
        typer.echo(f"row {number}, line {line}, id {row_id(cells)}")
        names = REJECTED_HEADER if len(cells) == len(REJECTED_HEADER) else [f"cell {place + 1}" for place in range(20)]
        for name, cell in zip(names, cells, strict=False):
            typer.echo(f"  {name:<22} {_plain(cell, WHOLE_CELL if page.whole else CELL)}")
        last = number
    if last is None:
        typer.echo("no such rows" if page.first == 1 else f"no such rows from row {page.first} on")
    elif next(rows, None) is not None:
        typer.echo(f"more rows follow: --from {last + 1}")


def _has_code(cells: Sequence[str], code: str | None) -> bool:
    return code is None or (len(cells) == len(REJECTED_HEADER) and cells[_CODE] == code)


def _plain(cell: str, limit: int) -> str:
    return tamed(cut(cell, limit))
