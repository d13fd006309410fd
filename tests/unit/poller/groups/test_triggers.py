import asyncio

import pytest

from services.poller.groups.triggers import FixedInterval, OnRequest
from shared.records.polling import PollOutcome
from tests.fakes import FakeClock


async def poll_times(trigger: FixedInterval, time: FakeClock, poll_lengths_s: list[float]) -> tuple[list[float], int]:
    """Return when each poll began, and how many were skipped."""
    begins, skipped = [], 0
    for length_s in poll_lengths_s:
        skipped += await trigger.wait()
        begins.append(time.monotonic())
        time.advance(length_s)
    return begins, skipped


def test_interval_keeps_its_beat_when_polls_take_time() -> None:
    time = FakeClock(100.0)
    begins, skipped = asyncio.run(poll_times(FixedInterval(1.0, time, time.sleep), time, [0.3] * 1000))
    assert begins == [100.0 + number for number in range(1000)]
    assert skipped == 0


def test_interval_skips_and_counts_polls_that_an_overrun_missed() -> None:
    time = FakeClock(0.0)
    # The polls of 1 s and 2 s were due when the first ended at 2.5 s: one is made then, one is lost, 3 s is on time.
    begins, skipped = asyncio.run(poll_times(FixedInterval(1.0, time, time.sleep), time, [2.5, 0.1, 0.1]))
    assert begins == [0.0, 2.5, 3.0]
    assert skipped == 1


def test_interval_does_not_poll_early_when_a_sleep_ends_early() -> None:
    time = FakeClock(0.0, sleep_factor=0.9)
    begins, _ = asyncio.run(poll_times(FixedInterval(1.0, time, time.sleep), time, [0.0] * 20))
    assert begins == pytest.approx([float(number) for number in range(20)])


def test_interval_starts_in_its_phase() -> None:
    time = FakeClock(10.0)
    trigger = FixedInterval(1.0, time, time.sleep, phase_s=0.25)
    begins, skipped = asyncio.run(poll_times(trigger, time, [0.1, 1.3, 0.1, 0.1]))
    assert begins == pytest.approx([10.25, 11.25, 12.55, 13.25])
    assert skipped == 0


def test_interval_tells_how_late_its_polls_begin() -> None:
    time = FakeClock(0.0)
    trigger = FixedInterval(1.0, time, time.sleep)
    # One poll in ten overruns by 0.3 s: the next begins that much too late.
    asyncio.run(poll_times(trigger, time, [1.3, *[0.1] * 9] * 20))
    assert trigger.lateness_p99_ms() == pytest.approx(300, abs=1)


async def outcome_of(future: "asyncio.Future[PollOutcome]") -> PollOutcome:
    return await asyncio.wait_for(future, 1)


def test_requests_within_a_second_are_one_poll_with_one_outcome() -> None:
    async def run() -> None:
        time = FakeClock(0.0)
        trigger = OnRequest(time)
        first = trigger.ask()
        await trigger.wait()
        time.advance(0.9)
        second = trigger.ask()
        trigger.polled(PollOutcome("read", values=7))
        third = trigger.ask()
        assert [(await outcome_of(asked)).values for asked in (first, second, third)] == [7, 7, 7]
        time.advance(0.2)
        fourth = trigger.ask()
        await asyncio.wait_for(trigger.wait(), 1)
        trigger.polled(PollOutcome("failed"))
        assert (await outcome_of(fourth)).state == "failed"

    asyncio.run(run())


def test_requests_during_a_long_poll_are_one_poll_after_it() -> None:
    async def run() -> None:
        time = FakeClock(0.0)
        trigger = OnRequest(time)
        running = trigger.ask()
        await trigger.wait()
        time.advance(1.5)
        waiting = trigger.ask()
        time.advance(1.5)
        assert trigger.ask() is waiting
        trigger.polled(PollOutcome("read", values=1))
        await asyncio.wait_for(trigger.wait(), 1)
        trigger.polled(PollOutcome("read", values=2))
        assert [(await outcome_of(asked)).values for asked in (running, waiting)] == [1, 2]

    asyncio.run(run())


def test_requests_of_a_group_that_ends_are_answered() -> None:
    async def run() -> None:
        time = FakeClock(0.0)
        trigger = OnRequest(time)
        running = trigger.ask()
        await trigger.wait()
        time.advance(2)
        waiting = trigger.ask()
        trigger.close("group 'h' is stopped")
        time.advance(2)
        for asked in (running, waiting, trigger.ask()):
            assert await outcome_of(asked) == PollOutcome("failed", message="group 'h' is stopped")

    asyncio.run(run())
