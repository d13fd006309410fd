"""What the monitor keeps over time: buckets of the last hour, samples of the last minutes, and what is made of them."""

from services.monitor.buckets import HISTORY_S, BucketLog
from services.monitor.history import history
from services.monitor.trend import KEEP_S, RATE_S, Trend
from shared.counters import WINDOW_BUCKET_S, Counter
from tests.unit.monitor.overviews import NOW, make_overview

_BUCKETS = HISTORY_S // WINDOW_BUCKET_S + 1


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
        assert self.read(log, NOW + 1) == 1
        assert self.read(log, NOW + WINDOW_BUCKET_S) == 2
        assert self.read(log, NOW + 5 * WINDOW_BUCKET_S) == 5

    def test_everything_is_read_again_now_and_then(self) -> None:
        log = BucketLog()
        assert [self.read(log, NOW) for _ in range(121)].count(_BUCKETS) == 2

    def test_clock_that_goes_back_and_long_silence_leave_no_gap(self) -> None:
        log = BucketLog()
        self.read(log, NOW)
        assert self.read(log, NOW - 600) == _BUCKETS
        assert self.read(log, NOW + 3 * HISTORY_S) == _BUCKETS


class TestTrend:
    """Rates of the last seconds."""

    def test_rate_is_what_moved_in_the_last_seconds(self) -> None:
        trend = Trend()
        for second in range(20):
            rates = trend.add(
                make_overview(
                    counters={
                        Counter.INSERTED: 100 * second,
                        Counter.REMOVED: 60 * second,
                        Counter.WRITTEN: 50 * second,
                    },
                    taken_at=NOW + second,
                )
            )
        assert (rates.inserted, rates.removed, rates.written, rates.growth) == (100, 60, 50, 40)

    def test_polls_once_a_second_give_a_steady_rate(self) -> None:
        trend = Trend()
        seen = {
            round(
                trend.add(
                    make_overview(counters={Counter.INSERTED: 500 * int(n / 2 + 0.3)}, taken_at=NOW + n / 2)
                ).inserted
            )
            for n in range(60)
        }
        assert seen - {0} == {500}

    def test_samples_that_fall_before_or_after_a_poll_by_chance_move_the_rate_little(self) -> None:
        trend = Trend()
        rates = [
            trend.add(make_overview(counters={Counter.INSERTED: 500 * (n + n * 7 % 3 % 2)}, taken_at=NOW + n)).inserted
            for n in range(60)
        ]
        assert all(450 <= rate <= 550 for rate in rates[20:])

    def test_buffer_that_begins_to_fill_shows_in_its_growth_within_seconds(self) -> None:
        trend = Trend()
        for second in range(30):
            inserted = 100 * second
            removed = min(inserted, 2_000)
            rates = trend.add(
                make_overview(counters={Counter.INSERTED: inserted, Counter.REMOVED: removed}, taken_at=NOW + second)
            )
            if second == 25:
                break
        assert rates.growth == 100

    def test_there_is_no_rate_before_two_samples_and_after_another_redis_came(self) -> None:
        trend = Trend()
        assert trend.add(make_overview(counters={Counter.INSERTED: 1_000}, taken_at=NOW)).inserted == 0
        assert trend.add(make_overview(counters={Counter.INSERTED: 2_000}, taken_at=NOW + 1)).inserted == 1_000
        assert trend.add(make_overview(counters={Counter.INSERTED: 5}, taken_at=NOW + 2)).inserted == 0

    def test_samples_are_one_a_second_and_bounded(self) -> None:
        trend = Trend()
        for half in range(4 * KEEP_S):
            trend.add(make_overview(taken_at=NOW + half / 2))
        assert len(trend.samples) in {KEEP_S, KEEP_S + 1}
        assert RATE_S < KEEP_S


class TestHistory:
    """The last hour as the API answers it."""

    def test_point_holds_what_its_bucket_counted(self) -> None:
        now = make_overview(
            window={
                1: {
                    "inserted": 30, "written": 20, "backed_up": 6, "overflowed": 4, "batches_written": 2,
                    "batches_failed": 1, "depth": 5, "depth_max": 9, "latency:10": 2, "lag:300": 20,
                }
            }
        )  # fmt: skip
        answer = history(now, 1)
        assert answer.resolution_seconds == 10
        assert len(answer.points) == 7
        point = answer.points[-2]
        assert point.model_dump(exclude={"at"}) == {
            "inserted": 30, "written": 20, "backed_up": 6, "overflowed": 4, "batches_written": 2, "batches_failed": 1,
            "depth": 5, "depth_max": 9, "write_latency_p50_ms": 10.0, "write_latency_p95_ms": 10.0,
            "lag_p50_ms": 300.0, "lag_p95_ms": 300.0,
        }  # fmt: skip
        assert point.at.timestamp() == NOW // 10 * 10 - 10

    def test_depth_stays_what_it_was_where_nothing_moved(self) -> None:
        points = history(make_overview(window={30: {"depth": 70, "depth_max": 90}}), 10).points
        assert {point.depth for point in points[-30:]} == {70}
        assert points[-31].depth_max == 90
        assert {point.depth_max for point in points[-30:]} == {70}

    def test_before_anything_is_known_the_depth_is_null(self) -> None:
        assert {point.depth for point in history(make_overview(), 60).points} == {None}

    def test_an_hour_is_kept(self) -> None:
        assert len(history(make_overview(), 60).points) == 361
