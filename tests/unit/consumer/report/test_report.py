"""What the consumer tells: once for many, bounded, and again when it could not be said."""

from datetime import datetime

import pytest

from services.consumer.report.overflow import EPISODE_GAP_S
from services.consumer.report.redis_memory import RedisMemory
from services.consumer.report.report import MAX_CLASHES_TOLD, Report
from services.consumer.settings import ConsumerSettings
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.messages.salvage import Fault
from shared.models import PollingData
from shared.records.events import Event
from tests.fakes import FakeClock, FakeEvents, FakeLink

KEYS = Keys("unit")


class Stage:
    """A report over fakes."""

    def __init__(self) -> None:
        self.clock, self.events, self.link = FakeClock(), FakeEvents(), FakeLink()
        settings = ConsumerSettings.model_validate({"buffer_max_size": 100, "buffer_batch_threshold": 10})
        self.report = Report(self.link, KEYS, self.events, settings, clock=self.clock, incarnation="x")

    def poll(self, plc_code: str, *addresses: str) -> None:
        values = dict.fromkeys(addresses, 1)
        data = PollingData(
            timestamp=datetime(2026, 1, 1), plc_code=plc_code, group_id=1, group_name="G", tag_values=values
        )
        self.report.message(data, len(values), 0)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_many_messages_that_nobody_understands_are_one_event_with_the_last_reason(stage: Stage) -> None:
    for number in range(500):
        stage.report.rejected(f"reason {number}")
    stage.report.tags_rejected("P", [Fault("D1", "NO_TIME", "no value", "[1]", {})] * 3)
    stage.report.tick(0)
    assert stage.events.kinds == [Event.MESSAGE_REJECTED, Event.TAGS_REJECTED]
    assert stage.events.messages[0].startswith("500 messages")
    assert ("reason 499" in stage.events.messages[0], "3 tags" in stage.events.messages[1]) == (True, True)
    stage.report.tick(0)
    assert len(stage.events.kinds) == 2, "said once"


def test_a_full_buffer_is_told_once_and_so_is_its_end(stage: Stage) -> None:
    for depth in (10, 79, 81, 95, 100, 81, 79, 40, 30):
        stage.report.pushed(depth, [])
    assert stage.events.kinds == [Event.BUFFER_HIGH, Event.BUFFER_NORMAL]
    assert "81.0% (81/100 items)" in stage.events.messages[0]


def test_an_overflow_is_said_and_recorded_once_redis_takes_it(stage: Stage) -> None:
    """Kind: forgotten before it is said. The record of an overflow was lost where Redis was full, which makes most."""
    stage.link.is_away = True
    stage.report.pushed(100, [b"not a value"] * 7)
    for _ in range(2):
        with pytest.raises(RedisUnavailableError):
            stage.report.tick(100)
    stage.clock.advance(2 * EPISODE_GAP_S)
    with pytest.raises(RedisUnavailableError):
        stage.report.tick(100)
    assert Event.OVERFLOW not in stage.events.kinds
    stage.link.is_away = False
    stage.report.tick(100)
    (record,) = stage.link.entries.values()
    assert ('"values": 7' in record or '"values":7' in record, "null" in record.split("ended_at")[1][:7]) == (
        True,
        False,
    )
    assert stage.events.kinds.count(Event.OVERFLOW) == 1
    stage.report.tick(100)
    assert stage.events.kinds.count(Event.OVERFLOW) == 1, "said once"


def test_names_that_are_one_are_told_one_by_one_up_to_a_bound_and_counted(stage: Stage) -> None:
    """Kind: an event for each of thousands of tags pushes out all others."""
    count = 3 * MAX_CLASHES_TOLD
    for _ in range(2):
        stage.poll("A", *(f"B.{n}" for n in range(count)))
        stage.poll("A.B", *(str(n) for n in range(count)))
    assert stage.events.kinds == [Event.NAME_CLASH] * MAX_CLASHES_TOLD
    status = stage.report.status(RedisMemory(stage.link, KEYS, stage.clock))
    assert (status.name_clashes, bool(status.name_clash)) == (count, True)


def test_a_message_that_met_the_unforeseen_is_told_with_what_it_was(stage: Stage) -> None:
    stage.report.unforeseen(ValueError("x" * 10_000))
    assert stage.events.kinds == [Event.FAULT]
    assert len(stage.events.messages[0]) < 1000
