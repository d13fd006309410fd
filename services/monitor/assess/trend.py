"""What only time tells: how fast values move, by one sample a second for five minutes, and what totals were at most."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter

from services.monitor.read.overview import Overview
from shared.counters import Counter, Window
from shared.queues.snapshot import Snapshot

#: Seconds of samples: what the dashboard's live charts show.
SPAN_S = 300

#: Seconds between two samples at least: a second, and some room for readings that come a little early.
SAMPLE_S = 0.9

#: Seconds that a rate looks back, half of them against the other half: polls come in bursts, and a rate from one sample
#: to another would jump by a poll as the samples fall before or after it.
RATE_S = 10

#: Seconds that the buffer's growth looks back: it may be full in less.
GROWTH_S = 5

#: What a rate is told of, by the name of its counter.
MOVED = (Counter.INSERTED, Counter.REMOVED, Counter.WRITTEN, Counter.BACKED_UP, Counter.OVERFLOWED)


#: Names of what is told beside the counters: histograms and their sums.
_OBSERVED = (Window.LATENCY.value, Window.LAG.value)


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
        self.samples: deque[Snapshot] = deque()

    def add(self, overview: Overview) -> Rates:
        """Take one sample; return the rates now."""
        sample = overview.ledger
        last = self.samples[-1] if self.samples else None
        if last is not None and (sample[Counter.INSERTED] < last[Counter.INSERTED] or sample.taken_at < last.taken_at):
            # Another Redis, or one that was emptied: what was before says nothing about it.
            self.samples.clear()
            last = None
        # At even distances: polls come once a second, and a rate should hold as many of them one time as the other.
        if last is None or sample.taken_at - last.taken_at >= SAMPLE_S:
            self.samples.append(sample)
        while self.samples[0].taken_at < sample.taken_at - SPAN_S:
            self.samples.popleft()
        return rates_of([*self.samples][-RATE_S:])


def rates_of(samples: Sequence[Snapshot]) -> Rates:
    """Return what moved a second over these samples, RATE_S at most, the oldest first."""
    half = len(samples) // 2
    early, late = samples[:half], samples[len(samples) - half :]

    def risen(figure: Callable[[Snapshot], float]) -> float:
        """Return by how much the mean of a figure is higher late than early; 0 without samples."""
        return (sum(map(figure, late)) - sum(map(figure, early))) / half if half else 0.0

    seconds = risen(attrgetter("taken_at"))
    if seconds <= 0:
        return Rates()
    now, then = samples[-1], samples[-min(GROWTH_S + 1, len(samples))]
    grown = (now[Counter.INSERTED] - then[Counter.INSERTED]) - (now[Counter.REMOVED] - then[Counter.REMOVED])
    rates = {counter.value: risen(itemgetter(counter)) / seconds for counter in MOVED}
    return Rates(**rates, growth=grown / (now.taken_at - then.taken_at))


class Rising:
    """What the totals have been at most, for those who take each fall for a new beginning and then count all once more.

    A failover takes seconds of them back, and soon they stand higher again.
    """

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}

    def totals(self, overview: Overview, least: int) -> Mapping[str, int]:
        """Return the totals by name, none lower than before; as they are, where fewer than `least` were ever inserted.

        That is another Redis, or one that was emptied or filled from a backup.
        """
        ledger = overview.ledger
        if ledger[Counter.INSERTED] < least and Counter.INSERTED not in ledger.spoiled:
            self._highest = {}
        observed = {name: count for name, count in overview.observed.items() if name.startswith(_OBSERVED)}
        now = {**observed, **{counter.value: ledger[counter] for counter in Counter}}
        self._highest = {name: max(count, self._highest.get(name, 0)) for name, count in now.items()}
        return self._highest
