"""A recorded CSV file `timestamp,<tag>,...`, read line by line; a damaged line costs nothing but itself."""

import codecs
import csv
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from services.poller.source import SourceError
from services.poller.sources.files import open_regular
from shared.disks import is_being_written
from shared.foreign_csv.dialect import packed_as
from shared.models import Scalar, stored_timestamp
from shared.texts import cut

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NOT_A_NUMBER = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)

#: Integers that JSON readers of any language can take; a longer one stays text, with all its digits.
_INT64 = range(-(2**63), 2**63)

#: Bytes of a line: room for some 100,000 tags.
MAX_LINE_BYTES = 4_000_000

#: Hears of a line that is left out or changed: its number and the reason.
Complain = Callable[[int, str], None]


@dataclass(frozen=True)
class Row:
    """One good line: its number in the file, its time as it is stored, and a value (or None) for each tag."""

    line: int
    timestamp: datetime
    values: dict[str, Scalar]


def read_rows(path: Path, complain: Complain) -> Iterator[Row]:
    """Return the good lines of a file in order; each of the others is complained of.

    Each is parsed by itself: a stray quote can't swallow the lines after it.
    Raises: SourceError: the file can't be read, or its header is none.
    """
    try:
        with open_regular(path) as file:
            lines = _lines(file)
            width, columns = _header(path, next(lines, b""), complain)
            for number, raw in enumerate(lines, start=2):
                if not raw.strip():
                    continue
                if not raw.endswith(b"\n") and is_being_written(file.fileno()):
                    complain(number, "it has no end, and a program still writes the file: is it whole?")
                    continue
                try:
                    yield _row(number, _cells(raw), width, columns)
                except (ValueError, OverflowError, csv.Error) as error:
                    complain(number, cut(error))
            if os.fstat(file.fileno()).st_size < file.tell():
                raise SourceError(f"{path}: became shorter while it was read: what it held is not all played")
    except OSError as error:
        raise SourceError(f"{path}: can't be read: {error.strerror or error}") from error


def _header(path: Path, raw: bytes, complain: Complain) -> tuple[int, dict[int, str]]:
    """Return how many cells a line must have, and position -> tag address of those that are used."""
    try:
        names = [name.strip() for name in _cells(raw.removeprefix(b"\xef\xbb\xbf"))]
        _ = "".join(names).encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"{path}: line 1: {_why_no_text(raw, 'not UTF-8')}") from error
    except (ValueError, csv.Error) as error:
        raise SourceError(f"{path}: line 1: {_why_no_text(raw, error)}") from error
    if not names or names[0].lower() != "timestamp":
        first = names[0][:40] if names else ""
        raise SourceError(
            f"{path}: line 1: the first column is {first!r}, not 'timestamp': "
            "the header must be `timestamp,<tag>,...` with commas"
        )
    columns: dict[int, str] = {}
    for position, name in enumerate(names[1:], start=1):
        if not name:
            complain(1, f"column {position + 1} has no name: it is left out")
        elif name in columns.values():
            complain(1, f"column {position + 1} repeats the name {name!r}: it is left out")
        else:
            columns[position] = name
    if not columns:
        raise SourceError(f"{path}: line 1: the header names no tag")
    return len(names), columns


def _why_no_text(raw: bytes, otherwise: object) -> str:
    """Return what a file is whose first line can't be read."""
    is_utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return packed_as(raw) or ("UTF-16: save it as UTF-8" if is_utf16 else str(otherwise))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Return the lines of a file; of one that is too long its first part, which is too long as well."""
    while raw := file.readline(MAX_LINE_BYTES + 1):
        yield raw
        while len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            raw = file.readline(MAX_LINE_BYTES + 1)


def _cells(raw: bytes) -> list[str]:
    """Return the cells of one line. Raises: ValueError, csv.Error."""
    if len(raw) > MAX_LINE_BYTES:
        raise ValueError(f"has more than {MAX_LINE_BYTES} bytes")
    # What is not UTF-8 is one cell's fault: it goes on as it is, and its tag alone will be BAD.
    text = raw.decode(errors="surrogateescape").rstrip("\r\n")
    if "\0" in text:
        raise ValueError("holds a NUL byte")
    return next(csv.reader((text,), strict=True), [])


def _row(number: int, cells: list[str], width: int, columns: dict[int, str]) -> Row:
    if len(cells) != width:
        raise ValueError(f"{len(cells)} columns where the header has {width}")
    try:
        timestamp = stored_timestamp(cells[0].strip())
    except ValueError:
        raise ValueError(f"{cells[0][:40]!r} is not a time (ISO 8601)") from None
    return Row(number, timestamp, {name: parse_cell(cells[position]) for position, name in columns.items()})


def parse_cell(text: str) -> Scalar:
    """Return the value of a cell: an integer, a number, None for nothing, NaN and Infinity, else the text as it is.

    >>> [parse_cell(text) for text in ("7", "1.335972e+07", "", "nan", "1e999", "open")]
    [7, 13359720.0, None, None, None, 'open']
    """
    bare = text.strip()
    if not bare or _NOT_A_NUMBER.fullmatch(bare):
        return None
    # Python's own int() and float() also take 1_000 and digits of other scripts: those are text.
    if _INTEGER.fullmatch(bare) and len(bare) <= len(str(_INT64.start)) and int(bare) in _INT64:
        return int(bare)
    if _NUMBER.fullmatch(bare) and not _INTEGER.fullmatch(bare):
        # 1e999 is Infinity in other words.
        return number if math.isfinite(number := float(bare)) else None
    return text
