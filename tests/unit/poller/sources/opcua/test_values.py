import struct
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from asyncua import ua as typed_ua

from services.poller.source import Reading
from services.poller.sources.opcua.times import MAX_AHEAD, RisingTimes
from services.poller.sources.opcua.values import Collector, UnsupportedError, scalar
from services.poller.sources.stamps import TICK

#: Its own number types are of no interest here.
ua: Any = typed_ua

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TAKEN = NOW - timedelta(milliseconds=300)
BAD, UNCERTAIN, OVERFLOW = 0x80350000, 0x40900000, 0x00000480


def data(value: Any, status: int = 0, at: datetime | None = TAKEN) -> typed_ua.DataValue:
    made: typed_ua.DataValue = ua.DataValue(ua.Variant(value), ua.StatusCode(ua.UInt32(status)), SourceTimestamp=at)
    return made


def collector() -> Collector:
    return Collector(RisingTimes(use_source=True))


def collect(into: Collector, tags: dict[str, typed_ua.DataValue], now: datetime = NOW) -> Reading:
    for address, value in tags.items():
        into.add(address, value, now)
    return into.collect()


@pytest.mark.req("FR-017", "FR-018")
def test_quality_is_the_status_code_s_and_the_time_the_source_s() -> None:
    tags = {"good": data(1.5), "unsure": data(2.5, UNCERTAIN), "bad": data(3.5, BAD)}
    reading = collect(collector(), tags)
    # A bad value's number is stale: it is not handed on.
    assert reading.values == {"good": 1.5, "unsure": 2.5}
    assert reading.qualities == {"unsure": "UNCERTAIN"}
    assert reading.errors == {"bad": "BadAttributeIdInvalid"}
    assert reading.tag_timestamps == dict.fromkeys(tags, TAKEN)


def test_without_a_source_time_it_is_the_server_s_else_the_poll_s() -> None:
    of_server = ua.DataValue(ua.Variant(1), ServerTimestamp=TAKEN)
    reading = collect(collector(), {"server": of_server, "none": data(1, at=None)})
    assert reading.tag_timestamps == {"server": TAKEN}


def test_an_array_becomes_a_tag_for_each_element() -> None:
    matrix = ua.DataValue(ua.Variant([[1, 2], [3, 4]], ua.VariantType.Int32, Dimensions=[2, 2], is_array=True))
    nothing = ua.DataValue(ua.Variant([], ua.VariantType.Int32))
    reading = collect(collector(), {"a": data([1.5, 2.5]), "m": matrix, "empty": nothing})
    assert reading.values == {"a[0]": 1.5, "a[1]": 2.5, "m[0,0]": 1, "m[0,1]": 2, "m[1,0]": 3, "m[1,1]": 4}
    assert reading.errors == {"empty": "an array without elements"}
    assert reading.tag_timestamps["a[1]"] == TAKEN


def test_an_array_that_is_bad_is_bad_in_all_its_elements() -> None:
    into = collector()
    collect(into, {"a": data([1, 2])})
    assert collect(into, {"a": data(None, BAD)}).errors.keys() == {"a[0]", "a[1]"}
    into.fail("a", "away", NOW)
    assert into.collect().errors == {"a[0]": "away", "a[1]": "away"}


def test_one_value_that_nothing_can_hold_costs_only_itself() -> None:
    reading = collect(collector(), {"nan": data(float("nan")), "structure": data(ua.Argument()), "good": data(1)})
    assert reading.values == {"good": 1}
    assert reading.errors == {
        "nan": "not a number that can be stored: nan",
        "structure": "a value of type Argument can't be stored",
    }


def test_values_that_the_server_s_queue_lost_are_counted() -> None:
    into = collector()
    reading = collect(into, {"a": data(1, OVERFLOW), "b": data(2)})
    assert (reading.values, into.lost_at_server) == ({"a": 1, "b": 2}, 1)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (True, True), (2**64 - 1, 2**64 - 1), (0.1, 0.1), ("점검중", "점검중"), (None, None), (b"\x00\xff", "00ff"),
        ("RUN\0\0", "RUN"), (ua.LocalizedText("RUN\0"), "RUN"),
        (ua.Int32(5), 5), (NOW, "2026-01-02T03:04:05+00:00"), (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ua.LocalizedText("warm", "en"), "warm"), (ua.QualifiedName("a", 2), "2:a"),
        (ua.NodeId("D1", 2), "ns=2;s=D1"), (ua.StatusCode(ua.UInt32(BAD)), "BadAttributeIdInvalid"),
        (ua.Variant(7), 7), (ua.MessageSecurityMode.Sign, 2), (ua.TwoByteNodeId(5), "i=5"),
    ],
)  # fmt: skip
def test_every_scalar_type_has_a_stored_form(value: Any, stored: Any) -> None:
    assert scalar(value) == stored
    assert type(scalar(value)) is type(stored)


