"""After an outage: how long until all is in, and what live values and others who use Oracle notice of it."""

import time
from dataclasses import dataclass
from functools import partial
from itertools import count

from bench.benchmarks.one_service.outage import ORACLE_AWAY
from bench.figures import Goal, Section
from bench.measure import percentile
from bench.stage import BATCH, Row, Stage, insert_all, rows, values_of
from bench.trial import ages
from shared.counters import Counter

TAGS, INTERVAL_MS = 3491, 1000

#: How long Oracle was away.
HOURS, QUICK_HOURS = 1.0, 0.02

#: Values that are put on the buffer at once while Oracle is away.
_PIECE = 300_000

#: Rows/s that `recover` is asked not to exceed.
SLOW = 10_000

#: Rows of others lie far behind those of the backlog.
_OTHERS_FIRST = 10**9


def run(*, quick: bool) -> Section:
    """Make a backlog, then let the writer recover it by itself while the plant goes on."""
    hours = QUICK_HOURS if quick else HOURS
    size = round(hours * 3600 * TAGS)
    section = Section(
        "backlog",
        "8b. After an outage",
        f"Oracle was away for {hours:g} h at {TAGS:,} values/s: {size:,} rows lie in backup files, made by the writer "
        f"in less time. Then Oracle is back, {TAGS:,} tags a second are polled, and the writer recovers the files by "
        "itself (BACKUP_AUTO_RECOVER). Others: the bare insert loop of section 1 on a connection of its own. Ages are "
        "upper bounds of the pipeline's own histogram, of live values alone.",
    )
    with Stage() as stage:
        others = Others(stage)
        section.add("others alone", [others.rate(3.0)], "rows/s", 0)
        _back_up(stage, size)
        others.rows = 0
        _recover_by_itself(section, stage, others, size)
        _back_up(stage, min(size, 4 * _PIECE))
        _recover_slowly(section, stage, others)
    return section


class Others:
    """Somebody else who inserts rows in the same Oracle, as quick as it goes."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._numbers = count(_OTHERS_FIRST, 20 * BATCH)
        self.rows = 0

    def rate(self, seconds: float) -> float:
        """Insert for so many seconds; return rows/s."""
        work: list[list[Row]] = [rows(20 * BATCH, next(self._numbers)) for _ in range(int(seconds * 20))]
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds and done < len(work):
            insert_all(self._stage.connection, work[done])
            done += 1
        self.rows += done * 20 * BATCH
        return done * 20 * BATCH / (time.perf_counter() - began)


def _back_up(stage: Stage, size: int) -> None:
    stage.clear()
    stage.stand_in.control.stop_listening()
    writer = stage.start_and_wait("writer", BUFFER_MAX_SIZE=10**9, **ORACLE_AWAY)
    for first in range(0, size, _PIECE):
        number = min(_PIECE, size - first)
        stage.fill(values_of(rows(number, first)))
        stage.until(partial(_are_backed_up, stage, first + number), "the backup")
    stage.stop(writer)
    stage.stand_in.control.listen()


def _are_backed_up(stage: Stage, number: int) -> bool:
    return stage.snapshot()[Counter.BACKED_UP] >= number


@dataclass
class _Watch:
    """What happens while files are recovered."""

    stage: Stage
    others: Others
    rows: int = 0
    others_rates: tuple[float, ...] = ()
    seconds: float = 0.0

    def until_all_are_in(self) -> None:
        """Let others insert for a while, then wait for the end."""
        first, began = self._recovered(), time.perf_counter()
        self.others_rates = (self.others.rate(3.0),) if self._is_at_work() else ()
        self.stage.until(lambda: not self._is_at_work(), "all files to be recovered", 3600.0, every_s=0.1)
        self.rows, self.seconds = self._recovered() - first, time.perf_counter() - began

    def _is_at_work(self) -> bool:
        return any(self.stage.backup_dir.glob("backup_*.csv"))

    def _recovered(self) -> int:
        return self.stage.snapshot()[Counter.RECOVERED]


def _recover_by_itself(section: Section, stage: Stage, others: Others, size: int) -> None:
    services = [stage.start_and_wait("monitor"), stage.start_and_wait("writer", BACKUP_AUTO_RECOVER="true")]
    services += [stage.start_and_wait("consumer"), stage.poll(TAGS, INTERVAL_MS)]
    watch, totals = _Watch(stage, others), stage.link.hash(stage.keys.counters)
    watch.until_all_are_in()
    live = ages(totals, stage.link.hash(stage.keys.counters))
    time.sleep(2.0)
    totals = stage.link.hash(stage.keys.counters)
    time.sleep(10.0)
    calm = ages(totals, stage.link.hash(stage.keys.counters))
    stage.stop(*reversed(services))
    ledger = stage.snapshot()
    section.add("until all are in", [watch.seconds], "s", 0)
    section.add("rows recovered", [watch.rows / watch.seconds], "rows/s", 0)
    section.add("live values meanwhile, p50 at most", [percentile(live, 50)], "s", 3)
    section.add("live values meanwhile, p99 at most", [percentile(live, 99)], "s", 3, Goal(at_most=1.0))
    section.add("live values afterwards, p99 at most", [percentile(calm, 99)], "s", 3)
    section.add("values that overflowed", [ledger[Counter.OVERFLOWED]], "", 0, Goal(at_most=0))
    section.add("others meanwhile", watch.others_rates or [0.0], "rows/s", 0)
    expected = size + ledger[Counter.WRITTEN] + others.rows
    section.add("rows that are not in the table", [expected - stage.count()], "", 0, Goal(at_most=0))


def _recover_slowly(section: Section, stage: Stage, others: Others) -> None:
    command = stage.start("writer", "recover", "--rate", str(SLOW))
    stage.until(lambda: stage.count() > 0, "recover to begin")
    first, began = stage.count(), time.perf_counter()
    before = others.rows
    rate = others.rate(6.0)
    took_s = time.perf_counter() - began
    section.add(f"recover --rate {SLOW}", [(stage.count() - first - (others.rows - before)) / took_s], "rows/s", 0,
                Goal(at_most=1.05 * SLOW))  # fmt: skip
    section.add("others meanwhile, --rate", [rate], "rows/s", 0)
    stage.stop(command)
