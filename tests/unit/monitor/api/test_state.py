import asyncio

import pytest

from services.monitor.api.state import STALE_AFTER_S, Blame, Newest, NotFreshError
from services.monitor.assess.assessment import Assessment, Assessor
from services.monitor.read.overview import Overview
from services.monitor.settings import MonitorSettings
from shared.clock import SystemClock
from tests.fakes import FakeClock
from tests.unit.monitor.overviews import healthy_overview, make_overview


def assessed(overview: Overview) -> Assessment:
    return Assessor(MonitorSettings.model_validate({})).assess(overview)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def newest(clock: FakeClock) -> Newest:
    return Newest(clock)


def test_state_is_one_object_until_something_else_is_known(newest: Newest, clock: FakeClock) -> None:
    states = []
    for change in (
        lambda: newest.publish(assessed(make_overview())),
        lambda: newest.publish(assessed(healthy_overview())),
        lambda: newest.fail("connection refused"),
        lambda: newest.publish(assessed(healthy_overview())),
        lambda: setattr(clock, "seconds", clock.seconds + STALE_AFTER_S + 0.1),
    ):
        change()
        states.append(newest.state)
        assert newest.state is states[-1]
    assert len({id(state) for state in states}) == 5


def test_newest_assessment_is_the_one_that_is_answered_from(newest: Newest) -> None:
    newest.publish(assessed(make_overview()))
    last = assessed(healthy_overview())
    newest.publish(last)
    assert newest.state.fresh() is last


def test_first_state_is_waited_for_just_after_the_start() -> None:
    newest = Newest(SystemClock())

    async def ask_before_it_is_there() -> Assessment:
        asking = asyncio.ensure_future(newest.settled())
        await asyncio.sleep(0.02)
        assert not asking.done()
        newest.publish(assessed(healthy_overview()))
        return (await asking).fresh()

    assert asyncio.run(ask_before_it_is_there()).overview == healthy_overview()


def test_failure_is_told_at_once_and_ends_with_the_next_assessment(newest: Newest) -> None:
    newest.publish(assessed(make_overview()))
    assert newest.fail("connection refused"), "news"
    assert not newest.fail("connection refused"), "no news"
    with pytest.raises(NotFreshError, match="connection refused"):
        newest.state.fresh()
    newest.publish(assessed(healthy_overview()))
    assert newest.state.fresh().overview == healthy_overview()


def test_redis_that_hangs_is_no_answer(newest: Newest, clock: FakeClock) -> None:
    # Given a Redis that hangs: nothing new, and no failure either
    newest.publish(assessed(make_overview()))
    newest.asks()
    clock.seconds += STALE_AFTER_S + 0.1
    with pytest.raises(NotFreshError, match="Redis gives no answer") as caught:
        newest.state.fresh()
    assert caught.value.failure.blame is Blame.REDIS
    assert newest.state.alerts[0].since == pytest.approx(clock.now().timestamp() - STALE_AFTER_S - 0.1)


def test_redis_that_hangs_from_the_start_is_away_since_now_and_not_since_1970(newest: Newest, clock: FakeClock) -> None:
    """Kind: a time that was never set, shown as one."""
    newest.asks()
    (alert,) = newest.state.alerts
    assert (alert.code, alert.since) == ("redis_away", clock.now().timestamp())


@pytest.mark.parametrize("is_asking", [True, False])
def test_monitor_that_is_slow_does_not_blame_redis(newest: Newest, clock: FakeClock, *, is_asking: bool) -> None:
    """Kind: one's own slowness told as another's fault."""
    # Given a reading that is worked out for long, or read in many pieces, each of which comes at once
    newest.publish(assessed(make_overview()))
    newest.asks()
    clock.seconds += STALE_AFTER_S + 0.1
    if is_asking:
        newest.asks()
    else:
        newest.answered()
    with pytest.raises(NotFreshError, match="takes long") as caught:
        newest.state.fresh()
    assert caught.value.failure.blame is Blame.MONITOR
    assert newest.state.alerts[0].code == "monitor_behind"
