"""The backup: how fast values get to disk while Oracle is away, and back into the table."""

import os
import time
from collections.abc import Mapping

from bench.figures import Section
from bench.stage import BATCH, Stage, insert_all, rows, values_of
from shared.counters import Counter

#: Settings of a writer that soon sees that Oracle is away, and does not look whether it is back.
ORACLE_AWAY: Mapping[str, object] = {"ORACLE_RETRY_MAX": 0, "ORACLE_PROBE_INTERVAL": 600}


def run(*, quick: bool) -> Section:
    """Let a full buffer go to the backup, then recover it, beside what disk and driver could do at most."""
    count, repetitions = (100_000, 1) if quick else (300_000, 3)
    section = Section(
        "outage",
        "8. Outage",
        f"Oracle is away and a buffer of {count:,} values goes to the CSV backup, with an fsync for each batch of "
        f"{BATCH}; then `recover` puts the files back. Beside them: the same bytes written and synced by a bare loop, "
        "and the bare insert loop of section 1.",
    )
    work = rows(count)
    values = values_of(work)
    backup, disk, recover, bare = [], [], [], []
    with Stage() as stage:
        for _ in range(repetitions):
            backup.append(_back_up(stage, values))
            disk.append(_bare_disk(stage, count))
            recover.append(_recover(stage, count))
            stage.clear()
            began = time.perf_counter()
            insert_all(stage.connection, work)
            bare.append(count / (time.perf_counter() - began))
    section.add("values to the backup", backup, "values/s", 0)
    section.add("bare write and fsync of the same bytes", disk, "values/s", 0)
    section.add("backup to bare disk", [ours / theirs for ours, theirs in zip(backup, disk, strict=True)])
    section.add("recover", recover, "rows/s", 0)
    section.add("recover to bare insert loop", [ours / theirs for ours, theirs in zip(recover, bare, strict=True)])
    return section


def _back_up(stage: Stage, values: list[bytes]) -> float:
    stage.clear()
    stage.stand_in.control.stop_listening()
    writer = stage.start_and_wait("writer", BUFFER_MAX_SIZE=10**9, **ORACLE_AWAY)
    # The first batch finds Oracle away and opens the breaker.
    stage.fill(values[:1])
    stage.until(lambda: stage.snapshot()[Counter.BACKED_UP] == 1, "the writer to see that Oracle is away")
    stage.fill(values[1:])
    began = time.perf_counter()
    stage.until(lambda: stage.snapshot()[Counter.BACKED_UP] >= len(values), "the backup")
    seconds = time.perf_counter() - began
    stage.stop(writer)
    stage.stand_in.control.listen()
    return len(values) / seconds


def _bare_disk(stage: Stage, count: int) -> float:
    files = list((stage.directory / "backup").glob("backup_*.csv"))
    content = b"".join(file.read_bytes() for file in files)
    piece = len(content) * BATCH // count
    began = time.perf_counter()
    with (stage.directory / "bare.csv").open("wb", buffering=0) as file:
        for first in range(0, len(content), piece):
            file.write(content[first : first + piece])
            os.fsync(file.fileno())
    return count / (time.perf_counter() - began)


def _recover(stage: Stage, count: int) -> float:
    command = stage.start("writer", "recover")
    stage.until(lambda: stage.count() > 0, "recover to begin")
    first, began = stage.count(), time.perf_counter()
    stage.until(lambda: stage.count() >= count, "recover to put all rows back")
    rate = (count - first) / (time.perf_counter() - began)
    stage.until(lambda: command.poll() is not None, "recover to end")
    return rate
