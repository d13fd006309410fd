"""The two table layouts: SQL, binds, and what can be known of a row before it is bound. No I/O."""

import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, TypeAlias

import oracledb

from services.writer.oracle.columns import Column, bind_type
from services.writer.sink import RowError
from shared.models import TagValue

Row: TypeAlias = tuple[Any, ...]

#: The least magnitude that a NUMBER holds: what is smaller becomes 0 in Oracle, and can't be bound.
#: Source: Oracle SQL Language Reference, NUMBER.
_NUMBER_LEAST = 1e-130

#: Code of a text in the place of a number.
NOT_A_NUMBER = "NOT_A_NUMBER"

#: Digits that a NUMBER holds for certain.
_NUMBER_DIGITS = 38
_AS_NUMBER = Context(prec=_NUMBER_DIGITS)

#: What Oracle takes for a number too: no underscores, no digits of other scripts, no infinity.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

#: UTF-8 bytes that one character takes at most.
_MAX_CHAR_BYTES = 4


@dataclass(frozen=True)
class Layout:
    """One way to store a value: the columns in bind order, and the key."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [column.name for column in self.columns]


def _layout(name: str, key: tuple[str, ...], **max_bytes: int | None) -> Layout:
    """Return a layout of text columns of so many bytes, None for the time, in bind order."""
    return Layout(
        name, tuple(Column(column, is_number=False, max_bytes=size) for column, size in max_bytes.items()), key
    )


LAYOUTS = {
    layout.name: layout
    for layout in (
        _layout("tag_data", ("tag_name", "timestamp"), tag_name=100, tag_value=255, timestamp=None, quality=20),
        _layout(
            "tag_values", ("plc_code", "tag_address", "timestamp"),
            timestamp=None, plc_code=50, tag_address=100, tag_value=255, quality=20,
        ),
    )
}  # fmt: skip


class RowBinder:
    """Turns values into rows of one table, as its columns are."""

    def __init__(self, layout: Layout, table: str, no_value_text: str, separator: str = ".") -> None:
        self.layout = layout
        #: What joins PLC code and address to a tag name.
        self.separator = separator if layout.name == "tag_data" else "."
        self.table = table
        self._no_value_text = no_value_text
        names = ", ".join(layout.names)
        places = ", ".join(f":{n}" for n in range(1, len(layout.columns) + 1))
        self.insert_sql = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - the name is checked in settings
        # Each with its place in a row.
        columns = {column.name: (place, column) for place, column in enumerate(layout.columns)}
        self._key = [columns[name] for name in layout.key]
        self._contents = columns["tag_value"], columns["quality"]
        #: What `setinputsizes` takes. Given for every column, or a column of Nones is bound as VARCHAR2(1) and a time
        #: as DATE, without its fraction.
        self.input_sizes = [bind_type(column) for column in layout.columns]
        #: The same for the columns of one key; a CHAR column compares with blanks only as CHAR.
        self.key_sizes = [oracledb.DB_TYPE_CHAR if column.is_padded else bind_type(column) for _, column in self._key]
        #: The SQL that reads the columns of one key as they were sent.
        self.key_read = ", ".join(column.read_as for _, column in self._key)
        self._value_is_number = columns["tag_value"][1].is_number
        self._rows: Callable[[Sequence[TagValue]], list[Row]] = (
            self._tag_data_rows if layout.name == "tag_data" else self._tag_values_rows
        )

    def rows(self, values: Sequence[TagValue]) -> tuple[list[Row], list[RowError]]:
        """Return a row for each value, and an error for each that can't be bound; offsets are places in `values`.

        One value of a wrong type or length would fail the whole batch inside the driver.
        """
        errors: list[RowError] = []
        rows = self._rows(values)
        if self._value_is_number:
            rows = [self._with_number(offset, row, errors) for offset, row in enumerate(rows)]
        for column, cells in zip(self.layout.columns, zip(*rows, strict=True), strict=False):
            if column.max_bytes is not None and not column.is_number:
                errors += _misfits(cells, column, column.max_bytes)
        first_errors = {error.offset: error for error in reversed(errors)}
        return rows, [first_errors[offset] for offset in sorted(first_errors)]

    def _tag_data_rows(self, values: Sequence[TagValue]) -> list[Row]:
        no_value, dot = None if self._value_is_number else self._no_value_text, self.separator
        return [
            (
                f"{v.plc_code}{dot}{v.tag_address}",
                no_value if v.tag_value is None else v.tag_value,
                v.timestamp,
                v.quality,
            )
            for v in values
        ]

    def _tag_values_rows(self, values: Sequence[TagValue]) -> list[Row]:
        no_value = None if self._value_is_number else self._no_value_text
        return [
            (v.timestamp, v.plc_code, v.tag_address, no_value if v.tag_value is None else v.tag_value, v.quality)
            for v in values
        ]

    def _with_number(self, offset: int, row: Row, errors: list[RowError]) -> Row:
        """Return a row with its value as a number.

        "NaN" and "Infinity", as OPC UA's JSON writes them, are numbers that are no value: BAD, and no fault of the row.
        """
        (place, column), (of_quality, _) = self._contents
        text = row[place]
        if text is None:
            return row
        number = stored_number(text, column.largest_number)
        if number is None and _is_not_finite(text):
            return tuple("BAD" if at == of_quality else None if at == place else cell for at, cell in enumerate(row))
        if number is None:
            kind = "BINARY_FLOAT" if column.is_single else "BINARY_DOUBLE" if column.is_binary else "NUMBER"
            message = f"tag_value is a {kind} column and {text[:60]!r} is no number that it holds"
            errors.append(RowError(offset, NOT_A_NUMBER, message))
        elif column.is_binary:
            number = float(number)
        elif abs(float(number)) < _NUMBER_LEAST:
            number = 0
        return (*row[:place], number, *row[place + 1 :])

    def text_of(self, stored: Any) -> str | None:
        """Return what the table holds for a value, as the text that a TagValue would hold; None for no value."""
        if stored is None or (not self._value_is_number and stored == self._no_value_text):
            return None
        return str(stored)

    def is_stored_as(self, row: Row, tag_value: Any, quality: Any) -> bool:
        """Tell whether value and quality of a row are what the table holds."""
        (value_place, value), (quality_place, text) = self._contents
        return bool(
            value.as_stored(row[value_place]) == value.as_stored(tag_value)
            and text.as_stored(row[quality_place]) == text.as_stored(quality)
        )

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """Return a row's primary key as the table holds it."""
        return tuple(column.as_stored(row[place]) for place, column in self._key)

    def key_as_stored(self, key: Sequence[Any]) -> tuple[Any, ...]:
        """Return a key that was read from the table in the form of `key_of`."""
        return tuple(column.as_stored(cell) for (_, column), cell in zip(self._key, key, strict=True))


