"""A column as the table has it: what fits it, and what it makes of a cell without a word. No I/O."""

import ctypes
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import oracledb

#: Digits enough to round any NUMBER exactly.
_EXACTLY = Context(prec=300)

#: Scale by which Oracle describes a number that is rounded to no decimals.
FLOATING = -127

#: Decimal digits that a binary one is worth, as Oracle reckons.
_DIGITS_A_BIT = 0.30103

#: Magnitudes that a NUMBER and a BINARY_FLOAT do not hold any more; the latter makes infinity of it without a word.
#: Source: Oracle SQL Language Reference, NUMBER; IEEE 754: half a unit above the largest of 24 binary digits.
_NUMBER_LIMIT, _SINGLE_LIMIT = 1e126, 2.0**128 - 2.0**103

#: Digits of a second's fraction that a time of ours has.
_MICROSECONDS = 6

#: Database character sets that hold few letters, and Python's names for them; Oracle replaces any other letter by ? or
#: the like without a word. Not listed: those that hold all (AL32UTF8, UTF8), and those where the two differ.
CHARACTER_SETS = {
    "US7ASCII": "ascii", "WE8ISO8859P1": "iso8859-1", "WE8ISO8859P15": "iso8859-15", "WE8MSWIN1252": "cp1252",
    "EE8ISO8859P2": "iso8859-2", "EE8MSWIN1250": "cp1250", "CL8ISO8859P5": "iso8859-5", "CL8MSWIN1251": "cp1251",
    "KO16MSWIN949": "cp949",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column as the table has it: `max_bytes` for text, None where text is not limited or the column is no text."""

    name: str
    is_number: bool
    max_bytes: int | None
    decimals: int | None = None  #: to which a NUMBER, or a time's seconds, is rounded without a word; None: it is not
    digits: int | None = None  #: to which a FLOAT is rounded without a word
    is_date: bool = False  #: DATE: it holds no fraction of a second
    is_binary: bool = False  #: BINARY_DOUBLE or BINARY_FLOAT
    is_single: bool = False  #: BINARY_FLOAT: 24 binary digits
    is_national: bool = False  #: NVARCHAR2, NCHAR: bytes are those of UTF-16
    is_padded: bool = False  #: CHAR, NCHAR: filled up with blanks
    has_zone: bool = False  #: a time that is stored as the moment at which the session's clocks show it
    character_set: str | None = None  #: the database's, where it does not hold every letter

    @property
    def read_as(self) -> str:
        """The SQL that reads a cell as it was sent: a time with a zone as the session's clocks show it.

        The driver shows such a time as the database's clocks do, or those where it was stored.
        """
        if not self.has_zone:
            return self.name
        return f"CAST(CAST({self.name} AS TIMESTAMP(6) WITH LOCAL TIME ZONE) AS TIMESTAMP(6))"

    @property
    def largest_number(self) -> float:
        """The magnitude from which on a number does not fit the type, before any precision."""
        if self.is_single:
            return _SINGLE_LIMIT
        return math.inf if self.is_binary else _NUMBER_LIMIT

    def bytes_of(self, text: str) -> int:
        """Return how many bytes the column needs for a text."""
        if self.is_national:
            return len(text.encode("utf-16-le", "surrogatepass"))
        if text.isascii():
            return len(text)
        if self.character_set is not None:
            return len(text.encode(CHARACTER_SETS[self.character_set], "replace"))
        return len(text.encode(errors="surrogatepass"))

    def letter_not_held(self, text: str) -> str | None:
        """Return the first letter that would be replaced; None where the column holds them all."""
        if self.character_set is None or text.isascii():
            return None
        try:
            text.encode(CHARACTER_SETS[self.character_set])
        except UnicodeEncodeError as error:
            return text[error.start]
        return None

    def as_stored(self, cell: Any) -> Any:
        """Return what a cell of ours is once it is stored, in the form in which two of them compare.

        >>> Column("tag_value", is_number=True, max_bytes=None, decimals=2).as_stored(12.345)
        Decimal('12.35')
        """
        if cell is None or cell == "":
            # To Oracle an empty text is none.
            return None
        if self.is_number:
            if not self.is_binary:
                return self._rounded(Decimal(str(cell)))
            return ctypes.c_float(cell).value if self.is_single else float(cell)
        if isinstance(cell, datetime):
            if self.is_date:
                return cell.replace(microsecond=0)
            return cell if self.decimals is None else _rounded_time(cell, self.decimals)
        return cell.rstrip(" ") if self.is_padded else cell

    def _rounded(self, number: Decimal) -> Decimal:
        if self.digits is not None:
            return Context(prec=self.digits, rounding=ROUND_HALF_UP).plus(number)
        if self.decimals is None:
            return number
        return number.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP, _EXACTLY)


@dataclass(frozen=True)
class FoundColumn:
    """A column as Oracle describes it.

    `max_bytes` for text. `decimals` for times: digits of the seconds' fraction; for a NUMBER with a `precision`: digits
    after the point.
    """

    name: str
    type_name: str  #: VARCHAR2, NUMBER, TIMESTAMP, DATE...
    max_bytes: int
    decimals: int
    nullable: bool
    precision: int = 0


def bind_type(column: Column) -> Any:
    """Return what `setinputsizes` takes for a column."""
    if column.name == "timestamp":
        return oracledb.DB_TYPE_TIMESTAMP
    if column.is_number:
        return oracledb.DB_TYPE_BINARY_DOUBLE if column.is_binary else oracledb.DB_TYPE_NUMBER
    # Bound as VARCHAR2, a text would go through the database's character set, which may not hold it.
    return oracledb.DB_TYPE_NVARCHAR if column.is_national else column.max_bytes


def column_as_found(column: Column, found: FoundColumn | None, character_set: str) -> Column:
    """Return a column of the layout as the table has it; as it is where the table has none."""
    if found is None:
        return column
    kind = found.type_name
    is_binary, is_float = kind in ("BINARY_DOUBLE", "BINARY_FLOAT"), kind == "NUMBER" and found.decimals == FLOATING
    is_national, is_padded = kind in ("NVARCHAR2", "NCHAR"), kind in ("CHAR", "NCHAR")
    is_text = is_national or is_padded or kind == "VARCHAR2"
    return Column(
        column.name,
        is_number=is_binary or kind == "NUMBER",
        max_bytes=found.max_bytes if is_text else None,
        decimals=_decimals(found),
        digits=float_digits(found.precision) if is_float and found.precision else None,
        is_date=kind == "DATE",
        is_binary=is_binary,
        is_single=kind == "BINARY_FLOAT",
        is_national=is_national,
        is_padded=is_padded,
        has_zone=kind.endswith("TIME ZONE"),
        character_set=character_set if is_text and not is_national and character_set in CHARACTER_SETS else None,
    )


#: Types of a column into which Oracle converts a text or a number by the session's settings, or not at all.
_NO_VALUES = ("DATE", "TIMESTAMP", "INTERVAL", "RAW", "LONG_RAW", "BLOB", "BOOLEAN")


def misfit(column: Column, found: FoundColumn) -> str | None:
    """Return why a column as the table has it can't hold what is written there; None where it can.

    What it takes all the same, Oracle converts by the session's settings, and what it refuses would be blamed on rows.
    """
    if column.name == "tag_value":
        fits = not found.type_name.startswith(_NO_VALUES)
    else:
        texts = ("VARCHAR2", "NVARCHAR2", "CHAR", "NCHAR")
        fits = found.type_name.startswith(("DATE", "TIMESTAMP") if column.name == "timestamp" else texts)
    return None if fits else f"{column.name} is {found.type_name}"


def float_digits(bits: int) -> int:
    """Return to how many decimal digits a FLOAT of so many bits is rounded.

    Source: Oracle SQL Language Reference, FLOAT.
    """
    return math.ceil(bits * _DIGITS_A_BIT)


def _decimals(found: FoundColumn) -> int | None:
    if found.type_name == "NUMBER":
        # A NUMBER without precision is described by precision 0; FLOAT by scale -127.
        return found.decimals if found.precision and found.decimals > FLOATING else None
    if found.type_name == "DATE":
        return 0
    return found.decimals if found.type_name.startswith("TIMESTAMP") and found.decimals < _MICROSECONDS else None


def _rounded_time(moment: datetime, decimals: int) -> datetime:
    unit = 10 ** max(0, 6 - decimals)
    rounded = (moment.microsecond + unit // 2) // unit * unit
    try:
        return moment.replace(microsecond=0) + timedelta(microseconds=rounded)
    except OverflowError:
        return moment


def described(info: Any) -> FoundColumn:
    """Return a column in Oracle's own words from the driver's."""
    name = info.type_code.name.removeprefix("DB_TYPE_")
    type_name = {
        "VARCHAR": "VARCHAR2", "NVARCHAR": "NVARCHAR2", "TIMESTAMP_LTZ": "TIMESTAMP WITH LOCAL TIME ZONE",
        "TIMESTAMP_TZ": "TIMESTAMP WITH TIME ZONE",
    }.get(name, name)  # fmt: skip
    # The driver says None for a scale of 0.
    return FoundColumn(
        info.name, type_name, info.internal_size or 0, info.scale or 0, bool(info.null_ok), info.precision or 0
    )
