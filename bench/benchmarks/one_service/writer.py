"""The driver's own limit, and how near the writer comes to it."""

import time

from bench.figures import Goal, Section
from bench.stage import BATCH, INSERT, SIZES, Row, Stage, cpu_of, insert_all, rows, values_of
from shared.counters import Counter


def run(*, quick: bool) -> Section:
    """Drain a full buffer by turns with a bare loop over the same rows."""
    count, repetitions = (200_000, 2) if quick else (1_000_000, 3)
    section = Section(
        "writer",
        "1, 2. Driver limit and writer",
        f"By turns: a bare loop of `executemany` and commit in one round trip for each {BATCH} rows on one connection, "
        f"and the writer (default settings) draining a buffer of {count:,} values, its cap raised for it.",
    )
    work = rows(count)
    values = values_of(work)
    with Stage() as stage:
        bare, drained = [], []
        for _ in range(repetitions):
            bare.append(bare_loop(stage, work))
            drained.append(drain(stage, values))
        two_trips = _bare_in_two_trips(stage, work)
        by_connections = {count: drain(stage, values[: len(values) // 2], connections=count)[0] for count in (1, 2, 5)}
    section.add("bare loop", [speed for speed, _ in bare], "rows/s", 0)
    section.add("bare loop, CPU", [cpu for _, cpu in bare], "s per million rows")
    section.add("bare loop, commit as a call of its own", [two_trips], "rows/s", 0)
    section.add("writer", [speed for speed, _ in drained], "rows/s", 0)
    section.add("writer, CPU", [cpu for _, cpu in drained], "s per million rows")
    ratios = [ours / theirs for (ours, _), (theirs, _) in zip(drained, bare, strict=True)]
    section.add("writer to bare loop, rows/s", ratios, goal=Goal(at_least=0.85))
    ratios = [ours / theirs for (_, ours), (_, theirs) in zip(drained, bare, strict=True)]
    section.add("writer to bare loop, CPU per row", ratios, goal=Goal(at_most=4))
    for connections, speed in by_connections.items():
        goal = Goal(at_least=0.95) if connections > 1 else None
        section.add(f"writer with {connections} connections, to 1", [speed / by_connections[1]], goal=goal)
    return section


def drain(
    stage: Stage, values: list[bytes], *, connections: int | None = None, writers: int = 1
) -> tuple[float, float]:
    """Let writers drain a buffer of `values`; return rows/s and CPU seconds per million rows, start-up left out."""
    stage.clear()
    few: dict[str, object] = {}
    if connections is not None:
        few = {"ORACLE_POOL_MAX": connections, "ORACLE_POOL_MIN": connections, "WRITER_CONCURRENCY": connections}
    services = [stage.start_and_wait("writer", BUFFER_MAX_SIZE=10**9, **few) for _ in range(writers)]
    time.sleep(0.5)
    with cpu_of({str(service.pid): service.pid for service in services}) as used:
        stage.fill(values)
        began = time.perf_counter()
        stage.until(lambda: stage.snapshot()[Counter.WRITTEN] >= len(values), "the buffer to be drained")
        seconds = time.perf_counter() - began
    stage.stop(*services)
    return len(values) / seconds, sum(used.values()) / len(values) * 1e6


def bare_loop(stage: Stage, work: list[Row]) -> tuple[float, float]:
    """Insert rows as a script would that does nothing else; return rows/s and CPU seconds per million rows."""
    stage.clear()
    cpu, began = time.process_time(), time.perf_counter()
    insert_all(stage.connection, work)
    seconds = time.perf_counter() - began
    return len(work) / seconds, (time.process_time() - cpu) / len(work) * 1e6


def _bare_in_two_trips(stage: Stage, work: list[Row]) -> float:
    stage.clear()
    stage.connection.autocommit = False
    began = time.perf_counter()
    with stage.connection.cursor() as cursor:
        for first in range(0, len(work), BATCH):
            cursor.setinputsizes(*SIZES)
            cursor.executemany(INSERT, work[first : first + BATCH], batcherrors=True)
            stage.connection.commit()
    seconds = time.perf_counter() - began
    stage.connection.autocommit = True
    return len(work) / seconds
