"""The window's buckets, an hour of them, of which only those that may still change are read again."""

from collections import Counter as Tally
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.counters import WINDOW_BUCKET_S

#: Seconds of history kept.
HISTORY_S = 3600

#: Readings after which everything is read again: Redis may have come back from a copy, or empty. A minute's readings.
_TRUST = 120


@dataclass(frozen=True)
class Bucket:
    """Counts and histograms of WINDOW_BUCKET_S seconds, of all services together; empty when nothing happened."""

    began_at: float  #: seconds since 1970
    counts: Mapping[str, int]
    #: What was worked out from the counts before: a bucket that is over is looked at for an hour.
    memo: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)


def total(many: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    """Return the sums of many counts by name; what none of them holds counts as 0."""
    tally: Tally[str] = Tally()
    for counts in many:
        tally.update(counts)
    return tally


class BucketLog:
    """The buckets of the last HISTORY_S seconds, the one that fills now included."""

    def __init__(self) -> None:
        self._buckets: dict[int, Bucket] = {}
        self._complete_before = 0
        self._readings = 0

    def to_read(self, taken_at: float) -> range:
        """Return the numbers of the buckets that are not known for good at this moment of Redis' clock."""
        newest = int(taken_at // WINDOW_BUCKET_S)
        oldest = newest - HISTORY_S // WINDOW_BUCKET_S
        if self._readings % _TRUST == 0 or newest < self._complete_before:
            self._complete_before = oldest
        return range(max(oldest, self._complete_before), newest + 1)

    def add(self, numbers: range, windows: Sequence[Mapping[str, int]]) -> tuple[Bucket, ...]:
        """Take what was read; return all buckets, oldest first."""
        self._readings += 1
        for number, counts in zip(numbers, windows, strict=True):
            self._buckets[number] = Bucket(number * WINDOW_BUCKET_S, counts)
        newest = numbers[-1]
        # The newest was still being filled when it was read, and the one before by who reckons Redis' time a bit late.
        self._complete_before = newest - 1
        lasting = range(newest - HISTORY_S // WINDOW_BUCKET_S, newest + 1)
        self._buckets = {number: self._buckets[number] for number in lasting}
        return tuple(self._buckets.values())
