"""What a run's samples say, with the goals that they are held against. Pure."""

import statistics
from itertools import pairwise

from bench.figures import Goal, Section
from bench.soak.looks import Looks
from bench.soak.plan import WARM_UP, Plan
from bench.soak.samples import Samples
from bench.soak.trend import Point, rise, stretches, trend

ROLES = ("poller", "consumer", "writer", "monitor")

#: What each may grow by in an hour of the plant: megabytes; descriptors, threads and sessions.
MEMORY_GOAL, COUNT_GOAL = 1.0, 0.1

#: How much more there may be at the end than at the beginning: of Redis' append-only file, and of a value's age.
FILE_GOAL, AGE_GOAL = 1.5, 1.2

_UNIT = "MB an hour of the plant"


def judge(samples: Samples, plan: Plan) -> Section:
    """Return the figures of a run; one that was cut short has no account of its values, and says so."""
    section = Section("soak", _title(samples, plan), _how(samples, plan))
    _values(section, samples)
    for role in ROLES:
        _memory(section, samples, plan, f"{role}: memory, MB", _begin_s(samples, role))
    for name in ("Redis: memory, MB", "stand-in: memory, MB"):
        _memory(section, samples, plan, name, _begin_s(samples), is_judged=name.startswith("Redis"))
    for name in (*(f"{role}: {what}" for role in ROLES for what in ("open files", "threads")), "Oracle: sessions"):
        _count(section, samples, plan, name)
    _file(section, samples)
    _ages(section, samples, plan)
    if samples.seconds:
        hours = plan.hours * 3600 / samples.seconds
        section.notes.append(
            f"an hour of the clock is {hours:.1f} hours of the plant here: what grows with time, and not with what "
            "comes, looks so much smaller (`make soak SOAK_MINUTES=` shows it)"
        )
    return section


def _title(samples: Samples, plan: Plan) -> str:
    return f"Soak of {plan.hours:.3g} hours of the plant in {samples.seconds / 60:.0f} minutes"


def _how(samples: Samples, plan: Plan) -> str:
    struck: dict[str, list[str]] = {}
    for at_s, name in samples.faults:
        struck.setdefault(name, []).append(f"{at_s / 60:.0f}")
    told = "; ".join(f"{name} at {', '.join(minutes)}" for name, minutes in struck.items())
    return (
        f"{plan.tags:,} tags each {plan.interval_ms} ms; {len(samples.faults)} faults, by minute: {told or 'none'}. "
        f"Processes are killed in the first third alone. The first {100 * WARM_UP:.0f} % of the run are warm-up, and "
        "as much after a process was started anew. Growth is the median slope (Theil-Sen) of all pairs of points "
        "without a fault between them; steps are the sum of the jumps at faults; the last half is the slope of "
        "everything in it, steps included. Memory is PSS; an hour of the plant is as many values as 3,491/s make."
    )


def _values(section: Section, samples: Samples) -> None:
    end = samples.end
    if not end:
        section.notes.append("the run was cut short: what became of its values was not counted")
        return
    if end["ended"]:
        section.notes.append(f"it ended before all was polled: {end['ended']}")
    section.add("values emitted by the poller", [end["emitted"]], "", 0)
    section.add("values a second, faults and checks included", [end["emitted"] / end["seconds"]], "", 0)
    section.add(f"rows counted in {len(samples.checks)} checks", [end["rows"]], "", 0)
    # A poll whose reply was lost is in no count of the poller's, and there all the same.
    # What was put again by who had no answer is refused by the key, but where the table was emptied in between.
    again = end.get("again", 0)
    section.add("rows that came again after a check had emptied the table", [again], "", 0)
    lacking = max(0, end["emitted"] - end["rows"] + again)
    section.add("values emitted that are in no row", [lacking], "", 0, Goal(at_most=0))
    section.add("rows counted as written that are not there", [end["missing"]], "", 0, Goal(at_most=0))
    section.add("polls of which every tag has its row", [end["polls"]], "", 0)
    section.add("polls of which not every tag has its row", [end["partial"]], "", 0, Goal(at_most=0))
    section.add("rows whose quality is not that of the reading", [end["bad"]], "", 0, Goal(at_most=0))
    section.add("values that went through backup files", [end["backed_up"]], "", 0)
    section.add("values that overflowed", [end["overflowed"]], "", 0, Goal(at_most=0))


