"""The writer against the script that anyone writes first, and the pipeline against the design that it replaces."""

import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from bench.benchmarks.one_service.writer import drain
from bench.benchmarks.pipeline.latency import measure
from bench.figures import Goal, Section
from bench.measure import percentile
from bench.stage import Stage, rows, values_of
from sandbox.harness.supervisor import python
from shared.counters import Counter

OUTAGE_TAGS, OUTAGE_S = 3491, 30.0


def run(*, quick: bool) -> Section:
    """Run both opponents, and what tagpipe does in their place."""
    section = Section(
        "baselines",
        "7. Against others",
        "(a) `bench/opponents/first_script.py`: LPOP 500, decode JSON, executemany, commit; nothing is safe. (b) "
        "`bench/opponents/threads.py`: one process with threads and a deque, which loses what it holds when it ends.",
    )
    _against_the_first_script(section, quick=quick)
    _against_threads(section, quick=quick)
    _through_an_outage(section, 6.0 if quick else OUTAGE_S)
    return section


def _against_the_first_script(section: Section, *, quick: bool) -> None:
    count, repetitions = (200_000, 1) if quick else (600_000, 3)
    values = values_of(rows(count))
    script, writer = [], []
    with Stage() as stage:
        for _ in range(repetitions):
            script.append(_first_script(stage, values))
            writer.append(drain(stage, values)[0])
    section.add("(a) first script", script, "rows/s", 0)
    section.add("our writer", writer, "rows/s", 0)
    ratios = [ours / theirs for ours, theirs in zip(writer, script, strict=True)]
    section.add("our writer to (a)", ratios, goal=Goal(at_least=1.0))


def _first_script(stage: Stage, values: list[bytes]) -> float:
    stage.clear()
    said = len(stage.log("first-script"))
    script = stage.spawn("first-script", *python("bench.opponents.first_script", stage.keys.buffer)).process
    stage.until(lambda: "ready" in stage.log("first-script")[said:], "the first script to connect")
    stage.fill(values)
    began = time.perf_counter()
    stage.until(lambda: stage.count() >= len(values), "the first script to end")
    seconds = time.perf_counter() - began
    stage.stop(script)
    return len(values) / seconds


def _against_threads(section: Section, *, quick: bool) -> None:
    seconds = 4.0 if quick else 10.0
    for name, tags, interval_ms in (("3,491 each second", 3491, 1000), ("20,000/s", 2000, 100)):
        with Stage() as stage:
            theirs = _threads(stage, tags, interval_ms, seconds)
        with Stage() as stage:
            ours = measure(stage, tags, interval_ms, seconds)
        ages = [(age, count) for age, count in theirs["ages"]]
        section.add(f"(b) age of rows at {name}, p99", [percentile(ages, 99)], "s", 3)
        section.add(f"ours, p99 at {name}", [percentile(ours.ages, 99)], "s", 3)
    with Stage() as stage:
        theirs = _threads(stage, 20_000, 100, seconds)
    with Stage() as stage:
        ours_lost = _flood(stage, 14_000, seconds)
    written = theirs["written"] / seconds
    section.add("(b) fed 200,000 values/s: written", [written], "values/s", 0)
    section.add("(b) fed 200,000 values/s: lost", [100 * theirs["lost"] / theirs["fed"]], "%", 1)
    section.add("ours, fed 140,000 values/s: lost", [100 * ours_lost], "%", 1)


def _threads(stage: Stage, tags: int, interval_ms: int, seconds: float) -> dict[str, Any]:
    opponent = _start_threads(stage, tags, interval_ms, seconds)
    return _report(stage, opponent)


def _start_threads(stage: Stage, tags: int, interval_ms: int, seconds: float) -> subprocess.Popen[bytes]:
    command = python("bench.opponents.threads", str(tags), str(interval_ms), str(seconds), ".")
    return stage.spawn("threads", *command).process


def _report(stage: Stage, opponent: subprocess.Popen[bytes]) -> dict[str, Any]:
    stage.until(lambda: opponent.poll() is not None, "the threads to end")
    document: dict[str, Any] = json.loads(stage.log("threads").splitlines()[-1])
    return document


def _flood(stage: Stage, tags: int, seconds: float) -> float:
    """Return the share of values that overflowed."""
    services = [stage.start_and_wait("writer"), stage.start_and_wait("consumer"), stage.poll(tags, 100)]
    time.sleep(seconds)
    stage.stop(*reversed(services))
    ledger = stage.snapshot()
    return ledger[Counter.OVERFLOWED] / ledger[Counter.INSERTED]


@dataclass(frozen=True)
class _Ends:
    """Shares of the values of an outage."""

    lost: float
    saved: float


def _through_an_outage(section: Section, seconds: float) -> None:
    """Take Oracle away from both for the same time, with the same feed."""
    total_s = seconds + 12
    with Stage() as stage:
        opponent = _start_threads(stage, OUTAGE_TAGS, 1000, total_s)
        _outage(stage, seconds)
        report = _report(stage, opponent)
    theirs = _Ends(report["lost"] / report["fed"], report["saved"] / report["fed"])
    with Stage() as stage:
        services = [stage.start_and_wait("writer"), stage.start_and_wait("consumer"), stage.poll(OUTAGE_TAGS, 1000)]
        _outage(stage, seconds)
        time.sleep(8)
        stage.stop(*reversed(services))
        ledger = stage.snapshot()
        fed = ledger[Counter.INSERTED]
    ours = _Ends(ledger[Counter.OVERFLOWED] / fed, ledger[Counter.BACKED_UP] / fed)
    away = f"Oracle away for {seconds:.0f} s at {OUTAGE_TAGS:,} values/s"
    section.add(f"(b) {away}: lost", [100 * theirs.lost], "%", 1)
    section.add("(b) saved to CSV", [100 * theirs.saved], "%", 1)
    section.add("ours: lost", [100 * ours.lost], "%", 1, Goal(at_most=0))
    section.add("ours: saved to CSV, recoverable", [100 * ours.saved], "%", 1)


def _outage(stage: Stage, seconds: float) -> None:
    time.sleep(4)
    stage.stand_in.control.stop_listening("rst")
    time.sleep(seconds)
    stage.stand_in.control.listen()
