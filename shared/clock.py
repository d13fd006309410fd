"""Time, passed in, so that tests decide what time it is."""

import time
from datetime import UTC, datetime
from typing import Protocol


def _steady_clock() -> int:
    """Return the clock that counts on while the machine is suspended, which CLOCK_MONOTONIC of Linux does not.

    Others go on meanwhile. Not every kernel has it (gVisor), nor every system.
    """
    try:
        time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):
        return time.CLOCK_MONOTONIC
    return time.CLOCK_BOOTTIME


_STEADY = _steady_clock()


def monotonic() -> float:
    """Return seconds since an arbitrary start: neither setting the wall clock nor a suspended machine stops them."""
    return time.clock_gettime(_STEADY)


class Clock(Protocol):
    """What the pipeline asks of time."""

    def now(self) -> datetime:
        """Return the wall clock as an aware UTC datetime: for stamps that people read."""

    def monotonic(self) -> float:
        """Return seconds that never go back: for intervals and deadlines."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the wall clock as an aware UTC datetime."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; setting the wall clock does not move it."""
        return monotonic()
