"""Rows: several values of one tag in one message, each with a time and a quality of its own."""

import json
from datetime import datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.consumer.expand import expand
from services.consumer.rejected.entries import Rejections, message_of
from shared.errors import RejectedError
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.messages import encode_polling_data, read_message
from shared.messages.salvage import Fault
from shared.models import PollingData, Row, TagValue
from tests.fakes import FakeClock, FakeEvents, FakeLink

MOMENT = datetime(2026, 1, 1)


def read(rows: str, more: str = '"timestamp":"2026-01-01",') -> tuple[list[TagValue], list[Fault]]:
    raw = f'{{{more}"plc_code":"P","rows":{rows}}}'.encode(errors="surrogateescape")
    data, faults = read_message(raw)
    return expand(data), list(faults)


def told(value: TagValue) -> tuple[str, datetime, str | None, str]:
    return value.tag_address, value.timestamp, value.tag_value, value.quality


def test_each_row_is_a_value_with_its_own_time_and_quality() -> None:
    values, faults = read(
        '[["a","2026-01-01T00:00:01Z",1],["a","2026-01-01T09:00:02+09:00",2.5,"GOOD"],["a",null,true,"UNCERTAIN"],'
        '["b","2026-01-01T00:00:01",null],["b","2026-01-01T00:00:02","x","BAD"],["c",null,[1],null,"more"]]',
        '"timestamp":"2026-01-01","tag_values":{"a":0},',
    )
    second = timedelta(seconds=1)
    assert list(map(told, values)) == [
        ("a", MOMENT, "0", "GOOD"), ("a", MOMENT + second, "1", "GOOD"), ("a", MOMENT + 2 * second, "2.5", "GOOD"),
        ("a", MOMENT, "1", "UNCERTAIN"), ("b", MOMENT + second, None, "BAD"), ("b", MOMENT + 2 * second, "x", "BAD"),
        ("c", MOMENT, None, "BAD"),
    ]  # fmt: skip
    assert faults == []


def test_what_stands_beside_the_rows_says_nothing_of_them() -> None:
    values, _ = read(
        '[["a",null,2]]',
        '"timestamp":"2026-01-01","tag_values":{"a":1},"tag_qualities":{"a":"UNCERTAIN"},"error_tags":{"b":""},'
        '"tag_timestamps":{"a":"2026-02-02"},',
    )
    assert list(map(told, values)) == [
        ("a", datetime(2026, 2, 2), "1", "UNCERTAIN"), ("b", MOMENT, None, "BAD"), ("a", MOMENT, "2", "GOOD"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('["a","soon",1]', "the time can't be read"), ('["a",5,1]', "the time is no text"),
        ('["","2026-01-01",1]', "the address is empty"), ('[null,"2026-01-01",1]', "the address is no text"),
        ('["a","2026-01-01"]', "a row is an array of"), ('{"tag":"a"}', "a row is an array of"),
        ("7", "a row is an array of"), ("null", "a row is an array of"), ("[]", "a row is an array of"),
        (f'["{"x" * 1001}",null,1]', "longer than 1000"), (f'["a",null,"{"x" * 40_000}"]', "longer than 32767"),
    ],
)  # fmt: skip
def test_a_wrong_row_costs_that_row_alone_and_is_kept_to_be_read_again(row: str, reason: str) -> None:
    """Kind: one tag's fault costs the whole message."""
    values, (fault,) = read(f'[["b",null,1],{row},["b","2026-01-02",2]]')
    assert [value.tag_value for value in values] == ["1", "2"]
    assert reason in fault.reason
    assert fault.alone == {"timestamp": "2026-01-01", "plc_code": "P", "rows": [json.loads(row)]}


@pytest.mark.parametrize(
    ("row", "stored"),
    [
        ('["a",null,NaN]', (None, "BAD")), ('["a",null,1e999]', (None, "BAD")), ('["a","",5.]', ("5.0", "GOOD")),
        ('["a",null,1,"GoodClamped"]', ("1", "GOOD")), ('["a",null,1,"so so"]', ("1", "UNCERTAIN")),
        ('["a",null,1,192]', ("1", "UNCERTAIN")), ('["a",null,"\udcff"]', ("\ufffd", "UNCERTAIN")),
        ('["a","0001-01-01T00:00:00+09:00",1]', ("1", "GOOD")), ('["a","2025-12-31T23:59:60Z",1]', ("1", "GOOD")),
    ],
)  # fmt: skip
def test_a_row_is_read_as_kindly_as_a_tag(row: str, stored: tuple[str | None, str]) -> None:
    values, faults = read(f"[{row}]")
    assert list(map(told, values)) == [("a", MOMENT, *stored)]
    assert faults == []


