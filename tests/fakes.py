"""Hand-written fakes: one clock, one stop flag and one event log for all unit tests, a sink."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.writer.sink import CONFLICT, BatchOutcome, RowError, SinkError, Target, Verdict, decide
from shared.acting.pausing import Pause
from shared.counters import Counter as CounterName
from shared.errors import RedisUnavailableError
from shared.journal.events import EventLog
from shared.lifecycle import StopFlag
from shared.models import TagValue
from shared.records.events import Event
from shared.records.reading import Record
from shared.redis.connections import Argument
from shared.redis.link import RedisLink


@dataclass(frozen=True)
class AnswerLost:
    """A step: the rows are stored, and nobody hears of it."""

    error: SinkError


Step = SinkError | AnswerLost | Callable[[Sequence[TagValue]], Sequence[RowError]]


#: The moment at which a `FakeClock` has run for 0 seconds.
EPOCH = datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)


class FakeClock:
    """Time that passes only when a test says so, or sleeps on it. `sleep_factor`: how much of a sleep really passes."""

    def __init__(self, seconds: float = 1000.0, *, sleep_factor: float = 1.0) -> None:
        self.seconds = seconds
        self._sleep_factor = sleep_factor
        #: What was slept.
        self.slept: list[float] = []

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        # Rounded up to a nanosecond: remainders of floats must not make it stand still.
        self.advance(max(seconds * self._sleep_factor, 1e-9))
        await asyncio.sleep(0)


class FakeStop(StopFlag):
    """A stop flag on which nobody waits: time goes on instead. It is set after so many waits, where `after` says so."""

    def __init__(self, clock: FakeClock | None = None, after: int | None = None) -> None:
        super().__init__()
        self._clock = clock or FakeClock()
        self._after = after
        #: What was waited for.
        self.waits: list[float] = []

    def wait(self, wait_s: float) -> bool:
        self.waits.append(wait_s)
        if not self.is_set():
            self._clock.advance(max(0.0, wait_s))
        if self._after is not None and len(self.waits) >= self._after:
            self.set()
        return self.is_set()


class FakeEvents(EventLog):
    """Events kept in a list."""

    def __init__(self) -> None:
        self.instance = ""
        self.kinds: list[Event] = []
        self.messages: list[str] = []

    def add(self, kind: Event, message: str, details: Record | None = None) -> None:
        del details
        self.kinds.append(kind)
        self.messages.append(message)


class NeverPaused(Pause):
    """Nobody pauses anything; time stands still where the tests' own flags do not wait."""

    def within(self, stop: StopFlag) -> StopFlag:
        return stop

    def recall(self, stop: StopFlag) -> None:
        pass


