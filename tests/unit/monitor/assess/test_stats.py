from services.monitor.assess.stats import (
    late,
    lately,
    mean_batch_size,
    mean_ms,
    per_second,
    percentile_ms,
)
from shared.counters import Counter, Window
from tests.unit.monitor.overviews import make_overview


def test_lately_looks_at_the_two_newest_buckets_only() -> None:
    buckets = make_overview(window={0: {"overflowed": 1}, 1: {"overflowed": 2}, 2: {"overflowed": 4}}).buckets
    assert lately(buckets, Counter.OVERFLOWED) == 3


def test_rate_is_that_of_the_newest_complete_bucket() -> None:
    buckets = make_overview(window={0: {"written": 7}, 1: {"written": 5_000}, 2: {"written": 90}}).buckets
    assert per_second(buckets, Counter.WRITTEN) == 500


def test_rate_is_zero_when_nothing_moved() -> None:
    assert per_second(make_overview().buckets, Counter.WRITTEN) == 0


def test_mean_batch_size_counts_every_end_that_a_batch_can_have() -> None:
    window = {"written": 400, "duplicates": 50, "rejected": 50, "backed_up": 500, "batches_written": 1}
    assert mean_batch_size({**window, "batches_failed": 1}) == 500


def test_means_are_none_without_a_batch() -> None:
    assert mean_batch_size({}) is None
    assert mean_ms({"latency_sum_ms": 5}, Window.LATENCY) is None


def test_mean_latency_divides_by_the_observations_of_the_histogram() -> None:
    assert mean_ms({"latency_sum_ms": 300, "latency:50": 2, "latency:inf": 1}, Window.LATENCY) == 100


def test_percentile_is_the_bound_that_so_many_did_not_exceed() -> None:
    # Given 98 batches within 10 ms, one within 500 ms, one within 2 s
    window = {"latency:10": 98, "latency:500": 1, "latency:2000": 1}
    assert percentile_ms(window, Window.LATENCY, 50) == 10
    assert percentile_ms(window, Window.LATENCY, 98) == 10
    assert percentile_ms(window, Window.LATENCY, 99) == 500
    assert percentile_ms(window, Window.LATENCY, 100) == 2000


def test_percentile_above_the_last_bound_is_the_last_bound() -> None:
    assert percentile_ms({"latency:inf": 1}, Window.LATENCY, 50) == 3_600_000


def test_values_older_than_an_hour_are_counted_and_in_no_lag() -> None:
    """Kind: a replay of last year is shown as a pipeline that takes 3600 s."""
    window = {"lag:10": 3, "lag:inf": 997, "lag_sum_ms": 24}
    assert (percentile_ms(window, Window.LAG, 99), mean_ms(window, Window.LAG), late(window)) == (10, 8, 997)
    assert (percentile_ms({"lag:inf": 5}, Window.LAG, 50), mean_ms({"lag:inf": 5}, Window.LAG)) == (None, None)


def test_percentile_of_nothing_is_none() -> None:
    assert percentile_ms({"lag:10": 5}, Window.LATENCY, 50) is None
