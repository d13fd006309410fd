import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.consumer.expand import expand, stored_text
from shared.errors import RejectedError
from shared.models import Decoded, PollingData, decode_polling_data, decode_values, encode_value

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


def polling_data(**fields: object) -> PollingData:
    essentials = {"timestamp": datetime(2026, 1, 1), "group_id": 1, "group_name": "g", "plc_code": "P"}
    return PollingData(**{**essentials, **fields})  # type: ignore[arg-type]


@pytest.mark.req("FR-017")
@given(st.dictionaries(st.text(), SCALARS | st.lists(st.integers())), st.dictionaries(st.text(), st.text()))
def test_expand_gives_one_value_for_each_tag(tag_values: dict[str, object], error_tags: dict[str, str]) -> None:
    expansion = expand(polling_data(tag_values=tag_values, error_tags=error_tags))
    assert sorted(value.tag_address for value in expansion.values) == sorted({*tag_values, *error_tags})
    for value in expansion.values:
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
     ("NULL", "NULL"), (" ", " "), (float("nan"), "nan"), ([1], None)],
)  # fmt: skip
def test_stored_text_of_a_reading(reading: object, text: str | None) -> None:
    assert stored_text(reading) == text


@given(st.dictionaries(st.text(), SCALARS, max_size=5), st.datetimes(), st.text())
def test_what_is_expanded_survives_the_buffer(readings: dict[str, object], moment: datetime, plc: str) -> None:
    values = expand(polling_data(tag_values=readings, timestamp=moment, plc_code=plc)).values
    try:
        raws = [encode_value(value) for value in values]
    except UnicodeEncodeError:
        return  # a lone surrogate: decode_polling_data refuses it before it comes here
    assert decode_values(raws) == Decoded(values)


def test_decode_values_finds_the_one_element_that_is_none() -> None:
    values = expand(polling_data(tag_values={"a": 1, "b": 2})).values
    good = [encode_value(value) for value in values]
    bad = [b"[2]", b"", b"\xff", good[0] + b"," + good[1]]
    decoded = decode_values([good[0], *bad, good[1]])
    assert decoded.values == values
    assert [raw for raw, _ in decoded.unreadable] == bad
    assert all(reason for _, reason in decoded.unreadable)
    assert len(decoded) == 6


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "truncated"), (b"{", "truncated"), (b"null", "Expected `object`"), (b"[]", "Expected `object`"),
        (b"\xff\xfe", "malformed"), (b'"text"', "Expected `object`"), (b"1", "Expected `object`"),
        (b"{}", "missing required field `timestamp`"), (b'{"timestamp":"2026-01-01"}', "`plc_code`"),
        (b'{"timestamp":5,"plc_code":"P"}', "timestamp"), (b'{"timestamp":"soon","plc_code":"P"}', "Invalid isoformat"),
        (b'{"timestamp":"2026-13-01T00:00:00","plc_code":"P"}', "month"),
        (b'{"timestamp":"2026-01-01T25:00:00","plc_code":"P"}', "hour"),
        (b'{"timestamp":"","plc_code":"P"}', "Invalid isoformat"),
        (b'{"timestamp":"0001-01-01T00:00:00+14:00","plc_code":"P"}', "out of range"),
        (b'{"timestamp":"2026-01-01","plc_code":5}', "plc_code"),
        (b'{"timestamp":"2026-01-01","plc_code":null}', "plc_code"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":[1]}', "tag_values"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":null}', "tag_values"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":"a"}', "tag_values"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","error_tags":["a"]}', "error_tags"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","error_tags":{"a":1}}', "error_tags"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","mode":"SOMETIMES"}', "mode"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","group_id":"one"}', "group_id"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","group_name":7}', "group_name"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","poll_time_ms":"fast"}', "poll_time_ms"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","tag_qualities":{"a":"SO-SO"}}', "tag_qualities"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","tag_timestamps":{"a":"x"}}', "Invalid isoformat"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":{"a":"\\ud800"}}', "truncated"),
        (b'{"timestamp":"2026-01-01","plc_code":"P"} {"more":1}', "trailing"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":' + b"[" * 100_000, ""),
    ],
)  # fmt: skip
def test_a_message_that_cant_be_understood_says_why(message: bytes, reason: str) -> None:
    with pytest.raises(RejectedError) as refused:
        decode_polling_data(message)
    assert reason in str(refused.value)


def test_one_number_that_json_does_not_know_does_not_cost_the_other_tags() -> None:
    raw = b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":{"a":NaN,"b":1e999,"c":' + b"9" * 40 + b',"d":1}}'
    texts = {value.tag_address: value.tag_value for value in expand(decode_polling_data(raw)).values}
    assert texts == {"a": "nan", "b": "inf", "c": "9" * 40, "d": "1"}


def understood(raw: bytes) -> bool:
    """Expand a message; any other error than the one foreseen fails the test."""
    try:
        expand(decode_polling_data(raw))
    except RejectedError:
        return False
    return True


@given(st.binary())
def test_no_bytes_whatever_do_more_than_be_refused(raw: bytes) -> None:
    assert understood(raw) in (True, False)


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_no_json_whatever_does_more_than_be_refused(message: object) -> None:
    assert understood(json.dumps(message).encode()) in (True, False)


def test_nanoseconds_and_offsets_in_times_are_understood() -> None:
    for text, moment in [
        ("2026-01-02T03:04:05.123456789", datetime(2026, 1, 2, 3, 4, 5, 123456)),
        ("2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04:05.5+09:00", datetime(2026, 1, 2, 3, 4, 5, 500000) - timedelta(hours=9)),
    ]:
        raw = json.dumps({"timestamp": text, "plc_code": "P"}).encode()
        assert decode_polling_data(raw).timestamp == moment
