"""The loop that seeks and renews leases, without Redis: what it makes of answers, of none, and of late ones."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from services.poller import leases as module
from services.poller.leases import Leases
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.records.events import Event
from tests.fakes import FakeClock, FakeLink
from tests.unit.poller.fleets import named_heartbeat

LINE = '["P1","line"]'

NOW_MS = 1_700_000_000_000


class ScriptedRedis(FakeLink):
    """Answers as it is told; the last answer again and again."""

    def __init__(self, *answers: Exception | tuple[int, str]) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, list[Any]]] = []
        #: The groups that were said to be in the file; nobody hears of it.
        self.had: list[list[Any]] = []
        self.is_silent = False
        self.at_an_answer: Callable[[], object] = lambda: None
        self.speaks = threading.Event()

    def run(self, script: str, keys: Sequence[str], args: Iterable[str | bytes | float] = ()) -> Any:
        del keys
        if script == "have_groups":
            self.had.append([*args][2:])
            raise RedisUnavailableError("WRONGTYPE")
        self.calls.append((script, [*args]))
        if script == "free_groups":
            return 0
        if self.is_silent:
            self.speaks.wait(20)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        self.at_an_answer()
        state, holder = answer
        groups = self.calls[-1][1][5:]
        return [str(NOW_MS), *([state, holder.encode(), b"1"] for _ in groups)]


class Seeking:
    """Leases at work, and what they told."""

    def __init__(self, redis: ScriptedRedis) -> None:
        self.clock = FakeClock()
        self.told: list[tuple[Event, str]] = []
        self.redis = redis
        self.leases = Leases(
            link=redis,
            keys=Keys("t"),
            process=named_heartbeat(),
            clock=self.clock,
            tell=lambda kind, text: self.told.append((kind, text)),
            outbox_id=str,
        )
        self.lease = self.leases.of(LINE)

    async def renewed(self, times: int = 1) -> None:
        """Wait until it has asked so many times more."""
        wanted = len(self.redis.calls) + times
        async with asyncio.timeout(20):
            while len(self.redis.calls) < wanted:
                self.leases._wanted.set()
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def seeking(redis: ScriptedRedis) -> AsyncIterator[Seeking]:
    found = Seeking(redis)
    named = asyncio.Event()
    named.set()
    running = asyncio.create_task(found.leases.run(named))
    try:
        yield found
    finally:
        redis.speaks.set()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def test_who_has_never_heard_from_redis_polls_and_stands_by_once_it_hears_that_another_does() -> None:
    async def run() -> None:
        async with seeking(ScriptedRedis(RedisUnavailableError("away"), (0, "other"))) as found:
            await found.lease.until(is_held=True)
            await found.renewed()
            await found.lease.until(is_held=False)
            assert (found.lease.holder, found.leases.elsewhere) == ("other", 1)
            assert found.told == [(Event.STANDS_BY, "Stands by: 1 polling groups are polled by poller other")]

    asyncio.run(run())


def test_what_the_file_has_is_said_until_it_is_heard_and_costs_no_lease() -> None:
    """Kind: a side path in the middle of the renewal ends it."""

    async def run() -> None:
        async with seeking(ScriptedRedis((1, "poller-1"))) as found:
            await found.renewed(3)
            assert found.lease.is_held
            assert found.redis.had[:3] == [[LINE]] * 3

    asyncio.run(run())


def test_a_redis_that_says_nothing_does_not_keep_the_groups_from_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a start that waits for an answer that never comes."""
    monkeypatch.setattr(module, "FIRST_ANSWER_S", 0.01)
    redis = ScriptedRedis((1, "poller-1"))
    redis.is_silent = True

    async def run() -> None:
        async with seeking(redis) as found:
            await found.lease.until(is_held=True)
            assert found.leases.elsewhere == 0

    asyncio.run(run())


def test_who_stands_by_does_so_as_long_as_redis_is_away_and_who_polls_goes_on() -> None:
    async def run(state: int) -> None:
        answers = ((state, "other" if state == 0 else "poller-1"), RedisUnavailableError("away"))
        async with seeking(ScriptedRedis(*answers)) as found:
            await found.renewed(4)
            assert found.lease.is_held == (state == 1)

    asyncio.run(run(0))
    asyncio.run(run(1))


def test_the_takeover_is_told_and_the_clock_is_that_of_redis() -> None:
    async def run() -> None:
        async with seeking(ScriptedRedis((0, "other"), (1, "poller-1"))) as found:
            await found.lease.until(is_held=True)
            assert found.told[-1] == (Event.TOOK_OVER, "Took over 1 polling groups from poller other, which is gone")
            found.clock.advance(2.5)
            assert found.leases.now_ms() == NOW_MS + 2500

    asyncio.run(run())


def test_an_answer_that_is_heard_late_dates_no_reading_earlier_than_it_was_read() -> None:
    """Kind: a moment taken for now. Who is paused, or its machine suspended, between Redis' answer and the look at it
    dated what it read after it by as much too early: as if before the takeover that it had slept through.
    """

    async def run() -> None:
        redis = ScriptedRedis((1, "poller-1"))
        async with seeking(redis) as found:
            redis.at_an_answer = lambda: found.clock.advance(3600)
            await found.renewed()
            redis.at_an_answer = lambda: None
            assert found.leases.now_ms() >= NOW_MS + 3_600_000

    asyncio.run(run())


def test_what_is_given_up_is_freed_and_sought_no_more_and_the_rest_at_the_end() -> None:
    async def run() -> None:
        async with seeking(ScriptedRedis((1, "poller-1"))) as found:
            await found.lease.until(is_held=True)
            await found.leases.free()
            assert found.redis.calls[-1] == ("free_groups", ["abcd", LINE])
            found.leases.give_up(LINE)
            await found.renewed(2)
            assert ("free_groups", ["abcd", LINE]) in found.redis.calls[-3:]
            assert found.redis.calls[-1][1][5:] == []

    asyncio.run(run())
