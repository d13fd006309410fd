"""Where rows are missing: how often each tag comes, the stretches in which it did not, and what explains them. Pure.

A minute's count, first and last time tell how many rows it lacks, to the row, where a tag comes at even distances; so
does the distance to the minute before. What comes when it likes (HANDSHAKE, on change) can't be judged and is counted.
"""

import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from services.writer.oracle.minutes import Minute
from shared.zones import moment_of

#: Distances of a tag that are learned from, of all samples together, and the least number of them.
MOST_LEARNED, LEAST_LEARNED = 60, 3

#: How far a distance may be from the usual one, as a share, and how many must be no farther, for a tag to be regular.
NEAR, REGULAR = 0.2, 0.6

#: Share of an interval by which a row may be late before the one after it counts as missing.
LATE = 0.6

#: Stretches that are kept one by one; what is missing beyond them is counted.
MAX_GAPS = 100_000

#: Seconds by which what a cause tells of its times may be off: those of values are exact, those of events are not.
EXACT_S, ABOUT_S = 0.0, 10.0

#: The end of what goes on.
EVER = datetime(9000, 1, 1)  # noqa: DTZ001 - as the table shows times


@dataclass
class Gap:
    """Rows of one tag that are missing between two times, as the table shows them."""

    tag: str
    begin: datetime
    end: datetime
    missing: int
    interval_s: float
    is_open: bool = False  #: nothing came after it
    is_empty: bool = True  #: the table has no row of the tag between its times
    causes: Counter[str] = field(default_factory=Counter)  #: rows by what explains them

    @property
    def unexplained(self) -> int:
        """Rows for which nothing was found."""
        return max(0, self.missing - self.causes.total())

    def explain(self, cause: str, rows: int) -> int:
        """Let a cause explain so many rows, at most what is left; return how many it took."""
        taken = min(rows, self.unexplained)
        if taken:
            self.causes[cause] += taken
        return taken


@dataclass
class Cause:
    """What explains rows that are missing between two times, as the table shows them."""

    what: str  #: for people, with the remedy
    begin: datetime
    end: datetime
    about_s: float = ABOUT_S
    tags: frozenset[str] | None = None  #: None: of any tag
    left: int | None = None  #: rows that it can still explain; None: any number
    is_departure: bool = False  #: explains only what ends with the time looked at

    def explain(self, gap: Gap) -> None:
        """Explain of a gap what it can."""
        near = timedelta(seconds=self.about_s)
        begin, end = max(gap.begin, self.begin - near), min(gap.end, self.end + near)
        if begin > end or (self.tags is not None and gap.tag not in self.tags):
            return
        last = timedelta(seconds=gap.interval_s) + near
        if self.is_departure and not (gap.is_open and abs(gap.begin - self.begin) <= last):
            return
        rows = int((end - begin).total_seconds() / gap.interval_s) + 1
        taken = gap.explain(self.what, rows if self.left is None else min(rows, self.left))
        if self.left is not None:
            self.left -= taken


class Rhythm:
    """Learns how often each tag comes, from so many samples."""

    def __init__(self, zone: tzinfo, samples: int = 1) -> None:
        self._zone = zone
        self._share = self._most = MOST_LEARNED // samples
        self._distances: dict[str, list[float]] = {}
        self._last: dict[str, datetime] = {}

    def see(self, minutes: Iterable[Minute]) -> None:
        """Take note of minutes, those of a tag in order."""
        for minute in minutes:
            distances = self._distances.setdefault(minute.tag, [])
            if len(distances) < self._most:
                last = self._last.get(minute.tag)
                if last is not None:
                    distances.append(elapsed_s(last, minute.first, self._zone))
                if minute.count > 1:
                    distances.append((minute.last - minute.first).total_seconds() / (minute.count - 1))
            self._last[minute.tag] = minute.last

    def next_sample(self) -> None:
        """Say that what is seen next does not follow what was seen last."""
        self._last.clear()
        self._most += self._share

    def intervals(self) -> dict[str, float | None]:
        """Return the seconds between two rows of each tag; None where they are not even, or too few."""
        return {tag: _interval(distances) for tag, distances in self._distances.items()}


def _interval(distances: list[float]) -> float | None:
    distances = [distance for distance in distances if distance > 0]
    if len(distances) < LEAST_LEARNED:
        return None
    usual = statistics.median(distances)
    near = sum(abs(distance - usual) <= NEAR * usual for distance in distances)
    return usual if near >= REGULAR * len(distances) else None


def elapsed_s(begin: datetime, end: datetime, zone: tzinfo) -> float:
    """Return the seconds that passed between two times of the table: its clock may have been put forward between."""
    passed = moment_of(end, zone).timestamp() - moment_of(begin, zone).timestamp()
    return min(passed, (end - begin).total_seconds()) if passed > 0 else (end - begin).total_seconds()


class Judge:
    """Finds what is missing between two times, from minutes that begin some time before."""

    def __init__(self, intervals: Mapping[str, float | None], begin: datetime, end: datetime, zone: tzinfo) -> None:
        self._intervals = intervals
        self.begin, self.end = begin, end
        self._zone = zone
        self._last: dict[str, datetime] = {}
        self.gaps: list[Gap] = []
        self.rows = 0  #: in the table, between the two times
        self.missing_beyond = 0  #: rows of gaps that were too many to be kept

    @property
    def seen(self) -> Collection[str]:
        """The tags of which there is a row."""
        return self._last.keys()

    @property
    def not_judged(self) -> int:
        """How many of these come when they like, or too rarely."""
        return sum(self._intervals.get(tag) is None for tag in self._last)

    def see(self, minutes: Iterable[Minute]) -> None:
        """Judge minutes, those of a tag in order and none twice."""
        for minute in minutes:
            if minute.first >= self.begin:
                self.rows += minute.count
            interval_s = self._intervals.get(minute.tag)
            last = self._last.get(minute.tag)
            self._last[minute.tag] = minute.last
            if interval_s is None:
                continue
            if last is not None:
                missing = _rows_in(elapsed_s(last, minute.first, self._zone), interval_s) - 1
                if missing > 0:
                    self._note(Gap(minute.tag, last, minute.first, missing, interval_s))
            missing = _rows_in((minute.last - minute.first).total_seconds(), interval_s) + 1 - minute.count
            if missing > 0:
                self._note(Gap(minute.tag, minute.first, minute.last, missing, interval_s, is_empty=False))

    def finish(self) -> None:
        """Judge what is missing at the end."""
        for tag, last in self._last.items():
            interval_s = self._intervals.get(tag)
            if interval_s is not None and last < self.end:
                due = elapsed_s(last, self.end, self._zone) / interval_s
                # The one that is due just now may be late.
                if due >= 1 + LATE:
                    self._note(Gap(tag, last, self.end, int(due), interval_s, is_open=True))

    def _note(self, gap: Gap) -> None:
        """Keep a gap, of one that began before only what is missing from the beginning on."""
        if gap.begin < self.begin:
            gap.missing = min(gap.missing, _rows_in(elapsed_s(self.begin, gap.end, self._zone), gap.interval_s))
            gap.begin = self.begin
        if gap.missing <= 0 or gap.end <= self.begin:
            return
        if len(self.gaps) < MAX_GAPS:
            self.gaps.append(gap)
        else:
            self.missing_beyond += gap.missing


def _rows_in(span_s: float, interval_s: float) -> int:
    """Return how many intervals a span is."""
    return int(span_s / interval_s + (1 - LATE))
