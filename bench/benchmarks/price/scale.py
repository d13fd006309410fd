"""Partitions: what each costs by itself, and what a value costs: cores = a x values/s + b x partitions.

Redis' share is c x values/s, whichever partition they belong to.
"""

import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from statistics import fmean

from bench.figures import Section
from bench.measure import cpu_s, resident_mb
from bench.stage import Stage
from sandbox.harness.services import Services
from shared.counters import Counter

#: Partitions, and values a second that come to all of them together.
PARTITIONS, RATES = (1, 2, 4, 8), (30_000, 60_000, 90_000)

_INTERVAL_MS = 200
_WORKERS = ("consumer", "writer")


class Partition(Services):
    """One partition of a stage: a namespace of its own in the stage's Redis, and the stage's Oracle."""

    def __init__(self, stage: Stage, number: int) -> None:
        directory = stage.directory / str(number)
        directory.mkdir()
        settings = {"BACKUP_MIN_FREE_BYTES": 0, "LOG_LEVEL": "WARNING"}
        super().__init__(directory, stage.redis.url, stage.oracle, f"partition.{number}", settings=settings)
        self.number = number

    def poll(self, tags: int) -> subprocess.Popen[bytes]:
        """Start a poller of so many simulated tags."""
        config = self.directory / "groups.toml"
        config.write_text(
            f'[[group]]\nname = "g"\nplc_code = "PLC{self.number:02}"\ninterval_ms = {_INTERVAL_MS}\n'
            f'[group.source]\ntype = "simulator"\ntags = {tags}\nseed = {self.number}\nbad_ratio = 0\n'
        )
        return self.start_and_wait("poller", POLLER_CONFIG=config)


def run(*, quick: bool) -> Section:
    """Measure what each number of partitions costs at each rate, and fit a plane to it."""
    seconds = 4.0 if quick else 12.0
    section = Section(
        "scale",
        "11. Partitions",
        f"N partitions with a consumer, a writer and a poller each, for {seconds:.0f} s at each rate; they share one "
        "Redis, one Oracle stand-in and the machine. Cores are those of all consumers and writers together, and those "
        "of Redis. Where the machine has no more to give, less is written than comes: no point of the model.",
    )
    points: list[tuple[float, int, float]] = []
    of_redis: list[tuple[float, float]] = []
    for count in PARTITIONS[:2] if quick else PARTITIONS:
        with Stage() as stage, ExitStack() as ends:
            parts = [ends.enter_context(Partition(stage, number)) for number in range(count)]
            workers = [part.start_and_wait(role) for part in parts for role in _WORKERS]
            for rate in RATES[:2] if quick else RATES:
                written, cores, redis_cores = _measure(stage, parts, workers, rate, seconds)
                section.add(f"N = {count}, {rate:,}/s: written", [written], "values/s", 0)
                section.add(f"N = {count}, {rate:,}/s: consumers and writers", [cores], "cores")
                section.add(f"N = {count}, {rate:,}/s: Redis", [redis_cores], "cores")
                if written > 0.97 * rate:
                    points.append((written, count, cores))
                    of_redis.append((written, redis_cores))
            section.add(f"N = {count}: memory of a consumer and a writer", [_memory_mb(workers) / count], "MB", 0)
            for part in parts:
                part.stop(*workers[2 * part.number : 2 * part.number + 2])
    if len({count for _, count, _ in points}) < 2 or len(points) < 3:
        return section  # The machine is too slow, or busy: there is nothing to make a model of.
    a, b = fit(points)
    section.add("a: CPU seconds of consumer and writer for a million values", [a * 1e6], "s")
    section.add("b: cores of a partition without values", [b], "cores", 3)
    c = sum(rate * cores for rate, cores in of_redis) / sum(rate * rate for rate, _ in of_redis)
    section.add("c: CPU seconds of Redis for a million values", [c * 1e6], "s")
    return section


def _measure(
    stage: Stage, parts: Sequence[Partition], workers: Sequence[subprocess.Popen[bytes]], rate: int, seconds: float
) -> tuple[float, float, float]:
    """Return the values written a second, and the cores of the workers and of Redis, at a rate of all partitions."""
    pollers = [part.poll(rate * _INTERVAL_MS // 1000 // len(parts)) for part in parts]
    time.sleep(2.0)  # until what came while the pollers started is worked off
    written, used, began = _written(parts), (_cpu_s(workers), _redis_s(stage)), time.perf_counter()
    time.sleep(seconds)
    took_s = time.perf_counter() - began
    amounts = _written(parts) - written, _cpu_s(workers) - used[0], _redis_s(stage) - used[1]
    for part, poller in zip(parts, pollers, strict=True):
        part.stop(poller)
    for part in parts:
        part.wait_until_idle(120.0)
    return amounts[0] / took_s, amounts[1] / took_s, amounts[2] / took_s


def _written(parts: Iterable[Partition]) -> int:
    return sum(part.snapshot()[Counter.WRITTEN] for part in parts)


def _cpu_s(processes: Iterable[subprocess.Popen[bytes]]) -> float:
    return sum(cpu_s(process.pid) for process in processes)


def _redis_s(stage: Stage) -> float:
    process = stage.redis.process
    return cpu_s(process.pid) if process else 0.0


def _memory_mb(processes: Iterable[subprocess.Popen[bytes]]) -> float:
    return sum(resident_mb(process.pid) for process in processes)


def fit(points: Sequence[tuple[float, int, float]]) -> tuple[float, float]:
    """Return a and b of `cores = a x rate + b x N` that fit points (rate, N, cores) best: least squares.

    >>> a, b = fit([(1000.0, 1, 0.12), (2000.0, 1, 0.22), (2000.0, 4, 0.28)])
    >>> round(a, 6), round(b, 6)
    (0.0001, 0.02)

    Raises: ZeroDivisionError: the points lie on one line through the origin.
    """
    scale = fmean(rate for rate, *_ in points)
    xs = [(rate / scale, count, cores) for rate, count, cores in points]
    rr, rn = sum(r * r for r, _, _ in xs), sum(r * n for r, n, _ in xs)
    nn, rc, nc = sum(n * n for _, n, _ in xs), sum(r * c for r, _, c in xs), sum(n * c for _, n, c in xs)
    determinant = rr * nn - rn * rn
    return (rc * nn - nc * rn) / determinant / scale, (rr * nc - rn * rc) / determinant
