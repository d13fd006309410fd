"""Where the newest overview lies: one thread puts it there once a tick, every request takes it from there."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from services.monitor.read.overview import Overview
from shared.clock import Clock

#: An overview older than this, in seconds, is no answer any more: Redis hangs. Several ticks may be late before.
STALE_AFTER_S = 3.0

#: Seconds that a request waits for the first overview, just after the start. Answers are promised within 0.5 s.
FIRST_WAIT_S = 0.4
_LOOK_S = 0.01


#: Seconds without an answer of Redis after which it is Redis that is waited for, and not the monitor that is slow.
SILENT_AFTER_S = 1.0


class Blame(StrEnum):
    """Who is at fault when there is no fresh overview: the code of the answer."""

    REDIS = "REDIS_UNAVAILABLE"  #: it can't be read
    MONITOR = "MONITOR_BEHIND"  #: it is slow, or met what it did not foresee


@dataclass(frozen=True)
class Failure:
    """Why there is no fresh overview."""

    blame: Blame
    reason: str
    refused: bool = False  #: Redis answered, but with an error


class NotFreshError(Exception):
    """There is no fresh overview to answer from."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


@dataclass(frozen=True)
class _Latest:
    overview: Overview | None = None
    read_at: float = 0.0  #: on the monotonic clock
    failure: Failure | None = None
    failed_at: float = 0.0  #: seconds since 1970, when the failure was first seen


class Feed:
    """The newest overview, or the reason why there is none; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # One attribute, replaced whole: a reader never sees half of a change.
        self._latest = _Latest()
        self._asking_since: float | None = None  # on the monotonic clock, while Redis is asked

    def asks(self) -> None:
        """Take note that Redis is asked, or that it gave a part of its answer."""
        self._asking_since = self._clock.monotonic()

    def answered(self) -> None:
        """Take note that Redis has answered: what takes time from now on is the monitor's."""
        self._asking_since = None

    def publish(self, overview: Overview) -> None:
        """Make this overview the newest."""
        self._latest = _Latest(overview, self._clock.monotonic())

    def fail(self, reason: str, blame: Blame = Blame.REDIS, *, refused: bool = False) -> None:
        """Say that there is none now, and why; the last one stays for those who show it as stale."""
        before = self._latest
        failed_at = before.failed_at if before.failure is not None else self._clock.now().timestamp()
        self._latest = _Latest(before.overview, before.read_at, Failure(blame, reason, refused), failed_at)

    @property
    def last(self) -> Overview | None:
        """The last overview, however old; None before the first."""
        return self._latest.overview

    @property
    def age_s(self) -> float:
        """Seconds since the newest overview was read."""
        return self._clock.monotonic() - self._latest.read_at

    @property
    def failure(self) -> Failure | None:
        """Why there is no fresh overview; None when there is one."""
        latest = self._latest
        if latest.failure is not None:
            return latest.failure
        age_s = self._clock.monotonic() - latest.read_at
        if latest.overview is None or age_s > STALE_AFTER_S:
            return self._silence(latest)
        return None

    def _silence(self, latest: _Latest) -> Failure:
        asking_since = self._asking_since
        is_asking = asking_since is not None and self._clock.monotonic() - asking_since > SILENT_AFTER_S
        if is_asking or (latest.overview is None and asking_since is not None):
            return Failure(Blame.REDIS, "Redis gives no answer")
        if latest.overview is None:
            return Failure(Blame.MONITOR, "the monitor has only just begun to read Redis")
        return Failure(Blame.MONITOR, "the monitor takes long to work out what Redis answered")

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

        Raises: NotFreshError: there is none that is fresh.
        """
        await self.wait_for_first()
        overview, failure = self.last, self.failure
        if failure is not None:
            raise NotFreshError(failure)
        assert overview is not None  # noqa: S101 - without one there is a failure
        return overview