def test_rows_that_are_no_list_cost_nothing_else() -> None:
    values, (fault,) = read('{"a":1}', '"timestamp":"2026-01-01","tag_values":{"b":1},')
    assert [value.tag_address for value in values] == ["b"]
    assert fault.reason == "rows: Expected `array`, got `object`"
    assert fault.alone["rows"] == {"a": 1}
    assert read("null") == ([], [])


def test_a_message_of_rows_needs_no_time_where_each_has_its_own() -> None:
    """So an older consumer, which does not know rows, rejects it instead of leaving them out without a word."""
    data, faults = read_message(b'{"plc_code":"P","rows":[["a","2026-01-01T00:00:01",1],["a","2026-01-01",2]]}')
    assert data.timestamp == MOMENT + timedelta(seconds=1)
    assert (len(data.rows), faults) == (2, ())


def test_without_a_time_anywhere_a_row_is_left_out() -> None:
    values, (fault,) = read('[["a",null,1],["b","2026-01-01",2]]', "")
    assert [told(value)[:2] for value in values] == [("b", MOMENT)]
    assert (fault.address, fault.reason) == ("a", "neither the tag nor its poll has a time")
    for message in ('"tag_values":{"a":1},"rows":[]', '"rows":[]', '"rows":[["a",null,1]]'):
        with pytest.raises(RejectedError, match="timestamp"):
            read_message(f'{{"plc_code":"P",{message}}}'.encode())


def test_rows_that_an_engine_puts_are_read_the_same() -> None:
    rows = [Row("a", MOMENT, 1), Row("a", None, "x", "BAD"), Row("b", MOMENT, None)]
    data = PollingData(timestamp=MOMENT, group_id=0, group_name="", plc_code="P", rows=rows)
    assert list(read_message(encode_polling_data(data))[0].rows) == rows
    odd = PollingData(
        timestamp=MOMENT, group_id=0, group_name="", plc_code="P", rows=[*rows, Row("c", MOMENT, object())]
    )
    values = expand(read_message(encode_polling_data(odd))[0])
    assert [told(value)[1:] for value in values][-1] == (MOMENT, None, "BAD")


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=3), st.none() | st.datetimes(), st.none() | st.integers() | st.text()),
        max_size=20,
    ),
    st.integers(min_value=1, max_value=7),
)
def test_a_message_in_parts_has_the_rows_that_it_had(
    rows: list[tuple[str, datetime | None, int | str | None]], most: int
) -> None:
    data = PollingData(
        timestamp=MOMENT, group_id=0, group_name="", plc_code="P", tag_values={"t": 1, "u": 2},
        rows=[Row(*row) for row in rows],
    )  # fmt: skip
    try:
        whole = expand(read_message(encode_polling_data(data))[0])
        parts = [expand(read_message(encode_polling_data(part))[0]) for part in data.in_parts(most)]
    except UnicodeEncodeError:
        return  # a lone surrogate: read_message lets none through
    assert list(chain(*parts)) == whole
    assert all(len(part) <= most for part in parts)


def test_rows_of_one_reason_are_kept_together_and_come_back_as_one_message() -> None:
    """Kind: of several things that were rejected together, the last alone came back."""
    _, faults = read('[["a","soon",1],["a","later",2],["","2026-01-01",3]]')
    heartbeat = Heartbeat(FakeLink(), Keys("ns"), FakeEvents(), "consumer", "one")
    entries = Rejections(heartbeat, FakeClock()).of_tags(faults)
    kept = [json.loads(message_of(entry) or b"") for entry in entries]
    assert [message["rows"] for message in kept] == [[["a", "soon", 1], ["a", "later", 2]], [["", "2026-01-01", 3]]]