def _begin_s(samples: Samples, role: str = "") -> float:
    """Return when a service's warm-up is over."""
    started_s = max((at_s for at_s, started in samples.starts if started == role), default=0.0)
    return started_s + WARM_UP * samples.seconds


def _memory(
    section: Section, samples: Samples, plan: Plan, name: str, begin_s: float, *, is_judged: bool = True
) -> None:
    found = trend(samples.series.get(name, []), begin_s, _breaks(samples), plan.settle_s)
    if found is None:
        section.notes.append(f"{name}: too little was seen of it")
        return
    goal = Goal(at_most=MEMORY_GOAL) if is_judged else None
    what = name.removesuffix(", MB")
    section.add(f"{what} at the end", [found.end], "MB", 1)
    section.add(f"{what}, warm-up", [found.warm_up], "MB", 1)
    section.add(f"{what}, growth between faults", [found.growth], _UNIT, 2, goal)
    section.add(f"{what}, steps at faults", [found.steps], "MB", 1)
    section.add(f"{what}, last half, steps included", [found.late], _UNIT, 2, goal)


def _count(section: Section, samples: Samples, plan: Plan, name: str) -> None:
    points = samples.series.get(name, [])
    begin_s = _begin_s(samples, name.partition(":")[0])
    found = trend(points, begin_s, _breaks(samples), plan.settle_s)
    if found is not None:
        section.add(f"{name}, last half", [found.late], "an hour of the plant", 2, Goal(at_most=COUNT_GOAL))
        section.add(
            f"{name}, from {_first(points, begin_s):.0f} to {found.end:.0f}: rise", [rise(points, begin_s)], "", 0
        )


def _file(section: Section, samples: Samples) -> None:
    points = samples.series.get("Redis: append-only file, MB", [])
    first, last = _thirds(points, _begin_s(samples))
    if not first or not last:
        return
    section.add("Redis' append-only file, at most", [max(point.value for point in points)], "MB", 0)
    section.add("Redis' append-only file, last third to first", [_median(last) / max(1e-9, _median(first))], "", 2,
                Goal(at_most=FILE_GOAL))  # fmt: skip
    rewrites = samples.series["Redis: rewrites of the file"]
    # A Redis that was restarted counts from 0 again.
    grown = sum(max(0.0, after.value - before.value) for before, after in pairwise(rewrites))
    section.add("rewrites of the file under load", [grown], "", 0)


def _ages(section: Section, samples: Samples, plan: Plan) -> None:
    for name, goal in ((Looks.AGE, Goal(at_most=AGE_GOAL)), (Looks.AGE_P99, None)):
        points = samples.series.get(name, [])
        at_rest = [point for part in stretches(points, _breaks(samples), plan.settle_s) for point in part]
        first, last = _thirds(at_rest, _begin_s(samples))
        if first and last:
            section.add(f"{name}: first third", [_median(first)], "", 0)
            section.add(f"{name}: last third", [_median(last)], "", 0)
            section.add(f"{name}: last third to first", [_median(last) / _median(first)], "", 2, goal)


def _breaks(samples: Samples) -> list[float]:
    return [at_s for at_s, _ in samples.faults]


def _thirds(points: list[Point], begin_s: float) -> tuple[list[Point], list[Point]]:
    judged = [point for point in points if point.at_s >= begin_s]
    third = len(judged) // 3
    return judged[:third], judged[len(judged) - third :]


def _median(points: list[Point]) -> float:
    return statistics.median(point.value for point in points)


def _first(points: list[Point], begin_s: float) -> float:
    return next(point.value for point in points if point.at_s >= begin_s)
