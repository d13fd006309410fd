"""The two table layouts: SQL, binds, and what can be known of a row before it is bound. No I/O."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import oracledb

from services.writer.sink import RowError
from shared.models import TagValue

Row: TypeAlias = tuple[Any, ...]

#: Largest magnitude that an Oracle NUMBER holds (exclusive). Source: Oracle SQL Language Reference, NUMBER.
_NUMBER_LIMIT = 1e126

#: Digits that a NUMBER holds for certain.
_NUMBER_DIGITS = 38

#: What Oracle takes for a number too: no underscores, no digits of other scripts, no infinity.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

#: UTF-8 bytes that one character takes at most.
_MAX_CHAR_BYTES = 4


@dataclass(frozen=True)
class Column:
    """A column as the table has it: `max_bytes` for text, None where text is not limited or the column is no text."""

    name: str
    is_number: bool
    max_bytes: int | None


@dataclass(frozen=True)
class Layout:
    """One way to store a value: the columns in bind order, and the key."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def position(self, column: str) -> int:
        """Return the place of a column in a row."""
        return next(place for place, known in enumerate(self.columns) if known.name == column)


LAYOUTS = {
    "tag_data": Layout(
        "tag_data",
        (
            Column("tag_name", is_number=False, max_bytes=100),
            Column("tag_value", is_number=False, max_bytes=255),
            Column("timestamp", is_number=False, max_bytes=None),
            Column("quality", is_number=False, max_bytes=20),
        ),
        ("tag_name", "timestamp"),
    ),
    "tag_values": Layout(
        "tag_values",
        (
            Column("timestamp", is_number=False, max_bytes=None),
            Column("plc_code", is_number=False, max_bytes=50),
            Column("tag_address", is_number=False, max_bytes=100),
            Column("tag_value", is_number=False, max_bytes=255),
            Column("quality", is_number=False, max_bytes=20),
        ),
        ("plc_code", "tag_address", "timestamp"),
    ),
}


class TableWriter:
    """Turns values into rows of one table, as its columns are."""

    def __init__(self, layout: Layout, table: str, no_value_text: str) -> None:
        self.layout = layout
        self.table = table
        self._no_value_text = no_value_text
        names = ", ".join(column.name for column in layout.columns)
        places = ", ".join(f":{n}" for n in range(1, len(layout.columns) + 1))
        self.insert_sql = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - the name is checked in settings
        self._value_is_number = layout.columns[layout.position("tag_value")].is_number
        self._rows: Callable[[Sequence[TagValue]], list[Row]] = (
            self._tag_data_rows if layout.name == "tag_data" else self._tag_values_rows
        )

    @property
    def input_sizes(self) -> list[Any]:
        """What `setinputsizes` takes.

        Given for every column, or a column of Nones is bound as VARCHAR2(1) and a time as DATE, without its fraction.
        """
        return [
            oracledb.DB_TYPE_TIMESTAMP
            if column.name == "timestamp"
            else oracledb.DB_TYPE_NUMBER
            if column.is_number
            else column.max_bytes
            for column in self.layout.columns
        ]

    def rows(self, values: Sequence[TagValue]) -> tuple[list[Row], list[RowError]]:
        """Return a row for each value, and an error for each that can't be bound; offsets are places in `values`.

        One value of a wrong type or length would fail the whole batch inside the driver.
        """
        errors: list[RowError] = []
        rows = self._rows(values)
        if self._value_is_number:
            place = self.layout.position("tag_value")
            rows = [_with_number(offset, row, place, errors) for offset, row in enumerate(rows)]
        for column, cells in zip(self.layout.columns, zip(*rows, strict=True), strict=False):
            if column.max_bytes is not None and not column.is_number:
                errors += _too_long(cells, column.name, column.max_bytes)
        first_errors = {error.offset: error for error in reversed(errors)}
        return rows, [first_errors[offset] for offset in sorted(first_errors)]

    def _tag_data_rows(self, values: Sequence[TagValue]) -> list[Row]:
        no_value = None if self._value_is_number else self._no_value_text
        return [
            (f"{v.plc_code}.{v.tag_address}", no_value if v.tag_value is None else v.tag_value, v.timestamp, v.quality)
            for v in values
        ]

    def _tag_values_rows(self, values: Sequence[TagValue]) -> list[Row]:
        no_value = None if self._value_is_number else self._no_value_text
        return [
            (v.timestamp, v.plc_code, v.tag_address, no_value if v.tag_value is None else v.tag_value, v.quality)
            for v in values
        ]

    def text_of(self, stored: Any) -> str | None:
        """Return what the table holds for a value, as the text that a TagValue would hold; None for no value."""
        if stored is None or (not self._value_is_number and stored == self._no_value_text):
            return None
        return str(stored)

    def same_value(self, text: str | None, stored: str | None) -> bool:
        """Tell whether a value is what the table holds; numbers are compared as numbers where the column is one."""
        if self._value_is_number and text is not None and stored is not None:
            return stored_number(text) == stored_number(stored)
        return text == stored or (stored is None and text == self._no_value_text)

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """Return a row's primary key."""
        return tuple(row[self.layout.position(column)] for column in self.layout.key)


def _with_number(offset: int, row: Row, place: int, errors: list[RowError]) -> Row:
    text = row[place]
    if text is None:
        return row
    number = stored_number(text)
    if number is None:
        errors.append(RowError(offset, "NOT_A_NUMBER", f"tag_value is a NUMBER column and {text[:60]!r} is no number"))
    return (*row[:place], number, *row[place + 1 :])


def stored_number(text: str) -> int | float | None:
    """Return the number that a text holds; None when it is none that Oracle could store."""
    if not _NUMBER.fullmatch(text):
        return None
    number: int | float
    number = int(text) if text.lstrip("+-").isdecimal() and len(text) <= _NUMBER_DIGITS else float(text)
    return number if abs(number) < _NUMBER_LIMIT else None


def _too_long(cells: Sequence[str], name: str, max_bytes: int) -> list[RowError]:
    # The longest text decides for all: the bytes of every text are counted only when it might not fit.
    if len(max(cells, key=len)) * _MAX_CHAR_BYTES <= max_bytes:
        return []
    errors = []
    for offset, text in enumerate(cells):
        size = len(text) if text.isascii() else len(text.encode())
        if size > max_bytes:
            message = f"{name} holds {max_bytes} bytes and the value has {size} (ORA-12899)"
            errors.append(RowError(offset, "TOO_LONG", message))
    return errors
