"""The buckets of the last hour: only what may still change is read again."""

from services.monitor.read.buckets import HISTORY_S, BucketLog, total
from shared.counters import WINDOW_BUCKET_S, Counter
from tests.unit.monitor.overviews import NOW, make_overview

_BUCKETS = HISTORY_S // WINDOW_BUCKET_S + 1


def test_total_adds_up_the_counts_of_all_buckets() -> None:
    window = make_overview(window={0: {"written": 1}, 29: {"written": 2, "rejected": 3}}).window
    assert window == total([{"written": 1}, {"written": 2, "rejected": 3}])
    assert [window[counter] for counter in (Counter.WRITTEN, Counter.REJECTED, Counter.DUPLICATES)] == [3, 3, 0]


class TestBucketLog:
    """Only what may still change is read again."""

    @staticmethod
    def read(log: BucketLog, at: float) -> int:
        """Read at a moment; every bucket holds its number. Returns how many were read."""
        numbers = log.to_read(at)
        buckets = log.add(numbers, [{"inserted": number} for number in numbers])
        assert [bucket.counts["inserted"] * WINDOW_BUCKET_S for bucket in buckets] == [b.began_at for b in buckets]
        assert len(buckets) == _BUCKETS
        assert buckets[-1].began_at == at // WINDOW_BUCKET_S * WINDOW_BUCKET_S
        return len(numbers)

    def test_first_reading_is_of_the_whole_hour(self) -> None:
        assert self.read(BucketLog(), NOW) == _BUCKETS

    def test_later_ones_are_of_the_newest_and_of_what_was_not_over_then(self) -> None:
        log = BucketLog()
        self.read(log, NOW)
        assert self.read(log, NOW + 1) == 2, "the one that fills, and the one that filled a moment ago"
        assert self.read(log, NOW + WINDOW_BUCKET_S) == 3
        assert self.read(log, NOW + 5 * WINDOW_BUCKET_S) == 6

    def test_everything_is_read_again_now_and_then(self) -> None:
        log = BucketLog()
        assert [self.read(log, NOW) for _ in range(121)].count(_BUCKETS) == 2

    def test_clock_that_goes_back_and_long_silence_leave_no_gap(self) -> None:
        log = BucketLog()
        self.read(log, NOW)
        assert self.read(log, NOW - 600) == _BUCKETS
        assert self.read(log, NOW + 3 * HISTORY_S) == _BUCKETS
