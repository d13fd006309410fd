"""When a polling group polls: FIXED, HANDSHAKE, or as its source paces itself."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.clock import Clock
from shared.records.polling import PollOutcome

#: Requests for one group within so many seconds are one.
MERGE_S = 1.0

#: Polls over which the lateness is told, and over which it is told how many were skipped.
_LATENESS_POLLS, _SKIPPED_POLLS = 1000, 300


class Trigger:
    """Says when to poll; of some somebody waits for what becomes of a poll."""

    async def wait(self) -> int:
        """Wait until the next poll is due; return how many polls were missed since the one before."""
        raise NotImplementedError

    def polled(self, outcome: PollOutcome) -> None:
        """Hear what became of the poll that was due."""

    def close(self, reason: str) -> None:
        """Hear that there will be no more polls."""


@dataclass
class FixedInterval(Trigger):
    """Polls at start, start + interval, start + 2 intervals...: without drift, however long a poll takes.

    When several came due while one was still running, one is made at once and the others are skipped, not queued.
    `phase_s`: how much later than at once it starts.
    """

    interval_s: float
    clock: Clock
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    phase_s: float = 0.0

    def __post_init__(self) -> None:
        self._start_s: float | None = None
        self._next = 0
        self._late_s: deque[float] = deque(maxlen=_LATENESS_POLLS)
        self._skipped: deque[int] = deque(maxlen=_SKIPPED_POLLS)

    async def wait(self) -> int:
        """Wait until the next poll is due; return how many were skipped."""
        now_s = self.clock.monotonic()
        if self._start_s is None:
            self._start_s = now_s + self.phase_s
        missed = max(0, int((now_s - self._start_s) / self.interval_s) - self._next)
        self._next += missed
        due_s = self._start_s + self._next * self.interval_s
        # A loop as well as a sleep: a sleep may end a little early, and a poll before its time counts as two.
        while (left_s := due_s - self.clock.monotonic()) > 0:
            await self.sleep(left_s)
        self._late_s.append(self.clock.monotonic() - due_s)
        self._next += 1
        self._skipped.append(missed)
        return missed

    def skipped_lately(self) -> int:
        """Return how many polls were skipped between the last 300 that were made."""
        return sum(self._skipped)

    def lateness_p99_ms(self) -> float:
        """Return by how many milliseconds the latest of 99 % of the last 1,000 polls began too late."""
        late_s = sorted(self._late_s)
        return round(late_s[math.ceil(0.99 * len(late_s)) - 1] * 1000, 3) if late_s else 0.0


class AtOnce(Trigger):
    """For sources that pace themselves: every poll is due at once."""

    async def wait(self) -> int:
        """Let the other groups have their turn."""
        await asyncio.sleep(0)
        return 0


class OnRequest(Trigger):
    """Polls once for each request; those within MERGE_S of each other, or before the poll has begun, are one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked = asyncio.Event()
        self._asked_s = -math.inf
        self._latest: asyncio.Future[PollOutcome] | None = None
        self._waiting: asyncio.Future[PollOutcome] | None = None
        self._running: asyncio.Future[PollOutcome] | None = None
        self._closed: str | None = None

    def ask(self) -> "asyncio.Future[PollOutcome]":
        """Ask for a poll; return what will hold its outcome. Several may wait for one: shield it."""
        now_s = self._clock.monotonic()
        if self._latest is not None and (self._waiting is not None or now_s - self._asked_s < MERGE_S):
            return self._latest
        self._latest = asyncio.get_running_loop().create_future()
        if self._closed is not None:
            self._latest.set_result(PollOutcome("failed", message=self._closed))
            return self._latest
        self._asked_s, self._waiting = now_s, self._latest
        self._asked.set()
        return self._latest

    async def wait(self) -> int:
        """Wait for a request."""
        await self._asked.wait()
        self._asked.clear()
        self._running, self._waiting = self._waiting, None
        return 0

    def polled(self, outcome: PollOutcome) -> None:
        """Tell those who asked."""
        _tell(self._running, outcome)
        self._running = None

    def close(self, reason: str) -> None:
        """Tell those who asked, and those who will, that there are no more polls."""
        self._closed = reason
        _tell(self._running, PollOutcome("failed", message=reason))
        _tell(self._waiting, PollOutcome("failed", message=reason))


def _tell(future: "asyncio.Future[PollOutcome] | None", outcome: PollOutcome) -> None:
    if future is not None and not future.done():
        future.set_result(outcome)
