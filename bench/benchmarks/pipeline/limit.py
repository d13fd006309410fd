"""How much the whole pipeline carries: more and more is offered until it piles up; what is then in the way is named."""

import statistics
from collections.abc import Callable

from bench.benchmarks.one_service.writer import bare_loop
from bench.bottleneck import available_cores, bottleneck
from bench.figures import Goal, Section
from bench.stage import BUFFER_CAP, Stage, rows
from bench.trial import INTERVAL_MS, Services, Trial, start_services, try_rate

#: The first rate offered, as a share of what the bare loop does; the factor to the next; and how near is near enough.
_FIRST, _FACTOR, _NEAR = 0.3, 1.4, 1.04

#: How often a rate must fail before it counts as too high: others use this machine, too.
_TRIES = 2

#: Per cent of the limit that are tried for longer, until one holds.
_LESS = (100, 95, 90, 85, 80)

SERVICES = ("monitor", "writer", "consumer")

#: Per cent of the buffer from which on those who fill it wait for those who empty it.
_DEEP = 50


def run(*, quick: bool) -> Section:
    """Look for the limit, then run at it and at 80 % of it."""
    seconds, count, repetitions = (2.5, 200_000, 1) if quick else (6.0, 1_000_000, 3)
    section = Section(
        "limit",
        "4b. The limit",
        f"One group of simulated tags, polled every {INTERVAL_MS} ms, ever more of them until what waits in DataQueue "
        "and buffer grows or a poll is left out, then bisected; a rate must fail twice. Default settings and caps, "
        "`appendfsync always`. The bare loop is that of section 1, before and after, with the machine for itself; ages "
        "are upper bounds of the pipeline's own histogram.",
    )
    work = rows(count)
    with Stage() as stage:
        bare = [bare_loop(stage, work) for _ in range(repetitions)]
        stage.clear()
        services = start_services(stage, *SERVICES)
        first = int(_FIRST * statistics.median(speed for speed, _ in bare))
        limit, at_limit = _search(stage, services, first, seconds)
        below, above = (_try_rate(stage, services, limit * tenths // 10, 4 * seconds) for tenths in (8, 12))
        lost = stage.snapshot().difference
        stage.stop(*reversed(services.values()))
        bare += [bare_loop(stage, work) for _ in range(repetitions)]
    _tell(section, bare, at_limit, below)
    section.add("values that are in no place of the ledger", [lost], "", 0, Goal(at_most=0))
    section.notes.append(
        f"offered {above.offered:,.0f}/s, {above.written:,.0f}/s are written, {_slower_part(above)}; "
        f"in the way of more: {bottleneck(above.cores, above.others, available_cores())}; "
        f"Redis waited for its disk at {100 * above.redis_at_disk:.0f} % of the looks"
    )
    return section


def look_for_limit(stage: Stage, first: int = 60_000, seconds: float = 6.0) -> int:
    """Return the highest rate in values/s that the pipeline carries on an empty stage. `first`: where it begins."""
    services = start_services(stage, *SERVICES)
    limit, _ = _search(stage, services, first, seconds)
    stage.stop(*reversed(services.values()))
    stage.clear()
    return limit


def _search(stage: Stage, services: Services, first: int, seconds: float) -> tuple[int, Trial]:
    def holds(rate: int) -> bool:
        return any(_try_rate(stage, services, rate, seconds).holds for _ in range(_TRIES))

    limit = find_limit(holds, first, _FACTOR, _NEAR)
    return confirm(lambda rate: _try_rate(stage, services, rate, 4 * seconds), limit)


def _try_rate(stage: Stage, services: Services, rate: int, seconds: float) -> Trial:
    stage.empty_table()
    return try_rate(stage, services, rate, seconds)


def find_limit(holds: Callable[[int], bool], first: int, factor: float, near: float) -> int:
    """Return the highest rate that holds, or nearly: one `near` times as high does not.

    Args: first: the first rate that is tried. factor: from one rate to the next, until one fails.

    >>> find_limit(lambda rate: rate <= 1000, 100, 1.5, 1.01)
    996
    """
    good, bad = 0, first
    while holds(bad):
        good, bad = bad, int(bad * factor)
    while not good:
        lower = int(bad / factor)
        if not lower:
            raise ValueError(f"not even {bad} values/s are carried")
        good, bad = (lower, bad) if holds(lower) else (0, lower)
    while bad > max(good + 1, good * near):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if holds(middle) else (good, middle)
    return good


def confirm(attempt: Callable[[int], Trial], limit: int) -> tuple[int, Trial]:
    """Try a limit for longer than it was found in; return it, or a lower one that holds, or the lowest of all."""
    for rate in (limit * percent // 100 for percent in _LESS):
        trial = attempt(rate)
        if trial.holds:
            break
    return rate, trial


def _slower_part(trial: Trial) -> str:
    if trial.holds:
        return "so that this is carried, too: the limit was looked for while the machine had other things to do"
    if trial.skipped:
        return f"the poller leaves {trial.skipped} polls out"
    share = 100 * trial.buffered / BUFFER_CAP
    behind = "what is behind it is slower" if share > _DEEP else "what is before it is slower"
    return f"the buffer is {share:.0f} % full on median ({behind})"


def _tell(section: Section, bare: list[tuple[float, float]], at_limit: Trial, below: Trial) -> None:
    speed = statistics.median(speed for speed, _ in bare)
    cpu = statistics.median(cpu for _, cpu in bare)
    section.add("bare loop", [speed for speed, _ in bare], "rows/s", 0)
    section.add("bare loop, CPU", [cpu for _, cpu in bare], "s per million rows")
    section.add("offered at the limit", [at_limit.offered], "values/s", 0)
    section.add("written at the limit", [at_limit.written], "values/s", 0)
    section.add("limit to bare loop", [at_limit.written / speed], goal=Goal(at_least=0.9))
    for name, cores in at_limit.cores.items():
        section.add(f"{name} at the limit", [cores], "cores")
        section.add(f"{name}, CPU for a million values", [at_limit.cost_s(name)], "s")
        section.add(f"{name}, CPU to the bare loop's", [at_limit.cost_s(name) / cpu])
    own = sum(at_limit.cost_s(name) for name in ("poller", "consumer", "writer", "Redis"))
    section.add("poller, consumer, writer and Redis, CPU for a million values", [own], "s")
    section.add("poller, consumer, writer and Redis, CPU to the bare loop's", [own / cpu])
    section.add("all, at the limit", [sum(at_limit.cores.values())], "cores")
    section.add("the rest of the machine meanwhile", [at_limit.others], "cores")
    section.add("age at the limit, p99 at most", [at_limit.age_p99_s], "s", 3)
    section.add("age at 80 % of the limit, p99 at most", [below.age_p99_s], "s", 3, Goal(at_most=0.5))
    for name, trial in (("the limit", at_limit), ("80 % of it", below)):
        section.add(f"values that overflowed at {name}", [trial.overflowed], "", 0, Goal(at_most=0))
        section.add(f"polls skipped at {name}", [trial.skipped], "", 0, Goal(at_most=0))
