"""A long run with faults: does anything grow, does anything get lost?

The plant's own rate, a fault every few minutes, a sample every few seconds. In the first third processes are killed and
restarted; afterwards they live on through faults of Redis and Oracle, so that their memory can be followed.
"""

import math
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from bench.figures import Goal, Section
from bench.measure import open_files, resident_mb
from bench.report import as_lines, as_markdown, replace_between
from bench.stage import Stage
from sandbox.harness.services import is_idle
from shared.counters import Counter, Window
from shared.errors import RedisUnavailableError

TAGS, INTERVAL_MS = 3491, 1000
SAMPLE_S = 5.0

#: Seconds after a fault that are no rest yet, and samples that a stretch of rest must have.
SETTLING_S, MIN_POINTS = 40.0, 5

#: Share of the run in which processes are killed; slopes are those of the rest.
KILLING = 1 / 3

BEGIN, END = "<!-- a run of make soak: begin -->", "<!-- a run of make soak: end -->"

_ROLES = ("poller", "consumer", "writer", "monitor")
_DOCS = Path(__file__).resolve().parent.parent / "docs"

app = typer.Typer(add_completion=False)


@dataclass
class Samples:
    """What was seen over time: name of a quantity -> (seconds since the start, value); and when which fault struck."""

    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    faults: list[tuple[float, str]] = field(default_factory=list)

    def add(self, name: str, at_s: float, value: float) -> None:
        """Add one observation."""
        self.series.setdefault(name, []).append((at_s, value))

    def slope_per_h(self, name: str, since_s: float) -> float:
        """Return by how much a quantity rises an hour while nothing happens.

        The median of the straight lines through what was seen between two faults: a fault itself may leave a step,
        since what deals with it is loaded and used for the first time.
        """
        slopes = []
        for begin, end in pairwise([since_s, *(at_s for at_s, _ in self.faults if at_s > since_s), math.inf]):
            points = [point for point in self.series[name] if begin + SETTLING_S <= point[0] < end]
            if len(points) > MIN_POINTS:
                slopes.append(statistics.linear_regression(*zip(*points, strict=True)).slope * 3600)
        return statistics.median(slopes) if slopes else math.nan

    def rise(self, name: str, since_s: float) -> float:
        """Return by how much a quantity is higher at the end than at a moment: steps included."""
        values = [value for at_s, value in self.series[name] if at_s >= since_s]
        edge = max(1, len(values) // 20)
        return statistics.median(values[-edge:]) - statistics.median(values[:edge])


class Soak:
    """One run."""

    def __init__(self, stage: Stage, seconds: float) -> None:
        self._stage = stage
        self._seconds = seconds
        self.samples = Samples()
        #: Values that the poller put on the DataQueue, each counted once.
        self.emitted = 0
        self._began = time.monotonic()
        self._services: dict[str, subprocess.Popen[bytes]] = {}
        self._before = dict.fromkeys((Window.LAG_SUM_MS, "written"), 0)

    def run(self, every_s: float) -> None:
        """Let everything run with a fault every `every_s` seconds, then let it come to rest."""
        stage = self._stage
        for role in ("monitor", "writer", "consumer"):
            self._services[role] = stage.start_and_wait(role, BACKUP_AUTO_RECOVER="true")
        self._services["poller"] = stage.poll(TAGS, INTERVAL_MS)
        self._began = time.monotonic()
        faults = self._faults()
        next_fault, end_quiet = every_s, self._seconds - min(60.0, every_s)
        while (now := self._now()) < self._seconds:
            if now >= next_fault and now < end_quiet:
                next_fault += every_s
                self._strike(*next(faults))
            self._sample()
            time.sleep(max(0.0, SAMPLE_S - (self._now() - now)))
        poller = self._services.pop("poller")
        stage.stop(poller)
        self.emitted = int(re.findall(r"Emitted \d+ messages with (\d+) values", stage.log("poller"))[-1])
        stage.until(self._is_at_rest, "everything to be written and recovered", every_s=0.2)

    def close(self) -> None:
        """End the services."""
        self._stage.stop(*self._services.values())

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _strike(self, name: str, fault: Callable[[], None]) -> None:
        self.samples.faults.append((self._now(), name))
        typer.echo(f"{self._now():6.0f} s  {name}")
        fault()

    def _faults(self) -> Iterator[tuple[str, Callable[[], None]]]:
        oracle = self._stage.stand_in.control
        redis = self._stage.redis

        def away() -> None:
            oracle.stop_listening("rst")
            time.sleep(20)
            oracle.listen()

        def frozen() -> None:
            redis.pause()
            time.sleep(5)
            redis.resume()

        def restarted() -> None:
            redis.kill()
            redis.start()

        deadly = [
            ("writer killed", lambda: self._replace("writer")),
            ("consumer killed", lambda: self._replace("consumer")),
            ("monitor killed", lambda: self._replace("monitor")),
        ]
        harmless = [
            ("Oracle's sessions cut", lambda: oracle.cut_sessions("rst")),
            ("Oracle away for 20 s", away),
            ("Redis frozen for 5 s", frozen),
            ("a reply lost after its commit", lambda: oracle.lose_reply_after_commit(1)),
            ("Redis killed and restarted", restarted),
            ("Oracle silent until the call's time is up", lambda: oracle.hang_calls("after", count=1)),
            ("no space in the table", lambda: oracle.fail_next(2, ora_code=1653)),
        ]
        while True:
            for number in range(max(len(deadly), len(harmless))):
                if self._now() < KILLING * self._seconds:
                    yield deadly[number % len(deadly)]
                yield harmless[number % len(harmless)]

    def _replace(self, role: str) -> None:
        self._stage.kill(self._services[role])
        self._services[role] = self._stage.start_and_wait(role, BACKUP_AUTO_RECOVER="true")

    def _sample(self) -> None:
        at_s = self._now()
        add = self.samples.add
        for role, service in self._services.items():
            add(f"{role}: memory, MB", at_s, resident_mb(service.pid))
            add(f"{role}: open files", at_s, open_files(service.pid))
        add("Oracle: sessions", at_s, self._stage.stand_in.control.status().sessions)
        try:
            add("Redis: memory, MB", at_s, int(self._stage.link.command("INFO", "memory")["used_memory"]) / 2**20)
            add("buffer: values", at_s, self._stage.snapshot().in_buffer)
            self._sample_lag(at_s)
        except RedisUnavailableError:
            pass

    def _sample_lag(self, at_s: float) -> None:
        totals = self._stage.link.hash(self._stage.keys.counters)
        now = {name: int(totals.get(name, 0)) for name in self._before}
        written = now["written"] - self._before["written"]
        if written > 0:
            lag_ms = (now[Window.LAG_SUM_MS] - self._before[Window.LAG_SUM_MS]) / written
            self.samples.add("mean age of values when written, ms", at_s, lag_ms)
        self._before = now

    def _is_at_rest(self) -> bool:
        return is_idle(self._stage.snapshot()) and not list(self._stage.backup_dir.glob("backup_*.csv"))


@app.command()
def main(
    minutes: Annotated[float, typer.Argument(min=1, help="How long; 30 or more say something.")] = 30,
    every: Annotated[float, typer.Option(help="Seconds between two faults.")] = 120,
) -> None:
    """Run the pipeline at 3,491 values/s with faults; plot what might grow and say by how much it does.

    The plots go to docs/images/soak.svg, the figures to docs/performance.md.
    """
    with Stage() as stage:
        soak = Soak(stage, minutes * 60)
        soak.run(every)
        section = _judge(stage, soak, minutes)
        soak.close()
    for line in as_lines(section):
        typer.echo(line)
    _plot(soak.samples, _DOCS / "images" / "soak.svg")
    replace_between(_DOCS / "performance.md", BEGIN, END, as_markdown(section))
    raise typer.Exit(0 if all(figure.is_met is not False for figure in section.figures) else 1)


def _judge(stage: Stage, soak: Soak, minutes: float) -> Section:
    ledger, samples, emitted = stage.snapshot(), soak.samples, soak.emitted
    section = Section(
        "soak",
        f"Soak of {minutes:g} minutes",
        f"{TAGS:,} tags each second; {len(samples.faults)} faults: "
        + "; ".join(f"{name} at {at_s / 60:.0f} min" for at_s, name in samples.faults)
        + ". Slopes and rises are those of the last two thirds, in which no process is killed; a slope is the median "
        "of the stretches between two faults, a rise holds the steps that faults leave.",
    )
    stored = stage.count()
    section.add("values emitted by the poller", [emitted], "", 0)
    section.add("rows in the table", [stored], "", 0)
    section.add("values emitted that are not in the table", [emitted - stored], "", 0, Goal(at_most=0))
    section.add("of them through backup files", [ledger[Counter.BACKED_UP]], "", 0)
    section.add("values that overflowed", [ledger[Counter.OVERFLOWED]], "", 0, Goal(at_most=0))
    since_s = KILLING * minutes * 60
    for name, goal in (
        *((f"{role}: memory, MB", 2.0) for role in _ROLES),
        *((f"{role}: open files", 1.0) for role in _ROLES),
        ("Oracle: sessions", 1.0),
        ("Redis: memory, MB", 2.0),
    ):
        section.add(f"{name}: slope between faults", [samples.slope_per_h(name, since_s)], "per hour", 2,
                    Goal(at_most=goal))  # fmt: skip
        section.add(f"{name}: rise to {samples.series[name][-1][1]:,.1f}", [samples.rise(name, since_s)], "", 1)
    return section


def _plot(samples: Samples, path: Path) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415 - `make soak` alone installs it

    panels = [
        (
            "memory of the services, MB",
            [name for name in samples.series if name.endswith("memory, MB") and name[0] != "R"],
        ),
        ("open files of the services", [name for name in samples.series if name.endswith("open files")]),
        ("Redis: memory, MB", ["Redis: memory, MB"]),
        ("sessions at Oracle", ["Oracle: sessions"]),
        ("values in the buffer", ["buffer: values"]),
        ("mean age of values when written, ms", ["mean age of values when written, ms"]),
    ]
    figure, axes = plt.subplots(len(panels), 1, figsize=(10, 14), sharex=True, layout="constrained")
    for axis, (title, names) in zip(axes, panels, strict=True):
        for name in names:
            axis.plot([at_s / 60 for at_s, _ in samples.series[name]], [value for _, value in samples.series[name]],
                      label=name.split(":")[0], linewidth=1)  # fmt: skip
        for at_s, _ in samples.faults:
            axis.axvline(at_s / 60, color="tab:red", linewidth=0.5, alpha=0.5)
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_ylim(bottom=0)
        if len(names) > 1:
            axis.legend(fontsize=8, ncols=4)
    axes[-1].set_xlabel("minutes; a red line is a fault")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    app()
