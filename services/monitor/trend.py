"""How fast values move just now: rates from the totals of the last seconds, one sample a second for five minutes."""

from collections import deque
from dataclasses import dataclass

from services.monitor.reader import Overview
from shared.counters import Counter

#: Seconds that samples are kept: what the dashboard's live charts show.
KEEP_S = 300

#: Seconds between two samples at least: a second, and some room for readings that come a little early.
SAMPLE_S = 0.9

#: Seconds that a rate looks back: polls come once a second, so shorter ones would jump.
RATE_S = 5


@dataclass(frozen=True)
class Sample:
    """Totals and depth at one moment of Redis' clock."""

    at: float
    depth: int
    inserted: int
    removed: int
    written: int
    saved: int  #: to backup files
    overflowed: int


@dataclass(frozen=True)
class Rates:
    """Values a second over RATE_S seconds, as of the last full second; all 0 before there are two samples."""

    inserted: float = 0.0
    removed: float = 0.0
    written: float = 0.0
    saved: float = 0.0
    overflowed: float = 0.0

    @property
    def growth(self) -> float:
        """Values a second by which the buffer grows, or would if it were not full."""
        return self.inserted - self.removed


class Trend:
    """The samples of the last KEEP_S seconds."""

    def __init__(self) -> None:
        self.samples: deque[Sample] = deque()

    def add(self, overview: Overview) -> Rates:
        """Take one sample; return the rates now."""
        sample = sample_of(overview)
        last = self.samples[-1] if self.samples else None
        if last is not None and (sample.inserted < last.inserted or sample.at < last.at):
            # Another Redis, or one that was emptied: what was before says nothing about it.
            self.samples.clear()
            last = None
        # At even distances: polls come once a second, and a rate should hold as many of them one time as the other.
        if last is None or sample.at - last.at >= SAMPLE_S:
            self.samples.append(sample)
        while self.samples[0].at < sample.at - KEEP_S:
            self.samples.popleft()
        return self._rates()

    def _rates(self) -> Rates:
        now = self.samples[-1]
        then = next(sample for sample in self.samples if sample.at >= now.at - RATE_S - 0.5)
        return rates_between(then, now)


def sample_of(overview: Overview) -> Sample:
    """Return the sample of an overview."""
    ledger = overview.ledger
    return Sample(
        at=overview.taken_at,
        depth=ledger.in_buffer,
        inserted=ledger[Counter.INSERTED],
        removed=ledger[Counter.REMOVED],
        written=ledger[Counter.WRITTEN],
        saved=ledger[Counter.BACKED_UP],
        overflowed=ledger[Counter.OVERFLOWED],
    )


def rates_between(then: Sample, now: Sample) -> Rates:
    """Return what moved a second between two samples."""
    seconds = now.at - then.at
    if seconds <= 0:
        return Rates()
    return Rates(
        inserted=(now.inserted - then.inserted) / seconds,
        removed=(now.removed - then.removed) / seconds,
        written=(now.written - then.written) / seconds,
        saved=(now.saved - then.saved) / seconds,
        overflowed=(now.overflowed - then.overflowed) / seconds,
    )
