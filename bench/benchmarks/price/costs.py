"""What may be switched on or off, and what it costs: with and without, by turns in one run."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TypeAlias

from bench.figures import Section
from bench.stage import Stage
from bench.trial import Trial, drain, start_services, try_rate

RATE, PAGES = 3_490, 8

#: Seconds between two tries of a page to reach a monitor that is starting.
_RETRY_S = 0.2

#: Makes a stage so for a block, and yields further settings of its services.
Side: TypeAlias = Callable[[Stage], AbstractContextManager[Mapping[str, object]]]


@contextmanager
def appends(stage: Stage, when: str) -> Iterator[Mapping[str, object]]:
    """Let Redis sync its append-only file always, or every second."""
    stage.link.command("CONFIG", "SET", "appendfsync", when)
    yield {}


@contextmanager
def pages(stage: Stage, count: int) -> Iterator[Mapping[str, object]]:
    """Let so many pages listen to the monitor."""
    stop = threading.Event()
    readers = [threading.Thread(target=_listen, args=(stage.monitor_port, stop)) for _ in range(count)]
    for reader in readers:
        reader.start()
    try:
        yield {}
    finally:
        stop.set()
        for reader in readers:
            reader.join()


@contextmanager
def snapshots(_stage: Stage, *, are_kept: bool) -> Iterator[Mapping[str, object]]:
    """Let the consumer keep every tag's last value, or not."""
    yield {"TAG_SNAPSHOT": are_kept}


@dataclass(frozen=True)
class Case:
    """Two ways to run."""

    name: str
    more: Side
    less: Side


CASES = (
    Case(
        "appendfsync always, to everysec",
        lambda stage: appends(stage, "always"),
        lambda stage: appends(stage, "everysec"),
    ),
    Case(f"{PAGES} open pages, to none", lambda stage: pages(stage, PAGES), lambda stage: pages(stage, 0)),
    Case(
        "TAG_SNAPSHOT, to none",
        lambda stage: snapshots(stage, are_kept=True),
        lambda stage: snapshots(stage, are_kept=False),
    ),
)


def run(*, quick: bool) -> Section:
    """Measure each case at the plant's rate and at the limit."""
    seconds, values, repetitions = (4.0, 200_000, 1) if quick else (10.0, 1_000_000, 3)
    section = Section(
        "costs",
        "13. What costs what",
        f"With and without, by turns: a poller of {RATE:,} values/s, and a DataQueue of {values:,} values that is "
        "emptied as quick as it goes, which is the limit without a poller. Ratios are those of neighbours; CPU is that "
        "of poller, consumer, writer, monitor and Redis for a million values.",
    )
    for case in CASES:
        found: dict[str, list[tuple[Trial, Trial]]] = {"more": [], "less": []}
        sides = {"more": case.more, "less": case.less}
        for number in range(repetitions):
            for name in sorted(sides, reverse=bool(number % 2)):
                found[name].append(_measure(sides[name], seconds, values))
        _tell(section, case.name, list(zip(found["more"], found["less"], strict=True)))
    return section


def _measure(side: Side, seconds: float, values: int) -> tuple[Trial, Trial]:
    with Stage() as stage, side(stage) as settings:
        services = start_services(stage, "monitor", "writer", "consumer", **settings)
        steady, limit = try_rate(stage, services, RATE, seconds), drain(stage, services, values)
        stage.stop(*reversed(services.values()))
    return steady, limit


def _tell(section: Section, name: str, turns: list[tuple[tuple[Trial, Trial], tuple[Trial, Trial]]]) -> None:
    section.add(f"{name}: CPU at {RATE:,}/s", [_cost_s(more[0]) / _cost_s(less[0]) for more, less in turns])
    for role in ("consumer", "monitor", "Redis"):
        ratios = [more[0].cores[role] / less[0].cores[role] for more, less in turns]
        section.add(f"{name}: CPU of {role} at {RATE:,}/s", ratios)
    section.add(f"{name}: age at {RATE:,}/s, p99 at most", [more[0].age_p99_s for more, _ in turns], "s", 3)
    section.add(f"{name}: values/s at the limit", [more[1].written / less[1].written for more, less in turns])
    section.add(f"{name}: CPU at the limit", [_cost_s(more[1]) / _cost_s(less[1]) for more, less in turns])


def _cost_s(trial: Trial) -> float:
    return sum(trial.cost_s(name) for name in trial.cores if name != "Oracle's stand-in")


def _listen(port: int, stop: threading.Event) -> None:
    while not stop.wait(_RETRY_S):
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/api/stream")
            answer = connection.getresponse()
            while not stop.is_set() and answer.readline():
                pass