@pytest.mark.parametrize(
    "shown", [0.1, -0.1, 69.8, 23.4, 0.12345679, 1.4013e-45, 3.4028235e38, -0.0, 16777216.0, 1e20, 5.0]
)
def test_a_number_of_32_bits_has_the_digits_that_its_controller_shows(shown: float) -> None:
    """Kind: what is stored is not what was there. A REAL of 69.8 was stored as 69.80000305175781."""
    (decoded,) = struct.unpack("<f", struct.pack("<f", shown))
    variant = ua.Variant(decoded, ua.VariantType.Float)
    double = ua.Variant(decoded, ua.VariantType.Double)
    several = ua.Variant([decoded, decoded], ua.VariantType.Float)
    tags = {"real": ua.DataValue(variant), "lreal": ua.DataValue(double), "array": ua.DataValue(several)}
    values = collect(collector(), tags).values
    assert repr(values["real"]) == repr(values["array[1]"]) == repr(shown)
    assert repr(values["lreal"]) == repr(decoded)
    assert struct.pack("<f", shown) == struct.pack("<f", decoded)


def test_a_number_of_32_bits_that_is_none_costs_only_itself() -> None:
    tags = {"nan": ua.DataValue(ua.Variant(float("nan"), ua.VariantType.Float)), "good": data(1)}
    reading = collect(collector(), tags)
    assert (reading.values, reading.errors) == ({"good": 1}, {"nan": "not a number that can be stored: nan"})


def test_what_a_status_says_of_limits_does_not_hide_its_name() -> None:
    """Kind: a word that is not known hides those that are: 0x80050100, a BAD that stands at its limit, was `Bad`."""
    reading = collect(collector(), {"low": data(None, 0x80050100), "good": data(7, 0x00000400)})
    assert (reading.values, reading.errors) == ({"good": 7}, {"low": "BadCommunicationError"})


def test_infinity_can_not_be_stored() -> None:
    with pytest.raises(UnsupportedError, match="inf"):
        scalar(float("inf"))


@pytest.mark.req("FR-014")
def test_a_value_that_has_not_changed_gets_the_poll_s_time_and_no_time_comes_twice() -> None:
    times = RisingTimes(use_source=True)
    assert times.time("a", TAKEN, NOW) == TAKEN
    assert times.time("a", TAKEN, NOW) is None  # the poll's
    changed = NOW - timedelta(milliseconds=100)
    # ClaimedRequest before the last poll but seen only now: the poll's time, or it would go back.
    assert times.time("a", changed, NOW + timedelta(seconds=1)) is None
    # The wall clock was set back: one tick after the last.
    assert times.time("a", changed, NOW) == NOW + timedelta(seconds=1) + TICK
    assert times.time("b", changed, NOW) == changed


@pytest.mark.req("FR-018")
def test_a_clock_of_ours_that_is_put_back_is_followed() -> None:
    """Kind: a guard that outlasts what it guards against: a tag's samples of an hour would share a moment to come."""
    times = RisingTimes(use_source=True)
    hour = timedelta(hours=1)
    assert times.time("a", None, NOW + hour) is None
    assert [times.time("a", None, NOW + n * TICK) for n in range(3)] == [None] * 3
    assert times.time("a", None, NOW) == NOW + 3 * TICK


def test_a_source_whose_clock_is_wrong_is_not_believed() -> None:
    times = RisingTimes(use_source=True)
    assert times.time("ahead", NOW + MAX_AHEAD + TICK, NOW) is None
    assert times.time("zero", datetime(1601, 1, 1, tzinfo=UTC), NOW) is None
    assert times.time("zero of Unix", datetime(1970, 1, 1, tzinfo=UTC), NOW) is None
    assert times.ahead == 1
    slightly = NOW + timedelta(seconds=5)
    assert times.time("a", slightly, NOW) == slightly
    assert RisingTimes(use_source=False).time("a", TAKEN, NOW) is None
