"""The whole pipeline at its goal: poller, consumer, writer, monitor, Redis and Oracle on one machine."""

import time

from bench.figures import Goal, Section
from bench.measure import resident_mb
from bench.stage import Stage, cpu_of
from shared.counters import Counter

#: A little more than 100,000 values/s, so that 100,000 is a floor.
TAGS, INTERVAL_MS = 10_100, 100


def run(*, quick: bool) -> Section:
    """Poll for a minute at the default cap and count what arrives and what is lost."""
    seconds = 10.0 if quick else 60.0
    section = Section(
        "end-to-end",
        "4. End to end",
        f"A poller reads {TAGS:,} simulated tags every {INTERVAL_MS} ms for {seconds:.0f} s; consumer, writer and "
        "monitor with default settings, Redis with its append-only file and Oracle's stand-in share the machine.",
    )
    with Stage() as stage:
        services = {role: stage.start_and_wait(role) for role in ("monitor", "writer", "consumer")}
        services["poller"] = stage.poll(TAGS, INTERVAL_MS)
        stage.until(lambda: stage.snapshot()[Counter.WRITTEN] > 200_000, "the pipeline to run")
        pids = {role: service.pid for role, service in services.items()} | stage.edges()
        before = {role: resident_mb(pid) for role, pid in pids.items()}
        with cpu_of(pids) as used:
            first, began, depth = stage.snapshot(), time.perf_counter(), 0
            while time.perf_counter() - began < seconds:
                time.sleep(0.1)
                depth = max(depth, stage.snapshot().in_buffer)
            last, took_s = stage.snapshot(), time.perf_counter() - began
        after = {role: resident_mb(pid) for role, pid in pids.items()}
        skipped = sum(group.skipped for group in stage.polling_groups())
        stage.stop(*reversed(services.values()))
    written = (last[Counter.WRITTEN] - first[Counter.WRITTEN]) / took_s
    section.add("values written", [written], "values/s", 0, Goal(at_least=100_000))
    section.add("values that overflowed", [last[Counter.OVERFLOWED]], "", 0, Goal(at_most=0))
    section.add("polls skipped", [skipped], "", 0, Goal(at_most=0))
    section.add("deepest buffer, of 10,000", [depth], "values", 0)
    for role, cpu in used.items():
        section.add(f"CPU of {role}", [100 * cpu / took_s], "% of a core", 0)
    section.add("CPU of all", [sum(used.values()) / took_s], "cores")
    for role in services:
        section.add(f"memory of {role} after, to before", [after[role] / before[role]], digits=3)
    return section