class FakeLink(RedisLink):
    """One hash in memory, and counters; away as long as `is_away`."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}
        #: What was counted.
        self.counts: Counter[str] = Counter()
        self.beats = 0
        self.is_away = False
        #: Times that somebody waited until it is there, which it then was.
        self.waits = 0

    @property
    def address(self) -> str:
        return "memory"

    def hash(self, _key: str) -> dict[str, str]:
        self.ping()
        return dict(self.entries)

    def command(self, *args: Argument) -> Any:
        self.ping()
        if args == ("TIME",):
            return [0, 0]
        name, _, *rest = (str(arg) for arg in args)
        if name == "HKEYS":
            return list(self.entries)
        if name in ("SMEMBERS", "LRANGE"):
            return []
        if name == "HSET":
            self.entries |= dict(zip(rest[::2], rest[1::2], strict=True))
        elif name == "HMGET":
            return [self.entries.get(part) for part in rest]
        elif name == "HGET":
            return self.entries.get(rest[0])
        else:
            for part in rest:
                self.entries.pop(part, None)
        return None

    def commands(self, *many: Sequence[Argument]) -> list[Any]:
        self.ping()
        self.counts.update({str(field): int(by) for name, _, field, *rest in many if name == "HINCRBY" for by in rest})
        return [None] * len(many)

    def run(self, script: str, keys: Sequence[str], args: Iterable[Argument] = ()) -> Any:
        """Take every heartbeat, rename every list, let keys stay, hold and ask for nothing; know no other script."""
        del keys, args
        self.ping()
        if script == "reclaim":
            return 1
        if script == "stay":
            return []
        if script == "unanswered":
            return [0, 0]
        if script == "snapshot":
            return [0, 0, 0, 0, 0, 0, 0, 0, 0, [None] * len(CounterName), b""]
        if script != "beat":
            raise RedisUnavailableError(f"no script {script}")
        self.beats += 1
        return [1]

    def ping(self) -> None:
        if self.is_away:
            raise RedisUnavailableError("away")

    def look_for_primary(self) -> None:
        self.ping()

    def wait_until_there(
        self,
        stop: StopFlag,
        cause: RedisUnavailableError | None = None,
        tell: Callable[[RedisUnavailableError], object] = lambda _: None,
    ) -> bool:
        del cause, tell
        self.waits += 1
        self.is_away = False
        return not stop.is_set()


class ScriptedSink:
    """A sink in memory that follows a script, one step a call; after the last step it takes what its table takes.

    A step is an error for the whole call, a function from the batch to its row errors, or `AnswerLost`. Like the real
    one it knows a value again by its key, and can't hold a text of more than `MAX_TEXT` letters.
    """

    MAX_TEXT = 255

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        #: Raised by each call while it is set.
        self.trouble: SinkError | None = None
        #: What it took, in the order in which it came.
        self.stored: list[TagValue] = []
        #: Sizes of the batches that it was given.
        self.calls: list[int] = []
        self.target = Target()
        self.connections = (1, 0)
        self.shortage: str | None = None
        self.logon_warning: str | None = None
        self.table_warning: str | None = None
        self.is_closed = False
        self.inspections = 0
        #: What it took, and lost since.
        self.lost: list[TagValue] = []

    def write(self, values: Sequence[TagValue]) -> BatchOutcome:
        self.calls.append(len(values))
        self.probe()
        step = self.steps.pop(0) if self.steps else None
        if isinstance(step, SinkError):
            raise step
        errors = list(step(values)) if callable(step) else []
        refused = {error.offset for error in errors}
        errors += [
            error
            for offset, value in enumerate(values)
            if offset not in refused and (error := self._take(offset, value)) is not None
        ]
        if isinstance(step, AnswerLost):
            raise step.error
        return decide(len(values), errors)

    def _take(self, offset: int, value: TagValue) -> RowError | None:
        (there,) = self.found([value])
        if there is None:
            if len(value.tag_value or "") > self.MAX_TEXT:
                return RowError(offset, "TOO_LONG", "it does not fit")
            self.stored.append(value)
            return None
        if there == (value.tag_value, value.quality):
            return RowError(offset, "DUPLICATE", "it is there", Verdict.DUPLICATE)
        return RowError(offset, CONFLICT, f"the table holds {there} under this key")

    def lookup(self, values: Sequence[TagValue]) -> list[tuple[str | None, str] | None]:
        self.probe()
        return self.found(values)

    def found(self, values: Sequence[TagValue]) -> list[tuple[str | None, str] | None]:
        """Return what is stored under the values' keys, whatever trouble there is."""
        held = {(value.tag_name, value.timestamp): (value.tag_value, value.quality) for value in self.stored}
        return [held.get((value.tag_name, value.timestamp)) for value in values]

    def probe(self) -> None:
        if self.is_closed:
            raise SinkError("CLOSED", "the sink is closed", Verdict.TRANSIENT)
        if self.trouble is not None:
            raise self.trouble
        self.target = Target("SCRIPT.TAG_DATA", "memory", "MEMORY")

    def inspect(self) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.inspections += 1

    def gone(self) -> tuple[int, list[TagValue]]:
        lost, self.lost = self.lost, []
        return len(self.stored) + len(lost), lost

    def close(self) -> None:
        self.is_closed = True


def tag_values(count: int, text: str = "1.5") -> list[TagValue]:
    """Return values that differ in their address."""
    return [TagValue(datetime(2026, 1, 1, 0, 0, 0, 1), "PLC01", f"D{n}", text, "GOOD") for n in range(count)]
