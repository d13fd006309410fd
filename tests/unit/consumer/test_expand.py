from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.consumer.expand import expand, stored_text
from shared.models import Decoded, PollingData, decode_values, encode_value

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


def polling_data(**fields: object) -> PollingData:
    essentials = {"timestamp": datetime(2026, 1, 1), "group_id": 1, "group_name": "g", "plc_code": "P"}
    return PollingData(**{**essentials, **fields})  # type: ignore[arg-type]


@pytest.mark.req("FR-017")
@given(st.dictionaries(st.text(), SCALARS | st.lists(st.integers())), st.dictionaries(st.text(), st.text()))
def test_expand_gives_one_value_for_each_tag(tag_values: dict[str, object], error_tags: dict[str, str]) -> None:
    values = expand(polling_data(tag_values=tag_values, error_tags=error_tags))
    assert sorted(value.tag_address for value in values) == sorted({*tag_values, *error_tags})
    for value in values:
        readable = value.tag_value is not None and value.tag_address not in error_tags
        assert value.quality == ("GOOD" if readable else "BAD")


@given(st.integers() | st.floats(allow_nan=False))
def test_a_numbers_text_reads_back_the_same(number: float) -> None:
    text = stored_text(number)
    assert text is not None
    assert type(number)(text) == number


@pytest.mark.parametrize(
    ("reading", "text"),
    [(True, "1"), (False, "0"), (1.0, "1.0"), (-0.0, "-0.0"), (10**30, "1" + "0" * 30), ("", None), (None, None),
     ("NULL", "NULL"), (" ", " "), ([1], None)],
)  # fmt: skip
def test_stored_text_of_a_reading(reading: object, text: str | None) -> None:
    assert stored_text(reading) == text


@given(st.dictionaries(st.text(), SCALARS, max_size=5), st.datetimes(), st.text())
def test_what_is_expanded_survives_the_buffer(readings: dict[str, object], moment: datetime, plc: str) -> None:
    values = expand(polling_data(tag_values=readings, timestamp=moment, plc_code=plc))
    try:
        raws = [encode_value(value) for value in values]
    except UnicodeEncodeError:
        return  # a lone surrogate: read_message lets none through
    assert decode_values(raws) == Decoded(values)


def test_decode_values_finds_the_one_element_that_is_none() -> None:
    values = expand(polling_data(tag_values={"a": 1, "b": 2}))
    good = [encode_value(value) for value in values]
    bad = [b"[2]", b"", b"\xff", good[0] + b"," + good[1]]
    decoded = decode_values([good[0], *bad, good[1]])
    assert decoded.values == values
    assert [raw for raw, _ in decoded.unreadable] == bad
    assert all(reason for _, reason in decoded.unreadable)
    assert len(decoded) == 6
