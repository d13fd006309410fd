"""One tag's fault costs that tag: whatever a source reads, the others of its message are as they were."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.groups.packing import MAX_MESSAGE_BYTES, MAX_TAGS_PER_MESSAGE, MAX_VALUE_BYTES, Packer
from services.poller.outbox.message import Message, ReadBy
from services.poller.source import Reading
from shared.messages import read_message
from shared.models import PollingData
from shared.texts import TEXT_LIMIT
from tests.unit.poller.fleets import config_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OTHERS: dict[str, Any] = {f"D{number}": number / 2 for number in range(50)}


class Odd:
    """A value that no column knows."""


class Loud(str):  # noqa: SLOT000 - as libraries do
    """A text of a library's own type."""


def pack(reading: Reading) -> list[Message]:
    config = config_of("line 1", "FIXED", group_id=1)
    return list(Packer(config, lossless=False, read_by=ReadBy).pack(reading, NOW, 1.5))


def pack_one(reading: Reading) -> PollingData:
    (message,) = pack(reading)
    return read_message(message.raw)[0]


def read_with(value: Any) -> Reading:
    return Reading({**OTHERS, "odd": value}, tag_timestamps={"odd": NOW})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("caf\udce9", "a text that is not Unicode: caf\\udce9"),
        ("\ud800", "a text that is not Unicode: \\ud800"),
        (float("nan"), "not a number that can be stored: nan"),
        (float("-inf"), "not a number that can be stored: -inf"),
        pytest.param(10**5000, "a number of 16610 bits", id="5000 digits"),
        (Odd(), "a value of type Odd can't be stored"),
        ([1, 2], "a value of type list can't be stored"),
        (b"\xff", "a value of type bytes can't be stored"),
        (
            "x" * (MAX_MESSAGE_BYTES + 1),
            f"a text of {MAX_MESSAGE_BYTES + 1} bytes: no column holds more than {MAX_VALUE_BYTES}",
        ),
    ],
)
def test_a_value_that_can_not_be_written_is_bad_and_the_others_are_not(value: object, reason: str) -> None:
    """Kind: one value that JSON can't hold costs the whole message, in no ledger."""
    data = pack_one(read_with(value))
    assert data.tag_values == OTHERS
    assert data.error_tags == {"odd": reason}
    assert data.tag_timestamps == {"odd": NOW.replace(tzinfo=None)}


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**250])
def test_a_large_integer_is_what_it_is_whatever_its_neighbours_are(value: int) -> None:
    assert pack_one(Reading({"large": value})).tag_values == {"large": value}
    assert pack_one(Reading({"large": value, "odd": "\ud800"})).tag_values == {"large": value}


def test_values_of_a_library_s_own_types_are_what_they_stand_for() -> None:
    assert pack_one(read_with(Loud("on"))).tag_values == {**OTHERS, "odd": "on"}


@pytest.mark.parametrize(
    "moment",
    [
        datetime.min,
        datetime.max,
        datetime.min.replace(tzinfo=timezone(timedelta(hours=9))),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_a_time_outside_the_calendar_costs_nothing_but_itself(moment: datetime) -> None:
    """Kind: a bad time from a server costs the whole message."""
    data = pack_one(Reading({**OTHERS, "odd": 7}, tag_timestamps={"odd": moment, "D1": NOW}))
    assert data.tag_values == {**OTHERS, "odd": 7}
    assert data.tag_timestamps == {"D1": NOW.replace(tzinfo=None)}


@pytest.mark.parametrize(
    ("text", "meant"), [("Good", "GOOD"), ("UncertainLastUsableValue", "UNCERTAIN"), ("bad", "BAD"), ("", "UNCERTAIN")]
)
def test_a_quality_is_known_by_how_it_begins(text: Any, meant: str) -> None:
    assert pack_one(Reading({"D1": 1}, qualities={"D1": text})).tag_qualities == {"D1": meant}


@pytest.mark.parametrize("error", [5, None, "\udcff", "x" * 100_000, pytest.param(10**5000, id="5000 digits")])
def test_an_error_may_be_anything_and_is_a_text_of_bounded_length(error: Any) -> None:
    data = pack_one(Reading(dict(OTHERS), {"odd": error, "plain": "no answer"}))
    assert data.error_tags["plain"] == "no answer"
    assert len(data.error_tags["odd"]) < TEXT_LIMIT + 50
    assert data.tag_values == OTHERS


def test_addresses_that_can_not_be_written_are_escaped_and_stay_apart() -> None:
    data = pack_one(Reading({"caf\udce9": 1, "caf\\udce9": 2, **OTHERS}, {"\ud800": "no"}))
    assert data.tag_values == {"caf\\udce9": 1, "caf\\udce9~2": 2, **OTHERS}
    assert data.error_tags == {"\\ud800": "no"}


def test_a_poll_of_large_texts_goes_in_messages_of_bounded_size() -> None:
    """Kind: a message that is larger than the consumer takes is set aside whole."""
    values: dict[str, Any] = {f"D{number}": f"{number}" + "점" * 5000 for number in range(1000)}
    messages = pack(Reading(values))
    assert max(len(message.raw) for message in messages) <= MAX_MESSAGE_BYTES
    found = [read_message(message.raw)[0].tag_values for message in messages]
    assert {address: value for part in found for address, value in part.items()} == values
    assert sum(message.values for message in messages) == 1000


def test_what_is_counted_is_what_is_written() -> None:
    reading = Reading({"a": 1, "b": None, "c": float("nan"), "d": "\ud800"}, {"e": "no"})
    (message,) = pack(reading)
    assert (message.values, message.bad) == (5, 4)
    assert pack(Reading({})) == []


def test_a_part_keeps_its_own_qualities_and_times() -> None:
    count = MAX_TAGS_PER_MESSAGE + 5
    values: dict[str, Any] = dict.fromkeys(map(str, range(count)), 1)
    reading = Reading(values, qualities=dict.fromkeys(values, "UNCERTAIN"), tag_timestamps=dict.fromkeys(values, NOW))
    for message in pack(reading):
        data = read_message(message.raw)[0]
        assert data.tag_values.keys() == data.tag_qualities.keys() == data.tag_timestamps.keys()


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()))


@given(st.dictionaries(st.text(st.characters(exclude_categories=()), max_size=5), SCALARS, max_size=20))
def test_nothing_that_is_read_vanishes_and_everything_is_json(values: dict[str, Any]) -> None:
    messages = pack(Reading(values))
    decoded = [json.loads(message.raw) for message in messages]
    assert sum(len(data["tag_values"]) + len(data["error_tags"]) for data in decoded) == len(values)
    assert sum(message.values for message in messages) == len(values)
    for message in messages:
        read_message(message.raw)[0]