def _is_not_finite(text: str) -> bool:
    """Tell whether a text is a number that is no value.

    >>> [_is_not_finite(text) for text in ("NaN", "-Infinity", "1e999", "nanny", "7")]
    [True, True, True, False, False]
    """
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return False


def stored_number(text: str, limit: float) -> int | float | Decimal | None:
    """Return the number that a text holds; None when it is none below a limit that Oracle could store."""
    if not _NUMBER.fullmatch(text):
        return None
    number: int | float | Decimal
    number = int(text) if text.lstrip("+-").isdecimal() and len(text) <= _NUMBER_DIGITS else float(text)
    if isinstance(number, float) and len(text) > sys.float_info.dig and repr(number) != text and math.isfinite(number):
        # It may have more digits than a float.
        number = _AS_NUMBER.create_decimal(text)
    return number if abs(float(number)) < limit else None


def _misfits(cells: Sequence[str], column: Column, max_bytes: int) -> list[RowError]:
    """Return an error for each text that a column does not hold."""
    # The longest text decides for all: the bytes of every text are counted only when it might not fit.
    if column.character_set is None and len(max(cells, key=len)) * _MAX_CHAR_BYTES <= max_bytes:
        return []
    errors = []
    for offset, text in enumerate(cells):
        if (size := column.bytes_of(text)) > max_bytes:
            message = f"{column.name} holds {max_bytes} bytes and the value has {size} (ORA-12899)"
            errors.append(RowError(offset, "TOO_LONG", message))
        elif (letter := column.letter_not_held(text)) is not None:
            message = f"{column.name}: the database's character set {column.character_set} has no {letter!r}"
            errors.append(RowError(offset, "NOT_IN_CHARACTER_SET", message))
    return errors
