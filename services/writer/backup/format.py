r"""The format of backup files, both ways: values to lines, lines to values. Pure.

UTF-8, comma, quotes where needed, `\n` at line ends, a header line. Times have their microseconds. An empty cell is no
value. A record ends at a line feed outside quotes.
"""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from services.writer.sink import RowError
from shared.models import TagValue, stored_timestamp
from shared.records.files import HEADER, REJECTED_HEADER
from shared.records.rejected import RejectedExample
from shared.texts import cut

#: The first line of each kind of file.
HEADERS = {"backup": HEADER, "rejected": REJECTED_HEADER}

#: Error codes of what is no value: an element of the buffer, a line of a file. Its text stands in the place of a value.
NOT_A_VALUE, MALFORMED = "NOT_A_VALUE", "MALFORMED"

#: How a time of ours looks. Spreadsheets write it without microseconds, and then it is another value's time.
_OWN_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")


class NeverAValueError(ValueError):
    """A row of a rejected file that an earlier reader could not read either."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(reason)
        self.text = text


def backup_row(value: TagValue, attempted_at: str) -> tuple[Any, ...]:
    """Return the cells of a value; `attempted_at` is when it was last tried (ISO 8601, UTC)."""
    return (
        _time_text(value.timestamp),
        value.plc_code,
        value.tag_address,
        value.tag_name,
        value.tag_value,
        value.quality,
        attempted_at,
    )


@lru_cache(maxsize=1024)
def _time_text(timestamp: datetime) -> str:
    # Most values of a batch are of one time, and its text takes as long as all other cells of the row.
    return timestamp.isoformat(sep=" ", timespec="microseconds")


def rejected_row(value: TagValue, attempted_at: str, error: RowError) -> tuple[Any, ...]:
    """Return the cells of a value that the sink refused for itself."""
    return (*backup_row(value, attempted_at), error.code, error.message)


def csv_text(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return the lines of rows."""
    text = _rendered(rows, csv.QUOTE_MINIMAL)
    # Before 3.13 the module leaves a lone carriage return unquoted, and then reads it as the end of the line.
    return (_rendered(rows, csv.QUOTE_ALL) if "\r" in text else text).encode()


def _rendered(rows: Sequence[Sequence[Any]], quoting: Literal[0, 1]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n", quoting=quoting).writerows(rows)
    return buffer.getvalue()


def cells_of(raw: bytes) -> list[str]:
    """Return the cells of a record. Raises: UnicodeDecodeError, csv.Error."""
    text = raw.decode()
    if '"' not in text:
        # As most are: several times faster than the module.
        return text.rstrip("\r\n").split(",")
    return next(csv.reader([text], strict=True))


def cells_or_text(raw: bytes) -> list[str]:
    """Return the cells of a record; its text, as far as it can be read, as the only one where it has none."""
    try:
        return cells_of(raw)
    except (ValueError, csv.Error, StopIteration):
        return [raw.decode(errors="backslashreplace")]


def value_of(cells: list[str], width: int) -> TagValue:
    """Return the value of a row. Raises: ValueError, OverflowError: it holds none; the text says why."""
    if len(cells) != width:
        raise ValueError(f"{len(cells)} cells instead of {width}")
    time, plc_code, tag_address, tag_name, tag_value, quality = cells[:6]
    if width > len(HEADER) and cells[len(HEADER)] in (NOT_A_VALUE, MALFORMED):
        raise NeverAValueError(tag_value, cells[-1])
    if tag_name != f"{plc_code}.{tag_address}":
        raise ValueError(f"tag_name {tag_name!r} is not plc_code, dot, tag_address")
    try:
        moment = stored_timestamp(time)
    except ValueError:
        raise ValueError(f"{time!r} is no timestamp") from None
    # An empty cell is no value: Oracle takes empty text for that too.
    return TagValue(moment, plc_code, tag_address, tag_value or None, quality)


def strange_form(raw: bytes, *, only_time: bool = False) -> str | None:
    """Return what shows that a record which holds a value was not written by a writer; None when nothing does."""
    cells = cells_of(raw)
    if not _OWN_TIME.fullmatch(cells[0]):
        return f"the time {cells[0][:40]!r} is not in the writer's form"
    if only_time or csv_text([cells]) == raw:
        return None
    return "it ends in CR LF" if raw.endswith(b"\r\n") else "its quotes are not as the writer sets them"


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


class RecordCounter:
    """Counts the records of a file that is fed to it in pieces."""

    def __init__(self) -> None:
        self.records = 0  #: the header among them
        self.end = 0  #: bytes up to the end of the last whole one
        self._fed = 0
        self._in_quotes = False

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        at = self._fed
        for number, part in enumerate(piece.split(b'"')):
            self._in_quotes ^= number > 0
            at += number > 0
            if not self._in_quotes and (newlines := part.count(b"\n")):
                self.records += newlines
                self.end = at + part.rindex(b"\n") + 1
            at += len(part)
        self._fed = at
