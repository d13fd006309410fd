"""Waits between tries: exact where one waits alone, spread where many come back at once."""

import subprocess
import sys
from random import Random

import pytest

from services.writer.settings import WriterSettings
from shared.backoff import Backoff, doubled_s, spread_s

#: Processes that lost the same thing at the same moment.
PROCESSES = 10


def test_a_wait_is_doubled_up_to_its_last() -> None:
    assert [doubled_s(0.05, failures, 1.0) for failures in range(1, 7)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0]


@pytest.mark.req("FR-010")
def test_the_retries_of_a_batch_are_exact() -> None:
    settings = WriterSettings.model_validate(
        {"oracle_dsn": "db:1521/x", "oracle_user": "u", "oracle_password": "p", "oracle_retry_max": 4}
    )
    assert settings.retry_delays_s == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("failures", [1_024, 1_025, 10**9])
def test_no_number_of_failures_ends_the_waiting(failures: int) -> None:
    """Kind: an exponent without a bound. The 1,025th failure in a row raised OverflowError in place of a wait."""
    assert doubled_s(5.0, failures, 300.0) == 300.0
    assert doubled_s(60.0, failures) > 1e200


def test_a_wait_with_jitter_is_anything_up_to_the_doubled_one_and_begins_anew_after_a_success() -> None:
    backoff = Backoff(1.0, 8.0, Random(12))
    for _ in range(3):
        waits = [backoff.next_s() for _ in range(200)]
        assert all(0 <= wait <= most for wait, most in zip(waits, [1, 2, 4, *[8] * 197], strict=True))
        late = waits[3:]
        assert (min(late) < 1, max(late) > 7, 3 < sum(late) / len(late) < 5) == (True, True, True)
        backoff.reset()


def test_ten_that_lost_the_same_thing_do_not_come_back_in_step() -> None:
    """Kind: many processes that knock at the same moments. Doubled waits alone put all ten at each of them."""
    backoffs = [Backoff(0.05, 1.0, Random(seed)) for seed in range(PROCESSES)]
    tries: list[float] = []
    for backoff in backoffs:
        at = 0.0
        while (at := at + backoff.next_s()) < 10.0:
            tries.append(at)
    slots = [int(at / 0.02) for at in tries if at > 1.0]
    assert max(slots.count(slot) for slot in slots) < PROCESSES / 2


def test_intervals_that_began_together_drift_apart_and_none_is_longer() -> None:
    next_at = [0.0] * PROCESSES
    for n, random in enumerate(map(Random, range(PROCESSES))):
        for _ in range(6):
            interval = spread_s(5.0, random)
            assert 2.5 <= interval <= 5.0
            next_at[n] += interval
    next_at.sort()
    assert next_at[-1] - next_at[0] > 2.5


def test_each_process_draws_its_own_waits() -> None:
    """Kind: a seed that all share: jitter in step is none."""
    program = "from shared.backoff import Backoff; b = Backoff(1, 60); print([b.next_s() for _ in range(5)])"
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    answers = {process.communicate(timeout=60)[0] for process in running}
    assert len(answers) == PROCESSES
    assert all(answer.startswith("[") for answer in answers)
