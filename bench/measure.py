"""What is read of processes and clocks, and how repetitions become one figure. Source: proc(5)."""

import os
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Series:
    """One quantity, measured several times in one run."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> "Series":
        """Return the series of these values; a single one is a series, too."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """The figure that is told."""
        return statistics.median(self.values)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used, all its threads. Source: clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def busy_s() -> float:
    """Return the CPU seconds that everything on this machine has used, since it began."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Return the memory of a process that is in RAM, in megabytes of 2**20 bytes."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def open_files(pid: int) -> int:
    """Return the number of a process's file descriptors."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def proportional_mb(pid: int) -> float:
    """Return the memory of a process with its share of what others use, too, in megabytes of 2**20 bytes (PSS)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024


def threads(pid: int) -> int:
    """Return the number of a process's threads."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


def waits_for_disk(pid: int) -> bool:
    """Tell whether a process waits for a disk at this moment (its state is D)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "D"


def percentile(weighted: Sequence[tuple[float, int]], percent: float) -> float:
    """Return the value that `percent` of the weight does not exceed; infinite where there is no weight.

    weighted: values with how often each occurred.

    >>> percentile([(1.0, 90), (7.0, 10)], 95)
    7.0
    """
    ordered = sorted(weighted)
    rest = percent / 100 * sum(weight for _, weight in ordered)
    for value, weight in ordered:
        rest -= weight
        if rest <= 1e-9:
            return value
    return ordered[-1][0] if ordered else float("inf")


def mean(weighted: Sequence[tuple[float, int]]) -> float:
    """Return the mean of values with how often each occurred."""
    return sum(value * weight for value, weight in weighted) / sum(weight for _, weight in weighted)
