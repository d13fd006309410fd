from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.consumer.expand import expand
from services.consumer.plain import plain_lines
from shared.models import Lines, PollingData, Row

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
#: Lone surrogates are in no message that was read.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def poll(readings: dict[str, Any], **fields: Any) -> PollingData:
    essentials = {"timestamp": datetime(2026, 1, 1), "group_id": 1, "group_name": "g", "plc_code": "P"}
    return PollingData(**{**essentials, **fields}, tag_values=readings)


def expanded(data: PollingData) -> Lines:
    return Lines.of(expand(data).values)


@given(st.dictionaries(TEXTS, NUMBERS), st.datetimes(), TEXTS)
def test_a_usual_message_gives_the_bytes_that_expanding_gives(
    readings: dict[str, Any], moment: datetime, plc: str
) -> None:
    data = poll(readings, timestamp=moment, plc_code=plc)
    assert plain_lines(data) in (expanded(data), None)


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1), st.integers(0, 12))
def test_decimals_as_plants_have_them_are_usual(digits: list[int], places: int) -> None:
    """Only what is written with an exponent, or nearly so, takes the other way."""
    data = poll({f"D{number}": whole / 10**places for number, whole in enumerate(digits)})
    if all(value == 0 or 1e-3 < abs(value) < 1e15 for value in data.tag_values.values()) and places < 4:
        assert plain_lines(data) == expanded(data)
    else:
        assert plain_lines(data) in (expanded(data), None)


@pytest.mark.parametrize(
    "readings",
    [{"a": 1}, {"a": 1.5, "b": True, "c": False, "d": -0.0, "e": 10**30}, {'quo"ted': 1, "new\nline": 2, "\u00fc": 3}],
)
def test_usual_messages(readings: dict[str, Any]) -> None:
    assert plain_lines(poll(readings)) == expanded(poll(readings))


@pytest.mark.parametrize("reading", [None, "text", [1], {"a": 1}, 1e16, 1.5e-5, 2.5e-7])
def test_a_reading_of_another_kind_makes_the_message_another(reading: object) -> None:
    assert plain_lines(poll({"a": 1, "b": reading})) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"error_tags": {"a": "timeout"}},
        {"tag_qualities": {"a": "UNCERTAIN"}},
        {"tag_timestamps": {"a": datetime(2026, 1, 2)}},
        {"rows": (Row("a", None, 1),)},
    ],
)
def test_what_is_said_of_single_tags_makes_the_message_another(fields: dict[str, Any]) -> None:
    assert plain_lines(poll({"a": 1}, **fields)) is None
