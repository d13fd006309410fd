"""How fast values move just now: rates from the totals of the last seconds, one sample a second for five minutes."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from services.monitor.read.overview import Overview
from shared.counters import Counter

#: Seconds of samples: what the dashboard's live charts show.
SPAN_S = 300

#: Seconds between two samples at least: a second, and some room for readings that come a little early.
SAMPLE_S = 0.9

#: Seconds that a rate looks back, half of them against the other half: polls come in bursts, and a rate from one sample
#: to another would jump by a poll as the samples fall before or after it.
RATE_S = 10

#: Seconds that the buffer's growth looks back: it may be full in less.
GROWTH_S = 5


@dataclass(frozen=True)
class Sample:
    """Totals and depth at one moment of Redis' clock."""

    at: float
    depth: int
    inserted: int
    removed: int
    written: int
    backed_up: int  #: to backup files
    overflowed: int
    rejected: int
    in_table: int  #: written, or found there already
    in_flight: int
    queued: int  #: messages in the DataQueue
    claimed: int  #: messages that consumers work on
    taken_messages: int  #: pushed or rejected

    @property
    def values_waiting(self) -> int:
        """Values on their way to the table."""
        return self.depth + self.in_flight

    @property
    def messages_waiting(self) -> int:
        """Messages that are no values yet."""
        return self.queued + self.claimed


@dataclass(frozen=True)
class Rates:
    """Values a second over RATE_S seconds, as of the last sample; all 0 before there are two."""

    inserted: float = 0.0
    removed: float = 0.0
    written: float = 0.0
    backed_up: float = 0.0
    overflowed: float = 0.0
    growth: float = 0.0  #: by which the buffer grows, or would if it were not full; over GROWTH_S seconds


class Trend:
    """The samples of the last SPAN_S seconds."""

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
        while self.samples[0].at < sample.at - SPAN_S:
            self.samples.popleft()
        return rates_of([*self.samples][-RATE_S:])


def sample_of(overview: Overview) -> Sample:
    """Return the sample of an overview."""
    ledger = overview.ledger
    return Sample(
        at=overview.taken_at,
        depth=ledger.in_buffer,
        inserted=ledger[Counter.INSERTED],
        removed=ledger[Counter.REMOVED],
        written=ledger[Counter.WRITTEN],
        backed_up=ledger[Counter.BACKED_UP],
        overflowed=ledger[Counter.OVERFLOWED],
        rejected=ledger[Counter.REJECTED],
        in_table=ledger[Counter.WRITTEN] + ledger[Counter.DUPLICATES],
        in_flight=ledger.in_flight,
        queued=ledger.queued_messages,
        claimed=ledger.claimed_messages,
        taken_messages=ledger[Counter.MESSAGES] + ledger[Counter.MESSAGES_REJECTED],
    )


def rates_of(samples: Sequence[Sample]) -> Rates:
    """Return what moved a second over these samples, RATE_S at most, the oldest first."""
    half = len(samples) // 2
    early, late = samples[:half], samples[len(samples) - half :]
    seconds = _mean(early, "at", late)
    if seconds <= 0:
        return Rates()
    then = samples[-min(GROWTH_S + 1, len(samples))]
    grown = (samples[-1].inserted - then.inserted) - (samples[-1].removed - then.removed)
    moved = ("inserted", "removed", "written", "backed_up", "overflowed")
    rates = {name: _mean(early, name, late) / seconds for name in moved}
    return Rates(**rates, growth=grown / (samples[-1].at - then.at))


def _mean(early: Sequence[Sample], field: str, late: Sequence[Sample]) -> float:
    """Return by how much the mean of a field is higher late than early; 0 without samples."""
    difference = sum(getattr(sample, field) for sample in late) - sum(getattr(sample, field) for sample in early)
    return float(difference) / len(early) if early else 0.0
