"""What grows with what: memory, bytes in Redis, rate and latency against tags and writers."""

from bench.benchmarks.pipeline.latency import measure
from bench.figures import Goal, Section
from bench.measure import percentile
from bench.stage import BUFFER_CAP, Stage, rows, values_of
from shared.counters import Counter
from shared.queues.snapshot import Snapshot


def run(*, quick: bool) -> Section:
    """Measure each against what it might grow with."""
    section = Section(
        "growth",
        "9. Growth",
        "Bytes of a full buffer as MEMORY USAGE tells them; latency of so many tags polled at once each second, at the "
        "default cap. Memory of the services: section 4 and the soak.",
    )
    _bytes_in_redis(section)
    for tags in (100, 1_000, 10_000, 100_000):
        with Stage() as stage:
            waits = measure(stage, tags, 1000, 4.0 if quick else 6.0)
            ledger = stage.snapshot()
        section.add(f"{tags:,} tags each second, p99", [percentile(waits.ages, 99)], "s", 3)
        section.add(f"{tags:,} tags each second, stored", [100 * _stored(ledger)], "%", 1)
    return section


def _bytes_in_redis(section: Section) -> None:
    with Stage() as stage:
        stage.fill(values_of(rows(BUFFER_CAP)))
        used = stage.link.command("MEMORY", "USAGE", stage.keys.buffer, "SAMPLES", 0)
    section.add(f"{BUFFER_CAP:,} values in Redis", [used / 1e6], "MB", 2, Goal(at_most=2.0))
    section.add("bytes per value", [used / BUFFER_CAP], "B", 0)


def _stored(ledger: Snapshot) -> float:
    return ledger[Counter.WRITTEN] / ledger[Counter.INSERTED]
