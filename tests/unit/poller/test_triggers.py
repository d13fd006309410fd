import asyncio

import pytest

from services.poller.triggers import FixedInterval
from tests.unit.poller.fake_time import FakeTime


async def poll_times(trigger: FixedInterval, time: FakeTime, poll_lengths_s: list[float]) -> tuple[list[float], int]:
    """Return when each poll began, and how many were skipped."""
    begins, skipped = [], 0
    for length_s in poll_lengths_s:
        skipped += await trigger.wait()
        begins.append(time.monotonic())
        time.pass_(length_s)
    return begins, skipped


def test_interval_keeps_its_beat_when_polls_take_time() -> None:
    time = FakeTime(start_s=100.0)
    begins, skipped = asyncio.run(poll_times(FixedInterval(1.0, time, time.sleep), time, [0.3] * 1000))
    assert begins == [100.0 + number for number in range(1000)]
    assert skipped == 0


def test_interval_skips_and_counts_polls_that_an_overrun_missed() -> None:
    time = FakeTime()
    # The polls of 1 s and 2 s were due when the first ended at 2.5 s: one is made then, one is lost, 3 s is on time.
    begins, skipped = asyncio.run(poll_times(FixedInterval(1.0, time, time.sleep), time, [2.5, 0.1, 0.1]))
    assert begins == [0.0, 2.5, 3.0]
    assert skipped == 1


def test_interval_does_not_poll_early_when_a_sleep_ends_early() -> None:
    time = FakeTime(sleep_factor=0.9)
    begins, _ = asyncio.run(poll_times(FixedInterval(1.0, time, time.sleep), time, [0.0] * 20))
    assert begins == pytest.approx([float(number) for number in range(20)])
