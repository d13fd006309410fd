"""Totals for those who take each fall for a new beginning, and then count all of it once more. No I/O, no clock."""

from collections.abc import Mapping

from services.monitor.read.overview import Overview
from shared.counters import Counter, Window

#: Names of what is told beside the counters: histograms and their sums.
_OBSERVED = (Window.LATENCY.value, Window.LAG.value)


class Rising:
    """What the totals have been at most. A failover takes seconds of them back, and soon they stand higher again."""

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
