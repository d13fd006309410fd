import asyncio
import struct
from collections.abc import Iterable
from typing import Any

import pytest
from asyncua.ua.uaerrors import UaStructParsingError
from structlog.testing import capture_logs

from services.poller.groups.config import GroupConfig
from services.poller.groups.group import PollingGroup
from services.poller.groups.packing import MAX_TAGS_PER_MESSAGE
from services.poller.groups.triggers import AtOnce, FixedInterval
from services.poller.news import Tell, nobody
from services.poller.outbox.message import Message, ReadBy
from services.poller.outbox.outbox import Outbox
from services.poller.outbox.waiting import Bounds
from services.poller.source import Reading, SourceError, TagSource
from services.poller.sources.stamps import TICK, Stamper
from shared.messages import read_message
from shared.models import PollingData, Scalar
from shared.records.events import Event
from tests.fakes import EPOCH, FakeClock


class ScriptedSource(TagSource):
    """Gives the readings it was told, or fails; a poll takes some time."""

    def __init__(
        self, time: FakeClock, readings: Iterable[Reading | Exception], *, self_paced: bool = False, read_s: float = 0
    ) -> None:
        self.self_paced = self_paced
        self._time = time
        self._readings = iter(readings)
        self._read_s = read_s
        self.closed = False

    async def read(self) -> Reading | None:
        self._time.advance(self._read_s)
        reading = next(self._readings, None)
        if isinstance(reading, Exception):
            raise reading
        return reading

    async def close(self) -> None:
        self.closed = True

    def status(self) -> dict[str, Any]:
        return {"server": "up"}


def config(**keys: Any) -> GroupConfig:
    source = {"type": "simulator"}
    return GroupConfig.model_validate({"name": "line 1", "plc_code": "P1", "group_id": 3, "source": source, **keys})


def run_group(time: FakeClock, source: ScriptedSource, tell: Tell | None = None) -> tuple[PollingGroup, list[Message]]:
    """Run a group of 1 s until its source is at its end; return it and what it handed on."""

    async def run() -> tuple[PollingGroup, list[Message]]:
        outbox = Outbox(Bounds(1000, 1_000_000, 100_000_000))
        trigger = AtOnce() if source.self_paced else FixedInterval(1.0, time, time.sleep)
        group = PollingGroup(
            config(),
            source,
            trigger,
            outbox,
            stamper=Stamper(),
            clock=time,
            read_by=ReadBy,
            sleep=time.sleep,
            tell=tell or nobody,
        )
        await group.run()
        return group, await outbox.claim(1000) if outbox.depth else []

    return asyncio.run(run())


def data_of(message: Message) -> PollingData:
    return read_message(message.raw)[0]


def test_a_reading_becomes_one_message_with_its_group_time_and_duration() -> None:
    time = FakeClock(0.0)
    reading = Reading({"D1": 1.5, "D2": None}, errors={"D3": "no answer"}, qualities={"D1": "UNCERTAIN"})
    group, (message,) = run_group(time, ScriptedSource(time, [reading], read_s=0.25))
    data = data_of(message)
    assert (data.group_id, data.group_name, data.plc_code, data.mode) == (3, "line 1", "P1", "FIXED")
    assert (data.tag_values, data.error_tags) == ({"D1": 1.5, "D2": None}, {"D3": "no answer"})
    assert data.tag_qualities == {"D1": "UNCERTAIN"}
    assert (data.poll_time_ms, message.values) == (250.0, 3)
    assert (group.status.polls, group.status.values, group.status.errors) == (1, 3, 2)


@pytest.mark.req("FR-014", "FR-018")
def test_polls_at_the_same_instant_get_times_of_their_own() -> None:
    time = FakeClock(0.0)
    source = ScriptedSource(time, [Reading({"D1": number}) for number in range(3)], self_paced=True)
    _, messages = run_group(time, source)
    assert [message.timestamp for message in messages] == [EPOCH, EPOCH + TICK, EPOCH + 2 * TICK]


def test_a_source_s_own_time_is_not_touched() -> None:
    time = FakeClock(0.0)
    naive = EPOCH.replace(tzinfo=None, year=2017)
    _, (message,) = run_group(time, ScriptedSource(time, [Reading({"D1": 1}, timestamp=naive)]))
    assert message.timestamp == naive


def test_a_large_poll_is_split_into_messages_of_one_time() -> None:
    time = FakeClock(0.0)
    values: dict[str, Scalar] = {f"D{number}": number for number in range(2 * MAX_TAGS_PER_MESSAGE + 10)}
    errors = {f"E{number}": "no" for number in range(MAX_TAGS_PER_MESSAGE)}
    group, messages = run_group(time, ScriptedSource(time, [Reading(values, errors)]))
    assert all(message.values <= MAX_TAGS_PER_MESSAGE for message in messages)
    assert len({message.timestamp for message in messages}) == 1
    assert {k: v for message in messages for k, v in data_of(message).tag_values.items()} == values
    assert {k: v for message in messages for k, v in data_of(message).error_tags.items()} == errors
    assert group.status.values == len(values) + len(errors) == sum(message.values for message in messages)


