from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.consumer.expand import expand, unsupported
from services.consumer.plain import values_of
from shared.models import Lines, PollingData, Row

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
#: Lone surrogates are in no message that was read.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
READINGS = NUMBERS | TEXTS | st.none() | st.lists(NUMBERS, max_size=2)
TIMES = st.datetimes()


def poll(readings: dict[str, Any], **fields: Any) -> PollingData:
    essentials = {"timestamp": datetime(2026, 1, 1), "group_id": 1, "group_name": "g", "plc_code": "P"}
    return PollingData(**{**essentials, **fields}, tag_values=readings)


def assert_as_expanded(data: PollingData) -> None:
    values, each = values_of(data), expand(data)
    expanded = Lines.of(each)
    assert sorted(values.lines.text.splitlines()) == sorted(expanded.text.splitlines())
    assert values.lines.text.endswith(b"\n") or not values.lines.count
    bad = sum(value.quality == "BAD" for value in each)
    assert (values.lines.count, values.bad, values.unsupported) == (expanded.count, bad, unsupported(data))


@pytest.mark.req("FR-017")
@given(st.dictionaries(TEXTS, NUMBERS), TIMES, TEXTS)
def test_numbers_give_the_bytes_that_expanding_gives(readings: dict[str, Any], moment: datetime, plc: str) -> None:
    assert_as_expanded(poll(readings, timestamp=moment, plc_code=plc))


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), READINGS),
    st.dictionaries(st.sampled_from("aceg"), TEXTS),
    st.dictionaries(st.sampled_from("abz"), st.sampled_from(["BAD", "UNCERTAIN", "GOOD"])),
    st.dictionaries(st.sampled_from("cdz"), TIMES),
    st.lists(st.builds(Row, TEXTS, st.none() | TIMES, READINGS), max_size=2),
)
def test_so_does_every_message(
    readings: dict[str, Any], errors: Any, qualities: Any, times: Any, rows: list[Row]
) -> None:
    data = poll(readings, error_tags=errors, tag_qualities=qualities, tag_timestamps=times, rows=tuple(rows))
    assert_as_expanded(data)


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1), st.integers(0, 5))
def test_decimals_of_any_length(digits: list[int], places: int) -> None:
    assert_as_expanded(poll({f"D{number}": whole / 10**places for number, whole in enumerate(digits)}))


@pytest.mark.parametrize("number", [1e16, -1.5e-5, 2.5e-7, 0.0001, 10.00005, 10**30, 2**63, 5e-324, -0.0])
def test_numbers_that_json_and_python_may_write_otherwise(number: float) -> None:
    assert_as_expanded(poll({"a": 1.5, "b": number}))


def test_names_that_json_escapes() -> None:
    assert_as_expanded(poll({'quo"ted': 1, "new\nline": True, "\u00fc": 3.5, "": 4}, plc_code='P"\n'))
