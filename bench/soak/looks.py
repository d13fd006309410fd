"""What is looked at every few seconds."""

import subprocess
from collections.abc import Iterator, Mapping

from bench.measure import open_files, percentile, proportional_mb, resident_mb, threads
from bench.stage import Stage
from bench.trial import ages
from oracle_stand_in.faults.control import ControlError
from shared.counters import Counter, Window
from shared.errors import RedisUnavailableError


class Looks:
    """Looks at the services, at Redis and at Oracle; rates and ages are those since the look before."""

    AGE = "mean age of values when written, ms"
    AGE_P99 = "99 % of the values were not older than, ms"

    def __init__(self, stage: Stage, services: Mapping[str, subprocess.Popen[bytes]]) -> None:
        self._stage = stage
        self._services = services
        self._before: dict[str, str] | None = None

    def forget(self) -> None:
        """Let the next look be as the first: in between nothing happened as it usually does."""
        self._before = None

    def all(self) -> dict[str, float]:
        """Return what is seen; without what can't be seen just now."""
        seen: dict[str, float] = {}
        for look in (self._of_processes, self._of_edges, self._of_values):
            try:
                seen.update(look())
            except (RedisUnavailableError, ControlError, OSError):
                continue
        return seen

    def disk_bytes(self) -> int:
        """Return the bytes of all files of this run."""
        sizes = 0
        for path in self._stage.directory.rglob("*"):
            try:
                sizes += path.stat().st_size if path.is_file() else 0
            except FileNotFoundError:
                continue
        return sizes

    def _of_processes(self) -> Iterator[tuple[str, float]]:
        for role, service in self._services.items():
            yield f"{role}: memory, MB", proportional_mb(service.pid)
            yield f"{role}: resident, MB", resident_mb(service.pid)
            yield f"{role}: open files", open_files(service.pid)
            yield f"{role}: threads", threads(service.pid)

    def _of_edges(self) -> Iterator[tuple[str, float]]:
        yield "Oracle: sessions", self._stage.stand_in.control.status().sessions
        yield "stand-in: memory, MB", resident_mb(self._stage.edges()["Oracle's stand-in"])
        memory = self._stage.link.command("INFO", "memory")
        files = self._stage.link.command("INFO", "persistence")
        yield "Redis: memory, MB", int(memory["used_memory"]) / 2**20
        yield "Redis: append-only file, MB", int(files["aof_current_size"]) / 2**20
        yield "Redis: rewrites of the file", int(files["aof_rewrites"])

    def _of_values(self) -> Iterator[tuple[str, float]]:
        ledger = self._stage.snapshot()
        yield "buffer: values", ledger.in_buffer
        now, before = self._stage.link.hash(self._stage.keys.counters), self._before
        self._before = now
        if before is None:
            return
        written = _grown(now, before, Counter.WRITTEN)
        if written > 0:
            yield self.AGE, _grown(now, before, Window.LAG_SUM_MS) / written
            yield self.AGE_P99, 1000 * percentile(ages(before, now), 99)


def _grown(now: Mapping[str, str], before: Mapping[str, str], name: str) -> int:
    return int(now.get(name, 0)) - int(before.get(name, 0))
