"""The dialect of a CSV file (encoding, delimiter, decimal sign), found out from its beginning.

What a person says goes before what is found. Where two readings are possible the file is refused, not guessed.
"""

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Literal, TypeAlias

import msgspec

from shared.errors import RejectedError
from shared.foreign_csv.times import Times
from shared.zones import zone_of

Decimal: TypeAlias = Literal["point", "comma"]

#: Bytes, and lines of them, from which a dialect is found out.
HEAD_BYTES, HEAD_LINES = 256 * 1024, 500

#: What may stand between cells.
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

#: A first line by which Excel, and what writes for it, tells the delimiter: sep=;
_TOLD_DELIMITER = re.compile(r'"?sep=(.)"?', re.IGNORECASE)

#: Share of the first lines that must have more than so many cells as the header: at first, and where none has.
_ALIKE = (0.9, 0.5)

#: Share of the first lines that may be no UTF-8 in a file of UTF-8: those are damaged, and their own fault.
_DAMAGED = 0.01

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip

#: How files begin that are no text, and what to do with them.
_PACKED = {
    b"PK\x03\x04": "a workbook of Excel, or a zip archive: save the sheet as CSV (UTF-8), or unpack it",
    b"\xd0\xcf\x11\xe0": "a workbook of an old Excel: save the sheet as CSV (UTF-8)",
    b"\x1f\x8b": "packed by gzip: gunzip it",
    b"PAR1": "a Parquet file: export it as CSV",
}

_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?", re.ASCII)
_POINT_NUMBER = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?", re.ASCII)
_GROUPS_OF_COMMAS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
_GROUPS_OF_POINTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?", re.ASCII)

#: ASCII, Hangul and the signs that stand between: letters of another alphabet would be of another encoding.
_KOREAN = re.compile(r"[\x01-\x7f\uac00-\ud7a3\u3131-\u318e\u2000-\u30ff\u3200-\u33ff\xa7\xb0\xb1\xb4\xb7\xd7\xf7]*")


def packed_as(head: bytes) -> str | None:
    """Return what a file is that does not begin as text does, and what to do with it; None for the others."""
    return next((what for begin, what in _PACKED.items() if head.startswith(begin)), None)


class DialectError(RejectedError):
    """A file can't be read for certain; `option` names what a person may say of it, None where nothing helps."""

    def __init__(self, reason: str, option: str | None = None) -> None:
        super().__init__(reason)
        self.option = option


@dataclass(frozen=True)
class Said:
    """What a person says of a file; None: it is found out.

    `time_zone`: of times that name none; else they are stored as they are. `time_format`: as strptime takes it, or
    `unix`, `unix_ms`, `unix_us`, `unix_ns`.
    """

    encoding: str | None = None
    delimiter: str | None = None
    decimal: Decimal | None = None
    time_format: str | None = None
    time_zone: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, str | None]) -> "Said":
        """Return what was said, by its names; a delimiter may be told by its own: comma, semicolon, tab, bar.

        Raises: DialectError: it can't be.
        """
        delimiter = given.get("delimiter")
        if delimiter is not None and len(delimiter) > 1:
            named = [sign for sign, names in DELIMITERS.items() if delimiter in (names, names.removesuffix("s"))]
            if not named:
                raise DialectError(f"there is no delimiter {delimiter!r}", "delimiter")
            delimiter = named[0]
        try:
            return msgspec.convert({**given, "delimiter": delimiter}, cls)
        except msgspec.ValidationError:
            raise DialectError(f"there is no decimal sign {given.get('decimal')!r}", "decimal") from None


@dataclass(frozen=True)
class Dialect:
    """How one file is to be read."""

    encoding: str
    delimiter: str
    decimal: Decimal
    times: Times
    header: tuple[str, ...]
    is_said: bool  #: whether a person said which decimal sign it has
    lines_before: int = 0  #: of the header: one that tells the delimiter

    def __str__(self) -> str:
        decimals = ", decimal commas" if self.decimal == "comma" else ""
        delimiters = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        return f"{self.encoding.removesuffix('-sig').upper()}, {delimiters}{decimals}"

    def value(self, cell: str) -> str:
        """Return a cell with its number, if it is one, as this project writes it: with a decimal point.

        Raises: ValueError: it may be one of two numbers.
        """
        bare = cell.strip()
        if self.decimal == "comma":
            if _COMMA_NUMBER.fullmatch(bare):
                return bare.replace(",", ".")
            if _POINT_NUMBER.fullmatch(bare) or _GROUPS_OF_POINTS.fullmatch(bare):
                raise ValueError(f"{bare[:40]!r} has a point in a file of decimal commas")
        elif not self.is_said and (_COMMA_NUMBER.fullmatch(bare) or _GROUPS_OF_COMMAS.fullmatch(bare)):
            raise ValueError(f"{bare[:40]!r} has a comma in a file without decimal commas")
        return cell

    def cells(self, line: str) -> list[str]:
        """Return the cells of a record. Raises: csv.Error."""
        line = line.rstrip("\r\n")
        return line.split(self.delimiter) if '"' not in line else _split(line, self.delimiter)


#: Tells whether a header, and the first lines below it, are such that the reader can do with them.
Fits = Callable[[Sequence[str], Sequence[Sequence[str]]], bool]


