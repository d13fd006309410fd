from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writer.oracle.layout import LAYOUTS, Column, TableWriter, stored_number
from shared.models import TagValue

AT = datetime(2026, 1, 1, 0, 0, 0, 1)
TAG_DATA = TableWriter(LAYOUTS["tag_data"], "TAG_DATA", "NULL")
NUMBERS = TableWriter(
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
    tag_values = TableWriter(LAYOUTS["tag_values"], "plant.tag_values", "-")
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
    assert [(error.offset, error.code) for error in errors] == [(n, "NOT_A_NUMBER") for n in (3, 4, 5)]


@given(st.text())
def test_what_is_taken_for_a_number_is_one_that_oracle_takes_too(text: str) -> None:
    number = stored_number(text)
    assert number is None or (text.isascii() and abs(number) < 1e126 and "_" not in text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("-3", -3), ("+4", 4), ("1.50", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1_000", None),
     ("", None), ("٣", None), ("inf", None), ("0x1f", None), ("9" * 38, int("9" * 38)),
     ("9" * 50, float("9" * 50)), ("--1", None)],
)  # fmt: skip
def test_stored_number(text: str, number: float | None) -> None:
    assert stored_number(text) == number


def test_values_compare_as_the_column_holds_them() -> None:
    assert NUMBERS.same_value("1.0", "1")
    assert not TAG_DATA.same_value("1.0", "1")
    assert TAG_DATA.same_value(None, TAG_DATA.text_of("NULL"))
    assert TAG_DATA.same_value("NULL", TAG_DATA.text_of("NULL"))
    assert not TAG_DATA.same_value("1", None)
