"""How often a tag comes is learned from its rows, and every row that is missing is found, to the row."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest

from services.writer.oracle.minutes import Minute
from services.writer.verify.gaps import Judge, Rhythm
from shared.zones import zone_of

BEGIN = datetime(2026, 3, 1, 8)
HOUR = timedelta(hours=1)


def minutes(times: Iterable[datetime], tag: str = "P.a") -> Iterator[Minute]:
    for _, some in groupby(sorted(times), lambda at: at.replace(second=0, microsecond=0)):
        found = list(some)
        yield Minute(tag, len(found), found[0], found[-1])


def polls(
    interval_s: float, begin: datetime = BEGIN, length: timedelta = HOUR, jitter_s: float = 0.0
) -> list[datetime]:
    chance = random.Random(1)
    count = int(length.total_seconds() / interval_s)
    return [
        begin + timedelta(seconds=(number + 0.5) * interval_s + chance.uniform(-jitter_s, jitter_s))
        for number in range(count)
    ]


def judged(times: list[datetime], begin: datetime = BEGIN, end: datetime = BEGIN + HOUR, zone: str = "UTC") -> Judge:
    rhythm = Rhythm(zone_of(zone))
    rhythm.see(minutes(times))
    judge = Judge(rhythm.intervals(), begin, end, zone_of(zone))
    judge.see(minutes(times))
    judge.finish()
    return judge


@pytest.mark.parametrize("interval_s", [0.1, 0.5, 1.0, 7.0, 30.0, 60.0, 90.0, 600.0])
def test_nothing_is_missing_where_every_poll_is_there(interval_s: float) -> None:
    assert judged(polls(interval_s, jitter_s=0.1 * interval_s)).gaps == []


@pytest.mark.parametrize("interval_s", [0.5, 1.0, 30.0, 60.0, 90.0])
def test_a_single_row_that_is_missing_is_found(interval_s: float) -> None:
    times = polls(interval_s, jitter_s=0.05 * interval_s)
    for place in (1, len(times) // 2, len(times) - 2):
        (gap,) = judged(times[:place] + times[place + 1 :]).gaps
        assert gap.missing == 1
        assert gap.begin < times[place] < gap.end


def test_a_stretch_is_counted_to_the_row() -> None:
    times = polls(1.0)
    left = [at for at in times if not 600 <= (at - BEGIN).total_seconds() < 1400]
    assert sum(gap.missing for gap in judged(left).gaps) == 800


def test_what_ends_early_is_missing_up_to_the_end() -> None:
    (gap,) = judged(polls(1.0, length=HOUR / 2)).gaps
    assert (gap.missing, gap.is_open, gap.end) == (1800, True, BEGIN + HOUR)


def test_of_a_stretch_that_began_before_only_what_is_asked_for_counts() -> None:
    times = [at for at in polls(1.0, BEGIN - HOUR / 2) if not -300 <= (at - BEGIN).total_seconds() < 300]
    judge = judged(times, end=BEGIN + HOUR / 2)
    assert sum(gap.missing for gap in judge.gaps) == 300
    assert judge.rows == 1500


def test_half_of_the_rows_that_are_missing_at_random_spoil_the_rhythm_and_are_said_not_to_be_judged() -> None:
    chance = random.Random(2)
    rhythm = Rhythm(UTC)
    rhythm.see(minutes(sorted(BEGIN + HOUR * chance.random() for _ in range(60))))
    assert rhythm.intervals() == {"P.a": None}


def test_the_hour_that_a_clock_leaves_out_lacks_nothing() -> None:
    """Kind: each spring an hour of rows is missing. Berlin, 29 March 2026: after 01:59:59 comes 03:00:00."""
    begin = datetime(2026, 3, 29, 1)
    times = [at if at.hour < 2 else at + HOUR for at in polls(1.0, begin, HOUR * 1.5)]
    assert judged(times, begin, datetime(2026, 3, 29, 3, 30), "Europe/Berlin").gaps == []
    assert sum(gap.missing for gap in judged(times, begin, datetime(2026, 3, 29, 3, 30), "UTC").gaps) == 3600


def test_gaps_are_bounded_and_what_is_beyond_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.writer.verify.gaps.MAX_GAPS", 2)
    times = polls(1.0)
    judge = judged([at for place, at in enumerate(times) if place % 300 != 150])
    assert (len(judge.gaps), judge.missing_beyond) == (2, 10)
