"""An Oracle that is far away: how much of what its answers allow does the writer use?"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench.bottleneck import available_cores, bottleneck, is_processor_used_up
from bench.figures import Goal, Section
from bench.measure import busy_s
from bench.stage import BATCH, Stage, cpu_of, insert_all, rows, values_of
from shared.counters import Counter

DELAYS_MS = (1, 5, 20, 100)
CONNECTIONS = (1, 2, 5)

#: Batches in hand beside those that a connection works on: what one does in Redis, the other spends in Oracle.
SPARE = 2


def run(*, quick: bool) -> Section:
    """Drain a buffer against an Oracle whose every answer waits."""
    seconds = 1.5 if quick else 4.0
    section = Section(
        "server-delay",
        "6. Server delay",
        f"Every answer of Oracle is late by so much. Ideal: connections x {BATCH} / round trip, the round trip as a "
        "bare loop on one connection finds it. ORACLE_POOL_MAX is the number of connections, WRITER_CONCURRENCY "
        f"{SPARE} more. Where a core that one process needs, or all cores, are used up, the processor is the limit and "
        "there is no goal.",
    )
    values = values_of(rows(600_000))
    with Stage() as stage:
        for delay_ms in DELAYS_MS:
            stage.stand_in.control.delay_ms(delay_ms)
            round_trip_s = _round_trip_s(stage)
            for count in CONNECTIONS:
                _tell(section, delay_ms, count, count * BATCH / round_trip_s, _rate(stage, values, count, seconds))
    return section


@dataclass(frozen=True)
class Rate:
    """Rows a second, and the cores used meanwhile."""

    rows: float
    cores: Mapping[str, float]
    others: float


def _tell(section: Section, delay_ms: int, connections: int, ideal: float, rate: Rate) -> None:
    name = f"{delay_ms} ms, {connections} connection{'s' if connections > 1 else ''}"
    is_limited = is_processor_used_up(rate.cores, rate.others, available_cores())
    goal = None if is_limited else Goal(at_least=0.85)
    section.add(f"{name}: share of ideal ({ideal:,.0f} rows/s)", [rate.rows / ideal], goal=goal)
    if is_limited:
        section.notes.append(
            f"{name}: {rate.rows:,.0f} rows/s; the limit is {bottleneck(rate.cores, rate.others, available_cores())}"
        )


def _round_trip_s(stage: Stage) -> float:
    stage.clear()
    work = rows(20 * BATCH)
    insert_all(stage.connection, work[:BATCH])
    began = time.perf_counter()
    insert_all(stage.connection, work[BATCH:])
    return (time.perf_counter() - began) / 19


def _rate(stage: Stage, values: list[bytes], connections: int, seconds: float) -> Rate:
    """Return the rows/s of a writer that always has a full buffer before it."""
    stage.clear()
    pool: dict[str, object] = {"ORACLE_POOL_MIN": connections, "ORACLE_POOL_MAX": connections}
    writer = stage.start_and_wait("writer", BUFFER_MAX_SIZE=10**9, WRITER_CONCURRENCY=connections + SPARE, **pool)
    stage.fill(values)
    stage.until(lambda: stage.snapshot()[Counter.WRITTEN] >= 4 * BATCH * connections, "the writer to be at work")
    first, busy, began = stage.snapshot(), busy_s(), time.perf_counter()
    with cpu_of({"writer": writer.pid} | stage.edges()) as used:
        # Not to the end: a buffer that runs dry would count waiting as work.
        while time.perf_counter() - began < seconds and stage.snapshot().in_buffer > len(values) // 20:
            time.sleep(0.02)
        last, took_s = stage.snapshot(), time.perf_counter() - began
    busy = busy_s() - busy
    stage.stop(writer)
    return Rate(
        (last[Counter.WRITTEN] - first[Counter.WRITTEN]) / took_s,
        {name: cpu / took_s for name, cpu in used.items()},
        (busy - sum(used.values())) / took_s,
    )
