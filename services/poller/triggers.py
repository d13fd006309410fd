"""When a polling group polls.

FIXED is an interval on the monotonic clock. Another mode (a handshake with the PLC) is another class with the same
`wait`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from shared.clock import Clock


class Trigger(Protocol):
    """Says when to poll."""

    async def wait(self) -> int:
        """Wait until the next poll is due; return how many polls were missed since the one before."""


class FixedInterval:
    """Polls at start, start + interval, start + 2 intervals...: without drift, however long a poll takes.

    When several came due while one was still running, one is made at once and the others are skipped, not queued.
    """

    def __init__(
        self, interval_s: float, clock: Clock, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._sleep = sleep
        self._start_s: float | None = None
        self._next = 0

    async def wait(self) -> int:
        """Wait until the next poll is due; return how many were skipped."""
        now = self._clock.monotonic()
        if self._start_s is None:
            self._start_s = now
        missed = max(0, int((now - self._start_s) / self._interval_s) - self._next)
        self._next += missed
        # A loop as well as a sleep: a sleep may end a little early, and a poll before its time counts as two.
        while (left_s := self._start_s + self._next * self._interval_s - self._clock.monotonic()) > 0:
            await self._sleep(left_s)
        self._next += 1
        return missed


class AtOnce:
    """For sources that pace themselves: every poll is due at once."""

    async def wait(self) -> int:
        """Let the other groups have their turn."""
        await asyncio.sleep(0)
        return 0
