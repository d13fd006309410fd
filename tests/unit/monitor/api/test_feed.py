import asyncio

import pytest

from services.monitor.api.board import Board
from services.monitor.api.feed import STALE_AFTER_S, Blame, Feed, NotFreshError
from services.monitor.api.listings import StreamSnapshot
from services.monitor.api.stream import Stream, make_snapshot
from services.monitor.assess.assessment import Watch
from services.monitor.settings import MonitorSettings
from shared.clock import SystemClock
from tests.unit.monitor.overviews import healthy_overview, make_overview


class HandClock(SystemClock):
    """A clock whose monotonic time moves by hand."""

    seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def stream_of(feed: Feed) -> Stream:
    settings = MonitorSettings.model_validate({})
    return Stream(Board(feed, Watch(settings)), settings)


def test_fresh_returns_the_newest_overview(clock: HandClock) -> None:
    feed = Feed(clock)
    feed.publish(make_overview())
    newest = healthy_overview()
    feed.publish(newest)
    assert asyncio.run(feed.fresh()) is newest


def test_fresh_waits_for_the_first_overview_just_after_the_start() -> None:
    feed = Feed(SystemClock())

    async def ask_before_it_is_there() -> object:
        asking = asyncio.ensure_future(feed.fresh())
        await asyncio.sleep(0.02)
        assert not asking.done()
        feed.publish(healthy_overview())
        return await asking

    assert asyncio.run(ask_before_it_is_there()) == healthy_overview()


def test_failure_is_told_at_once_and_ends_with_the_next_overview(clock: HandClock) -> None:
    feed = Feed(clock)
    feed.publish(make_overview())
    feed.fail("connection refused")
    with pytest.raises(NotFreshError, match="connection refused"):
        asyncio.run(feed.fresh())
    feed.publish(healthy_overview())
    assert asyncio.run(feed.fresh()) == healthy_overview()


def test_redis_that_hangs_is_no_answer(clock: HandClock) -> None:
    # Given a Redis that hangs: nothing new, and no failure either
    feed = Feed(clock)
    feed.publish(make_overview())
    feed.asks()
    clock.seconds += STALE_AFTER_S + 0.1
    with pytest.raises(NotFreshError, match="Redis gives no answer") as caught:
        asyncio.run(feed.fresh())
    assert caught.value.failure.blame is Blame.REDIS


@pytest.mark.parametrize("is_asking", [True, False])
def test_monitor_that_is_slow_does_not_blame_redis(clock: HandClock, *, is_asking: bool) -> None:
    """Kind: one's own slowness told as another's fault."""
    # Given a reading that is worked out for long, or read in many pieces, each of which comes at once
    feed = Feed(clock)
    feed.publish(make_overview())
    feed.asks()
    clock.seconds += STALE_AFTER_S + 0.1
    if is_asking:
        feed.asks()
    else:
        feed.answered()
    with pytest.raises(NotFreshError, match="takes long") as caught:
        asyncio.run(feed.fresh())
    assert caught.value.failure.blame is Blame.MONITOR
    (alert,) = [alert.code for alert in Board(feed, Watch(MonitorSettings.model_validate({}))).alerts][:1]
    assert alert == "monitor_behind"


def test_stream_shows_the_last_known_figures_as_stale_while_redis_is_away(clock: HandClock) -> None:
    feed = Feed(clock)
    stream = stream_of(feed)
    before = stream.snapshot()
    feed.publish(healthy_overview())
    there = stream.snapshot()
    feed.fail("connection refused")
    away = stream.snapshot()
    assert (before.stale, before.buffer) == (True, None)
    assert (there.stale, there.error) == (False, None)
    assert away.stale
    assert away.error is not None
    assert away.ledger == there.ledger is not None


def test_stream_makes_one_snapshot_for_all_clients_of_a_tick(clock: HandClock) -> None:
    feed = Feed(clock)
    feed.publish(healthy_overview())
    stream = stream_of(feed)
    assert stream.snapshot() is stream.snapshot()


def test_stream_goes_on_after_a_snapshot_that_can_not_be_made(
    clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: one fault ends what everybody listens to."""
    feed = Feed(clock)
    feed.publish(healthy_overview())
    stream = stream_of(feed)
    made = iter([False, True])

    def snapshot() -> StreamSnapshot:
        assert next(made), "the first can't be made"
        stream.closing.set()
        return make_snapshot(None, None, (), MonitorSettings.model_validate({}))

    monkeypatch.setattr(stream, "snapshot", snapshot)
    monkeypatch.setattr("services.monitor.api.stream.STREAM_INTERVAL_S", 0.001)

    async def count() -> int:
        return len([event async for event in stream.events()])

    assert asyncio.run(count()) == 1


def test_stream_ends_when_the_server_closes(clock: HandClock) -> None:
    feed = Feed(clock)
    feed.publish(healthy_overview())

    async def count_until_closed() -> int:
        stream = stream_of(feed)
        seen = 0
        async for _ in stream.events():
            seen += 1
            stream.closing.set()
        return seen

    assert asyncio.run(count_until_closed()) == 1
