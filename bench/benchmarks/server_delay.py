"""An Oracle that is far away: how much of what its answers allow does the writer use?"""

import time

from bench.figures import Goal, Section
from bench.stage import BATCH, Stage, insert_all, rows, values_of
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
        f"{SPARE} more.",
    )
    values = values_of(rows(600_000))
    with Stage() as stage:
        limits = {count: _rate(stage, values, count, seconds) for count in CONNECTIONS}
        for delay_ms in DELAYS_MS:
            stage.stand_in.control.delay_ms(delay_ms)
            round_trip_s = _round_trip_s(stage)
            for count in CONNECTIONS:
                ideal = count * BATCH / round_trip_s
                name = f"{delay_ms} ms, {count} connection{'s' if count > 1 else ''}"
                if ideal > limits[count]:
                    section.notes.append(
                        f"{name}: ideal {ideal:,.0f} rows/s is more than the {limits[count]:,.0f} that the writer does "
                        "here with no delay at all: the processor is the limit, not the delay"
                    )
                    continue
                rate = _rate(stage, values, count, seconds)
                section.add(f"{name}: share of ideal ({ideal:,.0f} rows/s)", [rate / ideal], goal=Goal(at_least=0.85))
    return section


def _round_trip_s(stage: Stage) -> float:
    stage.clear()
    work = rows(20 * BATCH)
    insert_all(stage.connection, work[:BATCH])
    began = time.perf_counter()
    insert_all(stage.connection, work[BATCH:])
    return (time.perf_counter() - began) / 19


def _rate(stage: Stage, values: list[bytes], connections: int, seconds: float) -> float:
    """Return the rows/s of a writer that always has a full buffer before it."""
    stage.clear()
    pool: dict[str, object] = {"ORACLE_POOL_MIN": connections, "ORACLE_POOL_MAX": connections}
    writer = stage.start_and_wait("writer", BUFFER_MAX_SIZE=10**9, WRITER_CONCURRENCY=connections + SPARE, **pool)
    stage.fill(values)
    stage.until(lambda: stage.snapshot()[Counter.WRITTEN] >= 4 * BATCH * connections, "the writer to be at work")
    first, began = stage.snapshot(), time.perf_counter()
    # Not to the end: a buffer that runs dry would count waiting as work.
    while time.perf_counter() - began < seconds and stage.snapshot().in_buffer > len(values) // 20:
        time.sleep(0.02)
    last, took_s = stage.snapshot(), time.perf_counter() - began
    stage.stop(writer)
    return (last[Counter.WRITTEN] - first[Counter.WRITTEN]) / took_s
