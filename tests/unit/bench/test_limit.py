from collections.abc import Mapping
from dataclasses import replace

import pytest

from bench.benchmarks.pipeline.limit import confirm, find_limit
from bench.bottleneck import bottleneck, is_processor_used_up
from bench.trial import Trial, growth

CORES = {"poller": 0.2, "consumer": 0.3, "writer": 0.5, "Redis": 0.3}


@pytest.mark.parametrize("limit", [3, 99, 100, 101, 229_000, 1_000_000])
def test_the_limit_is_found_wherever_the_search_begins(limit: int) -> None:
    """Expect: a rate that holds, and whose neighbour, so near as it should be, does not."""
    for first in (100, 50_000, 500_000):
        found = find_limit(limit.__ge__, first, 1.4, 1.04)
        assert found <= limit < max(found + 1, found * 1.04)


def test_a_pipeline_that_carries_nothing_ends_the_search() -> None:
    with pytest.raises(ValueError, match="not even"):
        find_limit(lambda _: False, 100, 1.5, 1.05)


@pytest.mark.parametrize(
    ("cores", "others", "said"),
    [
        (CORES | {"writer": 0.95}, 0.0, "writer: it uses 0.95 cores"),
        (CORES | {"stand-in": 0.6}, 0.0, "the processor: 1.90 of 2 cores"),
        (CORES, 0.6, "the processor: 1.30 of 2 cores are used by the pipeline, 0.60 by others"),
        (CORES, 0.1, "the flow: 1.30 of 2 cores"),
    ],
)
def test_what_is_in_the_way_of_more_is_named(cores: Mapping[str, float], others: float, said: str) -> None:
    assert bottleneck(cores, others, 2).startswith(said)
    assert is_processor_used_up(cores, others, 2) is not said.startswith("the flow")


def trial() -> Trial:
    return Trial(1000, 990, 5, 0, 0, 10, 6.0, CORES, 0.0, 0.0, [(0.1, 990), (0.3, 9), (0.5, 1)])


def test_a_rate_is_carried_when_all_is_written_and_nothing_grows_or_is_left_out() -> None:
    carried = trial()
    assert carried.holds
    for part in ({"written": 900.0}, {"growth": 100.0}, {"skipped": 1}, {"overflowed": 1}):
        assert not replace(carried, **part).holds


def test_a_limit_that_does_not_hold_for_longer_is_taken_lower() -> None:
    def attempt(rate: int) -> Trial:
        return replace(trial(), offered=rate, written=min(rate, 900), growth=0)

    assert confirm(attempt, 1000) == (900, attempt(900))
    assert confirm(attempt, 800) == (800, attempt(800))
    assert confirm(attempt, 10_000) == (8000, attempt(8000))


def test_a_trial_tells_cost_and_age() -> None:
    assert trial().cost_s("writer") == pytest.approx(0.5 / 990 * 1e6)
    assert trial().age_p99_s == 0.1
    assert replace(trial(), ages=[]).age_p99_s == float("inf")


def test_what_goes_up_and_down_with_every_poll_does_not_grow() -> None:
    assert growth([0, 9, 3] * 20, 6.0) == 0
    assert growth([number * 10 + number % 3 for number in range(60)], 6.0) == pytest.approx(100, rel=0.05)
    assert growth([7], 6.0) == 0