def test_an_overrunning_poll_is_skipped_and_counted() -> None:
    time = FakeClock(0.0)
    group, messages = run_group(time, ScriptedSource(time, [Reading({"D1": 1})] * 3, read_s=2.5))
    assert len(messages) == 3
    assert group.status.skipped == 4
    assert group.status.last_duration_ms == 2500.0


def test_a_self_paced_source_is_emitted_when_it_is_due() -> None:
    time = FakeClock(50.0)
    source = ScriptedSource(time, [Reading({"D1": 1}, due_s=due_s) for due_s in (0, 2, 1, 7)], self_paced=True)
    _, messages = run_group(time, source)
    assert [round((m.timestamp - EPOCH).total_seconds() - 50) for m in messages] == [0, 2, 2, 7]


def test_a_broken_source_ends_its_group_with_the_reason() -> None:
    time = FakeClock(0.0)
    source = ScriptedSource(time, [Reading({"D1": 1}), SourceError("the cable is cut")])
    with capture_logs() as logs:
        group, messages = run_group(time, source)
    assert len(messages) == 1
    assert (group.status.state, source.closed) == ("failed", True)
    assert "Group 'line 1' ends, the others go on: the cable is cut" in [log["event"] for log in logs]


@pytest.mark.parametrize("self_paced", [False, True])
@pytest.mark.parametrize(
    "error", [AttributeError("no"), KeyError(1), struct.error("short"), UaStructParsingError(), RecursionError()]
)
def test_the_unforeseen_costs_the_poll_that_met_it_and_is_logged(error: Exception, *, self_paced: bool) -> None:
    """Kind: an error that nobody foresaw, out of a library, ends a group and with it the poller."""
    time = FakeClock(0.0)
    source = ScriptedSource(time, [Reading({"D1": 1}), error, Reading({"D1": 2})], self_paced=self_paced)
    with capture_logs() as logs:
        group, messages = run_group(time, source)
    assert [data_of(message).tag_values for message in messages] == [{"D1": 1}, {"D1": 2}]
    assert (group.status.unforeseen, group.status.state, group.status.trouble) == (1, "finished", None)
    (told,) = [log for log in logs if log.get("exc_info")]
    assert told["event"].startswith(f"Group 'line 1': unforeseen: {type(error).__name__}: ")


def test_an_unforeseen_trouble_is_an_event_once_a_minute() -> None:
    """Kind: an event a poll pushes all others out of the diary."""
    time, told = FakeClock(0.0), list[str]()
    source = ScriptedSource(time, [KeyError(number) for number in range(150)])

    def tell(kind: Event, message: str) -> None:
        assert kind is Event.FAULT
        told.append(message)

    run_group(time, source, tell)
    assert len(told) == 3
    assert told[0] == "Group 'line 1': unforeseen: KeyError: 0"


def test_a_source_that_can_not_be_opened_for_an_unforeseen_reason_is_tried_again() -> None:
    class Stubborn(ScriptedSource):
        tries = 0

        async def open(self) -> None:
            self.tries += 1
            if self.tries < 3:
                raise UnicodeError

    time = FakeClock(0.0)
    group, messages = run_group(time, Stubborn(time, [Reading({"D1": 1})]))
    assert len(messages) == 1
    assert (group.status.unforeseen, group.status.state) == (2, "finished")


def test_the_status_tells_what_the_monitor_shows() -> None:
    time = FakeClock(0.0)
    group, _ = run_group(time, ScriptedSource(time, [Reading({"D1": 1})]))
    assert group.describe() == {
        "name": "line 1", "group_id": 3, "plc_code": "P1", "mode": "FIXED", "interval_ms": 1000,
        "polls": 1, "skipped": 0, "unforeseen": 0, "values": 1, "errors": 0, "messages": 1,
        "last_poll": EPOCH.isoformat(), "last_duration_ms": 0.0, "state": "finished",
        "trouble": None, "late_p99_ms": 0.0, "server": "up", "skipped_lately": 0, "lost": 0, "lost_at": None,
            "certificate_until": None,
    }  # fmt: skip


def test_what_was_lost_or_skipped_before_a_poll_is_told_with_its_time() -> None:
    """Kind: a loss that is counted where nobody looks: the ledger balances, since nothing of it ever came in."""
    time = FakeClock(0.0)
    readings = [Reading({"D1": 1}), Reading({"D1": 2}, lost=7), Reading({"D1": 3})]
    group, _ = run_group(time, ScriptedSource(time, readings, read_s=2.5))
    told = group.describe()
    assert (told["lost"], told["lost_at"]) == (7, EPOCH.timestamp() + 5.0)
    assert told["skipped_lately"] == told["skipped"] > 0
