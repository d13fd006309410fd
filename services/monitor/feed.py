"""Where the newest overview lies: one thread puts it there once a tick, every request takes it from there."""

import asyncio
from dataclasses import dataclass

from services.monitor.reader import Overview
from shared.clock import Clock
from shared.errors import RedisUnavailableError

#: An overview older than this, in seconds, is no answer any more: Redis hangs. Several ticks may be late before.
STALE_AFTER_S = 3.0

#: Seconds that a request waits for the first overview, just after the start. Answers are promised within 0.5 s.
FIRST_WAIT_S = 0.4
_LOOK_S = 0.01


@dataclass(frozen=True)
class _Latest:
    overview: Overview | None = None
    read_at: float = 0.0  #: on the monotonic clock
    failure: str | None = None
    failed_at: float = 0.0  #: seconds since 1970, when the failure was first seen


class Feed:
    """The newest overview, or the reason why there is none; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # One attribute, replaced whole: a reader never sees half of a change.
        self._latest = _Latest()

    def publish(self, overview: Overview) -> None:
        """Make this overview the newest."""
        self._latest = _Latest(overview, self._clock.monotonic())

    def fail(self, reason: str) -> None:
        """Say that there is none now, and why; the last one stays for those who show it as stale."""
        before = self._latest
        failed_at = before.failed_at if before.failure is not None else self._clock.now().timestamp()
        self._latest = _Latest(before.overview, before.read_at, reason, failed_at)

    @property
    def last(self) -> Overview | None:
        """The last overview, however old; None before the first."""
        return self._latest.overview

    @property
    def age_s(self) -> float:
        """Seconds since the newest overview was read."""
        return self._clock.monotonic() - self._latest.read_at

    @property
    def failure(self) -> str | None:
        """Why there is no fresh overview; None when there is one."""
        latest = self._latest
        if latest.failure is not None:
            return latest.failure
        age_s = self._clock.monotonic() - latest.read_at
        if latest.overview is None or age_s > STALE_AFTER_S:
            return "Redis gives no answer"
        return None

    @property
    def failed_at(self) -> float:
        """Since when there is nothing fresh, in seconds since 1970: the last reading, else the first failure."""
        if self._latest.overview is None:
            return self._latest.failed_at
        return self._clock.now().timestamp() - self.age_s

    @property
    def _waits_for_first(self) -> bool:
        return self._latest.overview is None and self._latest.failure is None

    async def wait_for_first(self) -> None:
        """Wait for the first overview or the first failure, right after the start; not for long."""
        deadline = self._clock.monotonic() + FIRST_WAIT_S
        # Looked for instead of signalled: the thread that publishes knows no event loop, and it is once a process.
        while self._waits_for_first and self._clock.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)

    async def fresh(self) -> Overview:
        """Return the newest overview; right after the start, wait for the first.

        Raises: RedisUnavailableError: there is none that is fresh.
        """
        await self.wait_for_first()
        overview, failure = self.last, self.failure
        if overview is None or failure is not None:
            raise RedisUnavailableError(failure or "Redis gives no answer")
        return overview
