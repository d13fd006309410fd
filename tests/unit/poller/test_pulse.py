"""The loop that beats for a poller, without Redis: what it says, and that an overflow is told once, at its end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from services.poller import pulse as module
from services.poller.handshake.requests import PollRequests
from services.poller.leases import Leases
from services.poller.news import News
from services.poller.outbox.message import Message
from services.poller.outbox.outbox import Outbox
from services.poller.outbox.sender import Sender
from services.poller.outbox.waiting import Bounds
from services.poller.pulse import Pulse
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.queues.data_queue import DataQueue
from shared.records.events import Event
from tests.fakes import EPOCH, FakeClock, FakeEvents, FakeLink
from tests.unit.poller.fleets import build, config_of, until


class Beaten:
    """A poller's pulse over a Redis in memory, and an outbox that holds three messages."""

    def __init__(self) -> None:
        keys = Keys("t")
        self.link, self.events, self.clock, self.news = FakeLink(), FakeEvents(), FakeClock(0.0), News()
        self.outbox = Outbox(Bounds(3, 1_000, 1_000_000))
        heartbeat = Heartbeat(self.link, keys, self.events, "poller", "poller-1")
        self.pulse = Pulse(
            heartbeat=heartbeat,
            events=self.events,
            polled=lambda: [build(config_of())],
            leases=Leases(
                link=self.link, keys=keys, process=heartbeat, clock=self.clock, tell=self.news.tell, outbox_id=str
            ),
            outbox=self.outbox,
            sender=Sender(self.outbox, DataQueue(self.link, keys, 10), self.link, 0.1),
            requests=PollRequests(self.link, keys),
            news=self.news,
            clock=self.clock,
        )

    async def fill(self, count: int) -> None:
        for number in range(count):
            await self.outbox.add(Message(b"{}", 5, EPOCH + timedelta(seconds=number)))

    async def until_told(self, kind: Event) -> None:
        await until(lambda: kind in self.events.kinds)


@asynccontextmanager
async def beating(found: Beaten, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(module, "BEAT_INTERVAL_S", 0.001)
    running = asyncio.create_task(found.pulse.run())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def test_the_first_beat_gives_the_poller_its_name_and_says_how_many_groups_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        found = Beaten()
        found.news.tell(Event.GROUPS_CHANGED, "told before there was a name")
        async with beating(found, monkeypatch):
            await asyncio.wait_for(found.pulse.named.wait(), 20)
            await found.until_told(Event.GROUPS_CHANGED)
        assert found.events.instance == "poller-1"
        # Two threads tell: in which order does not matter.
        assert sorted(found.events.messages) == [
            "Poller poller-1 started with 1 polling groups",
            "told before there was a name",
        ]

    asyncio.run(run())


def test_while_redis_has_not_been_there_yet_what_is_to_be_told_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        found = Beaten()
        found.link.is_away = True
        turns = 0

        def count() -> bool:
            nonlocal turns
            turns += 1
            return False

        monkeypatch.setattr(found.pulse, "_tell_overflow", count)
        found.news.tell(Event.GROUPS_CHANGED, "waits")
        async with beating(found, monkeypatch):
            await until(lambda: turns >= 5)
            assert found.events.messages == []
            assert not found.pulse.named.is_set()

    asyncio.run(run())


def test_an_overflow_is_logged_as_it_comes_and_told_as_one_event_when_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        found = Beaten()
        found.clock.advance(60)
        with capture_logs() as logs:
            await found.fill(5)
            async with beating(found, monkeypatch):
                await found.until_told(Event.OVERFLOW)
        assert found.events.messages[-1] == (
            f"Poller overflow: 2 messages with 10 values were discarded, read from {EPOCH} to "
            f"{EPOCH + timedelta(seconds=1)}"
        )
        assert found.events.kinds.count(Event.OVERFLOW) == 1
        (told,) = [log["event"] for log in logs if log["log_level"] == "warning"]
        assert told.startswith("Poller overflow: discarded 2 oldest messages with 10 values (FIFO). Total overflow: 2 ")
        status = found.pulse.status()
        assert (status.ring, status.ring_overflowed, status.ring_overflowed_values) == (3, 2, 10)
        assert status.ring_overflowed_at == (EPOCH + timedelta(seconds=60)).timestamp()

    asyncio.run(run())


def test_the_status_names_the_groups_as_the_monitor_reads_them() -> None:
    async def run() -> None:
        (group,) = json.loads(Beaten().pulse.status().groups)
        assert (group["name"], group["plc_code"], group["state"]) == ("line", "P1", "starting")

    asyncio.run(run())


def test_who_goes_says_what_was_left_and_what_was_lost_at_the_last_moment() -> None:
    async def run() -> None:
        found = Beaten()
        await found.fill(5)
        found.news.tell(Event.GROUPS_CHANGED, "the last news")
        found.pulse.close("Emitted nothing")
        assert found.events.kinds == [Event.GROUPS_CHANGED, Event.OVERFLOW, Event.STOPPED]
        assert found.events.messages[-1] == "Emitted nothing"

    asyncio.run(run())


def test_a_silent_redis_is_waited_for_once_at_the_end() -> None:
    """Kind: a stop that takes the answer's time limit once for each thing that it wants to say."""

    async def run() -> None:
        found = Beaten()
        found.pulse.heartbeat.register()
        found.link.is_away = True
        with pytest.raises(RedisUnavailableError):
            found.pulse.close("never told")
        assert found.events.messages == []

    asyncio.run(run())
