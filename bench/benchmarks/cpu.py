"""What a value costs in CPU, for this checkout and another one, by turns in one run."""

import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from bench.figures import Goal, Section
from bench.stage import Stage, cpu_of, message
from bench.trial import start_services, try_rate
from sandbox.harness.oracle import ROOT
from shared.counters import Counter

#: Whose CPU counts: Oracle's stand-in is nobody's, and the monitor's grows with time rather than with values.
OWN = ("poller", "consumer", "writer", "Redis")

#: What all of them use together may be this share of the other checkout's.
GOAL = 0.6

RATES = (3_490, 60_000)

#: Tags of a message of the DataQueue that is emptied.
_TAGS = 3491

#: Process -> CPU seconds for a million values.
Costs: TypeAlias = Mapping[str, float]

Services: TypeAlias = Mapping[str, subprocess.Popen[bytes]]


def run(*, quick: bool, against: Path | None = None) -> Section:
    """Measure both at fixed rates, and while they empty a full DataQueue. `against`: the other checkout's directory."""
    seconds, values, repetitions = (4.0, 200_000, 2) if quick else (15.0, 1_000_000, 5)
    section = Section(
        "cpu",
        "4c. CPU of a value",
        "Poller, consumer, writer and Redis, default settings: at fixed rates, and while a DataQueue with "
        f"{values:,} values is emptied (no poller)."
        + (" By turns with the services of another checkout; ratios are those of neighbours." if against else ""),
    )
    sides = {"this": ROOT} | ({"other": against.resolve()} if against else {})
    loads: dict[str, Callable[[Stage, Services], Costs]] = {
        f"{rate:,}/s": partial(_at_rate, rate=rate, seconds=seconds) for rate in RATES
    }
    for name, load in (loads | {"drain": partial(_drain, values=values)}).items():
        found: dict[str, list[Costs]] = {side: [] for side in sides}
        for number in range(repetitions):
            # Whoever is first at one turn is last at the next: a machine that slows down slows both.
            for side in sorted(sides, reverse=bool(number % 2)):
                found[side].append(_measure(sides[side], load))
        _tell(section, name, found)
    return section


def _measure(checkout: Path, load: Callable[[Stage, Services], Costs]) -> Costs:
    with Stage(checkout) as stage:
        services = start_services(stage, "writer", "consumer")
        costs = load(stage, services)
        stage.stop(*reversed(services.values()))
    return costs


def _at_rate(stage: Stage, services: Services, *, rate: int, seconds: float) -> Costs:
    trial = try_rate(stage, services, rate, seconds)
    return {name: trial.cost_s(name) for name in OWN}


def _drain(stage: Stage, services: Services, *, values: int) -> Costs:
    count = values // _TAGS
    stage.prepare_queue(message(number, _TAGS) for number in range(count + 1))
    pids = {role: service.pid for role, service in services.items()} | stage.edges()
    with cpu_of(pids) as used:
        stage.open_queue()
        stage.until(lambda: stage.snapshot()[Counter.WRITTEN] >= count * _TAGS, "the DataQueue to be emptied",
                    every_s=0.1)  # fmt: skip
    return {name: used[name] / (count * _TAGS) * 1e6 for name in OWN if name in used}


def _tell(section: Section, load: str, found: Mapping[str, list[Costs]]) -> None:
    these, others = found["this"], found.get("other", [])
    for name in these[0]:
        section.add(f"{load}: {name}", [costs[name] for costs in these], "s per million values")
        if others:
            section.add(f"{load}: {name}, other checkout", [costs[name] for costs in others], "s per million values")
            ratios = [ours[name] / theirs[name] for ours, theirs in zip(these, others, strict=True)]
            section.add(f"{load}: {name}, to the other", ratios)
    section.add(f"{load}: all", [sum(costs.values()) for costs in these], "s per million values")
    if others:
        section.add(f"{load}: all, other checkout", [sum(costs.values()) for costs in others], "s per million values")
        ratios = [sum(ours.values()) / sum(theirs.values()) for ours, theirs in zip(these, others, strict=True)]
        section.add(f"{load}: all, to the other", ratios, goal=Goal(at_most=GOAL))
