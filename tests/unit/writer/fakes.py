"""Who plays Redis, the buffer and the files for the writer's loops; each is held to its original by its type."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.writer.backup.csv_backup import BackupFailedError, CsvBackup
from services.writer.sink import RowError, SinkError, Verdict
from shared.counters import Counts
from shared.errors import RedisUnavailableError
from shared.models import Decoded, TagValue
from shared.queues.buffer import Batch, TagBuffer
from shared.queues.claims import Claims
from shared.queues.tokens import Pressure, WakeUp
from tests.fakes import FakeClock, Step


def failing(*addresses: str, verdict: Verdict = Verdict.ROW, code: str = "CODE", is_alone: bool = False) -> Step:
    """Return a step in which the rows of these addresses fail with an error of their own."""

    def step(values: Sequence[TagValue]) -> list[RowError]:
        return [
            RowError(n, code, "why", verdict, is_alone)
            for n, value in enumerate(values)
            if value.tag_address in addresses
        ]

    return step


def raising_when(*addresses: str, error: SinkError) -> Step:
    """Return a step that fails as a whole when one of these rows is in the batch."""

    def step(values: Sequence[TagValue]) -> list[RowError]:
        if any(value.tag_address in addresses for value in values):
            raise error
        return []

    return step


class FakeFile(CsvBackup):
    """Takes rows; fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.rows: list[Sequence[Any]] = []
        self.failures = failures
        self.is_finished = False
        self.free_bytes = None

    @property
    def open_rows(self) -> int:
        return len(self.rows)

    def append(self, rows: Sequence[Sequence[Any]]) -> Path:
        if self.failures:
            self.failures -= 1
            raise BackupFailedError("disk full")
        self.rows += rows
        return Path("backup.csv")

    def finish(self) -> None:
        if self.failures:
            self.failures -= 1
            raise BackupFailedError("disk full")
        self.is_finished = True


class FakeBuffer(TagBuffer):
    """A buffer in memory. `heard` is what waiting hears, call by call; then nothing, and time goes on."""

    def __init__(self, clock: FakeClock, values: Sequence[TagValue] = ()) -> None:
        self._clock = clock
        self.values = list(values)
        self.in_flight: dict[str, list[TagValue]] = {}
        #: What was settled: counters, and rejected rows that wait for a file.
        self.counts: Counter[str] = Counter()
        self.windows: list[dict[str, int]] = []
        self.waiting: list[bytes] = []
        #: Calls, by name.
        self.calls: list[str] = []
        self.heard: list[WakeUp | None] = []
        self.pressures: list[Pressure] = []
        #: Called when nothing is heard any more.
        self.when_silent: Callable[[], None] = lambda: None
        #: Calls that fail, by name, and how often yet. "lost" after a name: it is done, and the answer is lost.
        self.away: Counter[str] = Counter()

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.away[name] > 0:
            self.away[name] -= 1
            raise RedisUnavailableError(f"away at {name}")

    def wait(self, wait_s: float) -> WakeUp | None:
        self._call("wait")
        if not self.heard:
            self._clock.advance(wait_s)
            self.when_silent()
            return None
        return self.heard.pop(0)

    def wake_another(self) -> None:
        self.calls.append("wake_another")
        self.heard.insert(0, WakeUp.READY)

    def wait_for_full(self, wait_s: float) -> bool:
        self._call("wait_for_full")
        if self.heard and self.heard[0] is WakeUp.FULL:
            self.heard.pop(0)
            return True
        self._clock.advance(wait_s)
        return False

    def wait_for_pressure(self, wait_s: float) -> Pressure | None:
        self._call("wait_for_pressure")
        if not self.pressures:
            self._clock.advance(wait_s)
            self.when_silent()
            return None
        return self.pressures.pop(0)

    def forget_pressure(self) -> None:
        self._call("forget_pressure")

    def depth(self) -> int:
        self._call("depth")
        return len(self.values)

    def claim(self, claims: Claims, max_values: int) -> Batch | None:
        self._call("claim")
        list_key = claims.open()
        if list_key not in self.in_flight:
            self.in_flight[list_key], self.values = self.values[:max_values], self.values[max_values:]
        if not self.in_flight[list_key]:
            del self.in_flight[list_key]
            claims.close(list_key)
            return None
        return Batch(list_key, Decoded(self.in_flight[list_key]), len(self.values))

    def settle(self, batch: Batch, counts: Counts, window: Mapping[str, int], waiting: Sequence[bytes] = ()) -> bool:
        self._call("settle")
        if self.in_flight.pop(batch.list_key, None) is None:
            return False
        self.counts.update({str(name): count for name, count in counts.items()})
        self.windows.append(dict(window))
        self.waiting += waiting
        self._call("settle lost")
        return True

    def settle_and_claim(
        self,
        batch: Batch,
        counts: Counts,
        window: Mapping[str, int],
        claims: Claims,
        max_values: int,
    ) -> tuple[bool, Batch | None]:
        self._call("settle_and_claim")
        return self.settle(batch, counts, window), self.claim(claims, max_values)
