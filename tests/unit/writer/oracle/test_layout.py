from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import oracledb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writer.oracle.columns import Column
from services.writer.oracle.layout import LAYOUTS, RowBinder, stored_number
from shared.models import TagValue

AT = datetime(2026, 1, 1, 0, 0, 0, 1)
TAG_DATA = RowBinder(LAYOUTS["tag_data"], "TAG_DATA", "NULL")
NUMBERS = RowBinder(
    replace(
        LAYOUTS["tag_data"],
        columns=tuple(
            Column(c.name, is_number=c.name == "tag_value", max_bytes=None if c.name == "tag_value" else c.max_bytes)
            for c in LAYOUTS["tag_data"].columns
        ),
    ),
    "TAG_DATA",
    "NULL",
)


def value(text: str | None, address: str = "D1") -> TagValue:
    return TagValue(AT, "P", address, text, "GOOD")


def test_a_row_of_each_layout_follows_its_columns() -> None:
    assert TAG_DATA.rows([value("7"), value(None)]) == ([("P.D1", "7", AT, "GOOD"), ("P.D1", "NULL", AT, "GOOD")], [])
    assert (
        TAG_DATA.insert_sql == "INSERT INTO TAG_DATA (tag_name, tag_value, timestamp, quality) VALUES (:1, :2, :3, :4)"
    )
    tag_values = RowBinder(LAYOUTS["tag_values"], "plant.tag_values", "-")
    assert tag_values.rows([value(None)]) == ([(AT, "P", "D1", "-", "GOOD")], [])
    assert tag_values.key_of((AT, "P", "D1", "-", "GOOD")) == ("P", "D1", AT)


@pytest.mark.req("EC-6")
@given(st.lists(st.text(max_size=300), min_size=1, max_size=20))
def test_a_value_is_refused_before_binding_exactly_when_its_bytes_do_not_fit(texts: list[str]) -> None:
    texts = [text for text in texts if text] or ["x"]
    _, errors = TAG_DATA.rows([value(text) for text in texts])
    assert [error.offset for error in errors] == [n for n, text in enumerate(texts) if len(text.encode()) > 255]
    assert all(error.code == "TOO_LONG" for error in errors)


def test_korean_names_count_three_bytes_a_letter() -> None:
    _, errors = TAG_DATA.rows([value("1", address="온" * 32), value("1", address="온" * 33)])
    assert [(error.offset, error.code) for error in errors] == [(1, "TOO_LONG")]
    assert "tag_name holds 100 bytes and the value has 101" in errors[0].message


def test_a_row_with_two_faults_is_refused_once() -> None:
    _, errors = TAG_DATA.rows([value("x" * 300, address="y" * 200)])
    assert len(errors) == 1


def test_a_number_column_takes_numbers_and_refuses_other_text() -> None:
    rows, errors = NUMBERS.rows([value("7"), value("2.5"), value(None), value("on"), value("nan"), value("1e200")])
    assert [row[1] for row in rows[:3]] == [7, 2.5, None]
    assert [(error.offset, error.code) for error in errors] == [(n, "NOT_A_NUMBER") for n in (3, 5)]


@given(st.text())
def test_what_is_taken_for_a_number_is_one_that_oracle_takes_too(text: str) -> None:
    number = stored_number(text, 1e126)
    assert number is None or (text.isascii() and abs(float(number)) < 1e126 and "_" not in text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("-3", -3), ("+4", 4), ("1.50", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1_000", None),
     ("", None), ("٣", None), ("inf", None), ("0x1f", None), ("9" * 38, int("9" * 38)),
     ("9" * 50, Decimal("1E50")), ("--1", None)],
)  # fmt: skip
def test_stored_number(text: str, number: float | Decimal | None) -> None:
    assert stored_number(text, 1e126) == number


def numbers(**changes: Any) -> RowBinder:
    """Return a table whose tag_value is a number of a kind."""
    columns = tuple(replace(c, **changes) if c.name == "tag_value" else c for c in NUMBERS.layout.columns)
    return RowBinder(replace(NUMBERS.layout, columns=columns), "TAG_DATA", "NULL")


