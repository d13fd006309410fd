"""What the window says: rates, means and percentiles over all writers. No I/O, no clock."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from services.monitor.read.buckets import Bucket
from shared.counters import HISTOGRAM_ABOVE, HISTOGRAM_BOUNDS_MS, WINDOW_BUCKET_S, Counter, Counts, Window

#: Buckets that "lately" means: the one that fills now and the one before, so 10 to 20 s.
LATELY_BUCKETS = 2

#: Where the sum of each histogram is counted: of the times from claim to settled, and of values' ages when committed.
SUM_MS = {Window.LATENCY: Window.LATENCY_SUM_MS, Window.LAG: Window.LAG_SUM_MS}

#: What becomes of a value that a batch held; their sum over all batches is the values that batches held.
BATCH_ENDS = (Counter.WRITTEN, Counter.DUPLICATES, Counter.REJECTED, Counter.BACKED_UP)


def percent(part: float, whole: float, *, of_nothing: float = 0.0) -> float:
    """Return part of whole in percent; `of_nothing` where the whole is 0.

    >>> percent(1, 8)
    12.5
    """
    return 100 * part / whole if whole else of_nothing


def lately(buckets: Sequence[Bucket], counter: Counter) -> int:
    """Return what was counted in the last 10 to 20 s."""
    return sum(bucket.counts.get(counter, 0) for bucket in buckets[-LATELY_BUCKETS:])


def per_second(buckets: Sequence[Bucket], counter: Counter) -> float:
    """Return the rate in the newest bucket that is complete: 10 to 20 s old at most, and 0 when nothing moves."""
    return buckets[-2].counts.get(counter, 0) / WINDOW_BUCKET_S if len(buckets) > 1 else 0.0


def batches_ended(counts: Counts) -> int:
    """Return the batches that ended, however they did."""
    return sum(counts.get(counter, 0) for counter in (Counter.BATCHES_WRITTEN, Counter.BATCHES_FAILED))


def success_pct(counts: Counts) -> float:
    """Return the percentage of batches that Oracle took; of none, all."""
    return percent(counts.get(Counter.BATCHES_WRITTEN, 0), batches_ended(counts), of_nothing=100.0)


def mean_batch_size(window: Mapping[str, int]) -> float | None:
    """Return the values in a batch on average, backed-up ones included; None without a batch."""
    batches = batches_ended(window)
    return sum(window.get(end, 0) for end in BATCH_ENDS) / batches if batches else None


def mean_ms(window: Mapping[str, int], prefix: Window) -> float | None:
    """Return the mean time of a histogram, in ms: late values apart; None without an observation."""
    observed = sum(histogram(window, prefix)) - (late(window) if prefix is Window.LAG else 0)
    return window.get(SUM_MS[prefix], 0) / observed if observed else None


def late(counts: Mapping[str, int]) -> int:
    """Return the values that were older than an hour when they were committed: replayed, or late. No lag of ours."""
    return counts.get(f"{Window.LAG}:{HISTOGRAM_ABOVE}", 0)


def histogram(window: Mapping[str, int], prefix: Window) -> list[int]:
    """Return the observations for each of HISTOGRAM_BOUNDS_MS, and those above the last."""
    return [window.get(f"{prefix}:{bound}", 0) for bound in (*HISTOGRAM_BOUNDS_MS, HISTOGRAM_ABOVE)]


def percentile_ms(window: Mapping[str, int], prefix: Window, percentage: float) -> float | None:
    """Return a bound, in ms, that so many percent of the observations did not exceed; None without any.

    The bound of the bucket, so at most a half too high and never too low; above the last bound, that bound.
    """
    found = histogram(window, prefix)
    # Values that are replayed, or late, say nothing of how quick the pipeline is.
    sums = list(accumulate(found[:-1] if prefix is Window.LAG else found))
    if not sums[-1]:
        return None
    reached = next(index for index, below in enumerate(sums) if below >= sums[-1] * percentage / 100)
    return float(HISTOGRAM_BOUNDS_MS[min(reached, len(HISTOGRAM_BOUNDS_MS) - 1)])


def percentile_of_ms(bucket: Bucket, prefix: Window, percentage: float) -> float | None:
    """Return `percentile_ms` of one bucket, worked out once."""
    key = prefix, percentage
    if key not in bucket.memo:
        bucket.memo[key] = percentile_ms(bucket.counts, prefix, percentage)
    known: float | None = bucket.memo[key]
    return known


def newest_with(buckets: Sequence[Bucket], *counters: Counter) -> Bucket | None:
    """Return the newest bucket in which one of these was counted; None when there is none."""
    return next((bucket for bucket in reversed(buckets) if any(bucket.counts.get(c) for c in counters)), None)
