"""Time, passed in, so that tests decide what time it is."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the pipeline asks of time."""

    def now(self) -> datetime:
        """Return the wall clock as an aware UTC datetime: for stamps that people read."""

    def monotonic(self) -> float:
        """Return seconds that never jump: for intervals and deadlines."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the wall clock as an aware UTC datetime."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; setting the wall clock does not move it."""
        return time.monotonic()
