"""The records of a CSV file that another program wrote; a damaged one costs nothing but itself."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.foreign_csv.dialect import Dialect

#: Characters of a record, and lines of one with line ends in its quotes: a stray quote must not take the rest along.
MAX_RECORD, MAX_RECORD_LINES = 1_000_000, 100


@dataclass(frozen=True)
class Record:
    """A record: its first line's number from 1, its cells, or why it has none."""

    line: int
    text: str
    cells: tuple[str, ...] = ()
    trouble: str | None = None


class Records:
    """Reads the records after the header, which it passes over at once. Raises: OSError, by everything."""

    def __init__(self, file: BinaryIO, dialect: Dialect) -> None:
        self._file = file
        self._dialect = dialect
        # Bytes that are no text come as U+FFFD, which no record may hold: in no encoding do they end the reading.
        self._text = io.TextIOWrapper(file, dialect.encoding, "replace", newline="\n")
        self._lines: deque[str] = deque()  #: read, but not used yet
        self._number = 0
        for _ in range(1 + dialect.lines_before):
            self._next_record()

    @property
    def position(self) -> int:
        """Bytes of the file that are read."""
        return self._file.tell()

    def __iter__(self) -> Iterator[Record]:
        """Yield the records that are left."""
        while (record := self._next_record()) is not None:
            if record.text.strip():
                yield record

    def detach(self) -> None:
        """Leave the file to whoever opened it."""
        self._text.detach()

    def _next_record(self) -> Record | None:
        number = self._number + 1
        lines = [self._next_line()]
        if not lines[0]:
            return None
        quotes = lines[0].count('"')
        while quotes % 2 and len(lines) < MAX_RECORD_LINES and (line := self._next_line()):
            lines.append(line)
            quotes += line.count('"')
        record = self._record(number, "".join(lines))
        if record.trouble is None or len(lines) == 1:
            return record
        # A stray quote took them along: the lines after it are their own.
        self._lines.extendleft(reversed(lines[1:]))
        self._number -= len(lines) - 1
        return self._record(number, lines[0])

    def _record(self, number: int, text: str) -> Record:
        if len(text) >= MAX_RECORD:
            return Record(number, text[:1000], trouble=f"it has more than {MAX_RECORD:,} characters")
        bare = text.rstrip("\r\n")
        if "\N{REPLACEMENT CHARACTER}" in text or "\0" in text:
            return Record(number, bare, trouble=f"it holds bytes that are no text in {self._dialect.encoding}")
        try:
            cells = tuple(self._dialect.cells(text)) if text.count('"') % 2 == 0 else ()
        except csv.Error as error:
            return Record(number, bare, trouble=str(error))
        width = len(self._dialect.header)
        if not cells:
            return Record(number, bare, trouble="its quotes have no end")
        if len(cells) != width:
            return Record(number, bare, trouble=f"{len(cells)} cells where the header has {width}")
        return Record(number, bare, cells)

    def _next_line(self) -> str:
        line = self._lines.popleft() if self._lines else self._read_line()
        self._number += bool(line)
        return line

    def _read_line(self) -> str:
        line = self._text.readline(MAX_RECORD)
        if len(line) == MAX_RECORD and not line.endswith("\n"):
            # Read over: its beginning says which it was.
            while (more := self._text.readline(MAX_RECORD)) and not more.endswith("\n"):
                pass
        return line
