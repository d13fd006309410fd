"""The newest state: the loop publishes it once a tick, and everything that is answered or shown is made of it."""

import asyncio
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.types import Message

from services.monitor.assess.assessment import Alert, Assessment, alert_of
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.said import Said
from shared.clock import Clock

#: An assessment older than this, in seconds, is no answer any more: Redis hangs. Several ticks may be late before.
STALE_AFTER_S = 3.0

#: Seconds that a request waits for the first state, just after the start. Answers are promised within 0.5 s.
FIRST_WAIT_S = 0.4
_FIRST_POLL_S = 0.01

#: Seconds without an answer of Redis after which it is Redis that is waited for, and not the monitor that is slow.
SILENT_AFTER_S = 1.0


class Blame(StrEnum):
    """Who is at fault when there is nothing fresh: the code of the answer."""

    REDIS = "REDIS_UNAVAILABLE"  #: it can't be read
    MONITOR = "MONITOR_BEHIND"  #: it is slow, or met what it did not foresee


@dataclass(frozen=True)
class Failure:
    """Why there is nothing fresh."""

    blame: Blame
    reason: str
    refused: bool = False  #: Redis answered, but with an error

    def finding(self) -> Finding:
        """Return what is wrong, in the words of the alerts."""
        if self.blame is Blame.REDIS:
            kind = "redis_refuses" if self.refused else "redis_away"
            return Finding(kind, Said("Redis can't be read: {reason}", reason=self.reason))
        return Finding("monitor_behind", Said("What is shown is old: {reason}", reason=self.reason))


class NotFreshError(Exception):
    """There is no fresh state to answer from."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


@dataclass(frozen=True)
class State:
    """All that is known at one moment: the last assessment, and why it is not fresh if it is not."""

    assessment: Assessment | None = None  #: None before the first
    failure: Failure | None = None  #: None: the assessment is fresh
    alerts: tuple[Alert, ...] = ()  #: the failure first, then those of the assessment
    #: What it is made of, by number; empty where there is one partition, or this is one.
    partitions: "tuple[State, ...]" = ()
    #: Answers made of it, as they were sent, by the question; who asks the same gets the same bytes.
    encoded: dict[Hashable, Sequence[Message]] = field(default_factory=dict, compare=False, repr=False)

    def fresh(self) -> Assessment:
        """Return the assessment. Raises: NotFreshError: there is none, or it is old."""
        if self.failure is not None or self.assessment is None:
            raise NotFreshError(self.failure or _JUST_BEGUN)
        return self.assessment


_JUST_BEGUN = Failure(Blame.MONITOR, "the monitor has only just begun to read Redis")


class Newest:
    """Holds the newest state. The same object is given out until something else is known; for several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._state = State()
        self._failure: Failure | None = None  # as the loop said it
        self._failed_at = 0.0  # seconds since 1970, when that was first said
        self._read_at = 0.0  # on the monotonic clock
        self._asking_since: float | None = None  # on the monotonic clock, while Redis is asked

    def asks(self) -> None:
        """Take note that Redis is asked, or that it gave a part of its answer."""
        self._asking_since = self._clock.monotonic()

    def answered(self) -> None:
        """Take note that Redis has answered: what takes time from now on is the monitor's."""
        self._asking_since = None

    def publish(self, assessment: Assessment) -> None:
        """Make this assessment the newest state."""
        with self._lock:
            self._failure, self._read_at = None, self._clock.monotonic()
            self._state = State(assessment, None, assessment.alerts)

    def fail(self, reason: str, blame: Blame = Blame.REDIS, *, refused: bool = False) -> bool:
        """Say that there is nothing fresh, and why; return whether that is news. The last assessment stays, as old."""
        failure = Failure(blame, reason, refused)
        with self._lock:
            is_news = failure != self._failure
            if self._failure is None:
                self._failed_at = self._clock.now().timestamp()
            self._failure = failure
            return is_news

    @property
    def state(self) -> State:
        """The newest state; it gets old by itself when nothing is published."""
        with self._lock:
            failure = self._failure or self._silence()
            if failure != self._state.failure:
                self._state = self._state_of(self._state.assessment, failure)
            return self._state

    @property
    def age_s(self) -> float:
        """Seconds since the newest assessment was published."""
        return self._clock.monotonic() - self._read_at

    @property
    def is_failing(self) -> bool:
        """Whether the loop's last word was a failure."""
        return self._failure is not None

    def _silence(self) -> Failure | None:
        """Return what is wrong when nothing is heard of the loop for long; None when it was just heard."""
        is_first = self._state.assessment is None
        if not is_first and self.age_s <= STALE_AFTER_S:
            return None
        asking_since = self._asking_since
        is_asking = asking_since is not None and self._clock.monotonic() - asking_since > SILENT_AFTER_S
        if is_asking or (is_first and asking_since is not None):
            return Failure(Blame.REDIS, "Redis gives no answer")
        if is_first:
            return _JUST_BEGUN
        return Failure(Blame.MONITOR, "the monitor takes long to work out what Redis answered")

    def _state_of(self, assessment: Assessment | None, failure: Failure | None) -> State:
        known = assessment.alerts if assessment is not None else ()
        if failure is None:
            return State(assessment, None, known)
        # Nothing is fresh since the last reading, or, before any, since the first failure.
        now = self._clock.now().timestamp()
        since = now - self.age_s if assessment is not None else self._failed_at or now
        first = alert_of(failure.finding(), since)
        return State(assessment, failure, (first, *(alert for alert in known if alert.code != first.code)))

    async def settled(self) -> State:
        """Return the newest state; right after the start wait for the first word of the loop, not for long."""
        deadline = self._clock.monotonic() + FIRST_WAIT_S
        # Asked for again instead of signalled: the loop's thread knows no event loop, and it is once a process.
        while self._says_nothing_yet and self._clock.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_FIRST_POLL_S)
        return self.state

    @property
    def _says_nothing_yet(self) -> bool:
        return self._state.assessment is None and self._failure is None