def find_dialect(
    file: BinaryIO, said: Said, fits: Fits, values_from: Callable[[Sequence[str]], Iterable[int]]
) -> Dialect:
    """Return the dialect of a file, of which it reads the beginning and goes back there.

    Args: values_from: the places of the columns that hold values, by the header.
    Raises: DialectError; OSError.
    """
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if (packed := packed_as(head)) is not None:
        raise DialectError(f"it is no CSV file but {packed}")
    encoding = _encoding(head, said.encoding)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if len(head) == HEAD_BYTES:
        del lines[-1:]
    lines = [line for line in lines[:HEAD_LINES] if line.strip()]
    if not lines:
        raise DialectError("the file is empty" if not head else "its first line is longer than any header")
    told = _TOLD_DELIMITER.fullmatch(lines[0])
    lines = lines[1:] if told and lines[1:] else lines
    delimiter = said.delimiter or (told[1] if told else _delimiter(lines, fits))
    header, rows = _sample(lines, delimiter)
    if not fits(header, rows):
        raise DialectError(f"line 1 is no header: {lines[0][:80]!r}")
    places = [*values_from(header)]
    cells = [row[place].strip() for row in rows if len(row) == len(header) for place in places]
    decimal = said.decimal or _decimal(cells)
    try:
        times = Times(said.time_format, zone_of(said.time_zone) if said.time_zone is not None else None)
    except ValueError as error:
        raise DialectError(str(error), "time_zone") from None
    return Dialect(encoding, delimiter, decimal, times, tuple(header), said.decimal is not None, int(told is not None))


def _encoding(head: bytes, said: str | None) -> str:
    if said is not None:
        try:
            return codecs.lookup(said).name
        except LookupError:
            raise DialectError(f"there is no encoding {said!r}", "encoding") from None
    wide = _wide_encoding(head)
    if wide is not None:
        return wide
    lines = head.split(b"\n")
    text = _decodes(head, "utf-8")
    # EUC-KR is the strict part of CP949: Latin letters with accents are hardly ever Hangul in it.
    korean = _decodes(head, "euc_kr") if text is None else None
    if korean is not None and _KOREAN.fullmatch(korean):
        return "cp949"
    if "\0" not in (text or "") and _damaged(lines[:1]) == 0 and _damaged(lines) <= _DAMAGED * len(lines):
        return "utf-8"
    raise DialectError("its text is neither UTF-8 nor UTF-16, nor Korean (CP949) for certain", "encoding")


def _wide_encoding(head: bytes) -> str | None:
    """Return the encoding that a byte order mark tells, or every second byte."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    # Without a mark, half of the bytes of what is mostly ASCII are zero.
    if head[1:2] == b"\0" and head[3:4] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if head[:1] == b"\0" and head[2:3] == b"\0" else None


def _decodes(head: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None


def _damaged(lines: Sequence[bytes]) -> int:
    """Return how many lines are no UTF-8."""
    return sum(_decodes(line, "utf-8") is None for line in lines)


def _delimiter(lines: Sequence[str], fits: Fits) -> str:
    alike = {delimiter: _alike(lines, delimiter, fits) for delimiter in DELIMITERS}
    for share in _ALIKE:
        found = [delimiter for delimiter in DELIMITERS if alike[delimiter] > share]
        if len(found) == 1:
            return found[0]
        if found:
            break
    if found:
        names = " or ".join(DELIMITERS[delimiter] for delimiter in found)
        raise DialectError(f"its columns may be apart by {names}", "delimiter")
    raise DialectError(f"line 1 is no header whose columns the lines after it have: {lines[0][:80]!r}", "delimiter")


def _alike(lines: Sequence[str], delimiter: str, fits: Fits) -> float:
    """Return the share of lines that have as many cells as the header; 0 where that is none."""
    header, rows = _sample(lines, delimiter)
    if not header[1:] or not fits(header, rows):
        return 0.0
    return sum(len(row) == len(header) for row in rows) / len(rows) if rows else 1.0


def _sample(lines: Sequence[str], delimiter: str) -> tuple[list[str], list[list[str]]]:
    """Return the cells of a header and of the lines below it; none for a line that has no cells."""
    header, *rows = [_cells(line, delimiter) for line in lines]
    return [name.strip() for name in header], rows


def _cells(line: str, delimiter: str) -> list[str]:
    with suppress(csv.Error):
        return _split(line, delimiter)
    return []


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader((line,), delimiter=delimiter), [])


def _decimal(cells: Sequence[str]) -> Decimal:
    """Return the sign that nearly all numbers have which have one: the others are their rows' faults."""
    grouped = [cell for cell in cells if _GROUPS_OF_COMMAS.fullmatch(cell)]
    points = sum(_POINT_NUMBER.fullmatch(cell) is not None for cell in cells)
    commas = [cell for cell in cells if _COMMA_NUMBER.fullmatch(cell) and not _GROUPS_OF_COMMAS.fullmatch(cell)]
    if points and commas and not (_few(points, len(commas)) or _few(len(commas), points)):
        raise DialectError(f"its numbers have points and commas ({commas[0]!r})", "decimal")
    if len(commas) > points:
        return "comma"
    if grouped and not _few(len(grouped), points):
        raise DialectError(f"{grouped[0]!r} may be a thousand or a fraction", "decimal")
    return "point"


def _few(some: int, others: int) -> bool:
    return some <= (1 - _ALIKE[0]) * (some + others)
