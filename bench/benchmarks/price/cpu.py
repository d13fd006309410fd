"""What a value costs in CPU, for this checkout and another one, by turns in one run."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from bench.figures import Goal, Section
from bench.stage import Stage
from bench.trial import Services, Trial, drain, start_services, try_rate
from sandbox.harness.oracle import ROOT

#: Whose CPU counts: Oracle's stand-in is nobody's, and the monitor's grows with time rather than with values.
OWN = ("poller", "consumer", "writer", "Redis")

#: What all of them use together may be this share of the other checkout's.
GOAL = 0.6

RATES = (3_490, 60_000)

#: Process -> CPU seconds for a million values.
Costs: TypeAlias = Mapping[str, float]

#: What services do while they are measured.
Load: TypeAlias = Callable[[Stage, Services], Trial]


def run(*, quick: bool, against: Path | None = None) -> Section:
    """Measure both at fixed rates, and while they empty a full DataQueue. `against`: the other checkout's directory."""
    seconds, values, repetitions = (4.0, 200_000, 2) if quick else (15.0, 1_000_000, 5 if against else 2)
    section = Section(
        "cpu",
        "4c. CPU of a value",
        "Poller, consumer, writer and Redis, default settings: at fixed rates, and while a DataQueue with "
        f"{values:,} values is emptied (no poller)."
        + (" By turns with the services of another checkout; ratios are those of neighbours." if against else ""),
    )
    sides = {"this": ROOT} | ({"other": against.resolve()} if against else {})
    loads: dict[str, Load] = {f"{rate:,}/s": partial(try_rate, rate=rate, seconds=seconds) for rate in RATES}
    for name, load in (loads | {"drain": partial(drain, values=values)}).items():
        found: dict[str, list[Costs]] = {side: [] for side in sides}
        for number in range(repetitions):
            # Whoever is first at one turn is last at the next: a machine that slows down slows both.
            for side in sorted(sides, reverse=bool(number % 2)):
                found[side].append(_measure(sides[side], load))
        _tell(section, name, found)
    return section


def _measure(checkout: Path, load: Load) -> Costs:
    with Stage(checkout) as stage:
        services = start_services(stage, "writer", "consumer")
        costs = _costs(load(stage, services))
        stage.stop(*reversed(services.values()))
    return costs


def _costs(trial: Trial) -> Costs:
    return {name: trial.cost_s(name) for name in OWN if name in trial.cores}


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
