"""Samples of the last minutes, and the rates that are made of them."""

from services.monitor.assess.trend import RATE_S, SPAN_S, Trend
from services.monitor.read.buckets import HISTORY_S
from shared.counters import WINDOW_BUCKET_S, Counter
from tests.unit.monitor.overviews import NOW, make_overview

_BUCKETS = HISTORY_S // WINDOW_BUCKET_S + 1


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
        for half in range(4 * SPAN_S):
            trend.add(make_overview(taken_at=NOW + half / 2))
        assert len(trend.samples) in {SPAN_S, SPAN_S + 1}
        assert RATE_S < SPAN_S