@pytest.mark.parametrize(
    ("table", "text", "stored", "same"),
    [
        (NUMBERS, "1.0", 1, True),
        (NUMBERS, "1e40", 10**40, True),
        (NUMBERS, "9" * 38, int("9" * 38), True),
        (NUMBERS, "0.1", 0.2, False),
        (NUMBERS, None, None, True),
        (numbers(decimals=2), "12.345", 12.35, True),
        (numbers(decimals=2), "12.344", 12.35, False),
        (numbers(decimals=-2), "1234", 1200, True),
        (numbers(decimals=2), "1e100", 10**100, True),
        (numbers(digits=8), "12.345678912", 12.345679, True),
        (numbers(digits=2), "123.45", 120, True),
        (numbers(is_binary=True), "0.1", 0.1, True),
        (numbers(is_binary=True, is_single=True), "0.1", 0.10000000149011612, True),
        (TAG_DATA, "1.0", "1", False),
        (TAG_DATA, None, "NULL", True),
        (TAG_DATA, "NULL", "NULL", True),
        (TAG_DATA, "1", None, False),
    ],
)
def test_values_compare_as_the_column_holds_them(
    table: RowBinder, text: str | None, stored: object, same: bool
) -> None:
    """Kind: a false conflict at each redelivery, because the column rounds without a word."""
    row = table.rows([value(text)])[0][0]
    assert table.is_stored_as(row, stored, "GOOD") is same
    assert not table.is_stored_as(row, stored, "BAD")


def test_keys_compare_as_the_columns_hold_them() -> None:
    """Kind: a look-up that finds nothing because the table pads or rounds what it is asked for."""
    changes: dict[str, dict[str, Any]] = {"tag_name": {"is_padded": True}, "timestamp": {"decimals": 3}}
    columns = tuple(replace(c, **changes.get(c.name, {})) for c in TAG_DATA.layout.columns)
    table = RowBinder(replace(TAG_DATA.layout, columns=columns), "TAG_DATA", "NULL")
    row = table.rows([TagValue(datetime(2026, 1, 1, 0, 0, 59, 999_500), "P", "D1", "1", "GOOD")])[0][0]
    assert table.key_of(row) == ("P.D1", datetime(2026, 1, 1, 0, 1))
    assert table.key_as_stored(("P.D1" + " " * 96, datetime(2026, 1, 1, 0, 1))) == table.key_of(row)
    assert table.key_sizes[0] is oracledb.DB_TYPE_CHAR


def test_an_nvarchar2_column_is_measured_in_utf_16() -> None:
    """Kind: a length in the wrong unit. 127 letters beyond the plane of 65,536 fill 254 units."""
    columns = tuple(
        replace(c, is_national=True, max_bytes=2 * 255) if c.name == "tag_value" else c for c in TAG_DATA.layout.columns
    )
    table = RowBinder(replace(TAG_DATA.layout, columns=columns), "TAG_DATA", "NULL")
    _, errors = table.rows([value("온" * 255), value("온" * 256), value("😀" * 127), value("😀" * 128)])
    assert [error.offset for error in errors] == [1, 3]


def test_bytes_are_those_of_the_databases_character_set() -> None:
    """Kind: a length in the wrong unit. A Korean letter has two bytes in KO16MSWIN949, three in AL32UTF8."""
    columns = tuple(replace(c, character_set="KO16MSWIN949") if c.max_bytes else c for c in TAG_DATA.layout.columns)
    table = RowBinder(replace(TAG_DATA.layout, columns=columns), "TAG_DATA", "NULL")
    _, errors = table.rows([value("온" * 127), value("온" * 128), value("😀")])
    assert [(error.offset, error.code) for error in errors] == [(1, "TOO_LONG"), (2, "NOT_IN_CHARACTER_SET")]


def test_what_is_too_small_for_a_number_is_bound_as_zero() -> None:
    """Kind: a value that fails in the driver costs its whole batch. Oracle makes 0 of such a text itself."""
    rows, errors = NUMBERS.rows([value("1e-140"), value("-4.9e-324"), value("1e-130")])
    assert ([row[1] for row in rows], errors) == ([0, 0, 1e-130], [])
    assert numbers(is_binary=True).rows([value("1e-140")])[0][0][1] == 1e-140


@pytest.mark.parametrize(
    "text",
    ["12345678901234567.25", "0.1234567890123456789", "-1234567890.123456789012", "1" + "0" * 20 + ".5"],
)
def test_a_number_with_more_digits_than_a_float_has_keeps_them(text: str) -> None:
    """Kind: a conversion on the way that holds less than both ends: a NUMBER column rounded to 17 digits."""
    rows, errors = NUMBERS.rows([value(text)])
    assert (Decimal(str(rows[0][1])), errors) == (Decimal(text), [])
    assert NUMBERS.is_stored_as(rows[0], Decimal(text), "GOOD")
