"""Hand-written fakes for pure logic: a clock that stands still, an Oracle that follows a script."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from services.writer.sink import BatchOutcome, RowError, SinkError, decide
from shared.models import TagValue

Step = SinkError | Callable[[Sequence[TagValue]], Sequence[RowError]]


class FakeClock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class ScriptedSink:
    """Takes rows as the script says, one step a call; after the last step it takes everything.

    A step is an error for the whole call, or a function from the batch to its row errors. `stored` is what it took.
    """

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.stored: list[TagValue] = []
        self.calls: list[int] = []

    def write(self, values: Sequence[TagValue]) -> BatchOutcome:
        self.calls.append(len(values))
        step = self.steps.pop(0) if self.steps else (lambda _values: [])
        if isinstance(step, SinkError):
            raise step
        outcome = decide(len(values), step(values))
        failed = {*outcome.duplicates, *(error.offset for error in (*outcome.rejected, *outcome.kept))}
        self.stored += [value for offset, value in enumerate(values) if offset not in failed]
        return outcome


def tag_values(count: int, text: str = "1.5") -> list[TagValue]:
    """Return values that differ in their address."""
    return [TagValue(datetime(2026, 1, 1, 0, 0, 0, 1), "PLC01", f"D{n}", text, "GOOD") for n in range(count)]
