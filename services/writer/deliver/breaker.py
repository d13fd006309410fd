"""The circuit breaker: whether the next batch is tried on Oracle or goes straight to the backup.

Pure; time is passed in.

closed ──first failure──> retrying ──retries used up──> open ──probe answered──> half-open
  ^                          │  ^                         ^                          │ │
  └────────success───────────┘  │                         └─probe failed, new reason─┘ │
  └──────────────────────────one trial batch was taken─────────────────────────────────┘

That a probe is answered proves nothing about an insert (a read-only standby, a missing partition, a full tablespace
answer every SELECT), so half-open lasts until a batch was taken: one is tried each probe interval, the others go to the
backup. A trial that fails for the reason that is known changes nothing, however often: no flapping.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from services.writer.sink import SinkError, Verdict
from shared.backoff import spread_s
from shared.records.heartbeats import BreakerState


class Permit(Enum):
    """What a worker may do with its batch."""

    TRY = "try"  #: on Oracle, with all retries
    TRIAL = "trial"  #: on Oracle, once
    BACKUP = "backup"


@dataclass(frozen=True)
class Change:
    """The breaker went from one state to another at a time of the monotonic clock, for a reason."""

    before: BreakerState
    after: BreakerState
    reason: str
    lasted_s: float  #: how long it was in `before`


class Breaker:
    """One process's view of Oracle's health; safe to use from several threads."""

    def __init__(self, probe_interval_s: float, spread: Callable[[float], float] = spread_s) -> None:
        """Take the seconds between two probes, and what becomes of them: many writers must not probe in step."""
        self._probe_interval_s = probe_interval_s
        self._spread = spread
        self._lock = threading.Lock()
        self.state = BreakerState.CLOSED  #: where it stands
        self._since = 0.0
        self._next_probe = 0.0
        self._next_trial = 0.0
        self._changes: list[Change] = []
        #: What opened it last; None while it is closed.
        self.cause: SinkError | None = None

    def permit(self, now: float) -> Permit:
        """Ask for a batch: in half-open one each probe interval is the trial, the others go to the backup."""
        with self._lock:
            if self.state in (BreakerState.CLOSED, BreakerState.RETRYING):
                return Permit.TRY
            if self.state is BreakerState.HALF_OPEN and now >= self._next_trial:
                self._next_trial = now + self._probe_interval_s
                return Permit.TRIAL
            return Permit.BACKUP

    def succeeded(self, now: float) -> None:
        """Oracle took a batch."""
        with self._lock:
            # A batch sent before the outage may be answered after the breaker opened: that is no trial.
            if self.state is BreakerState.OPEN:
                return
            self.cause = None
            self._go(BreakerState.CLOSED, "a batch was written", now)

    def failed(self, error: SinkError, now: float, *, last: bool) -> None:
        """Oracle did not take a batch; `last` when it will not be tried again for now."""
        with self._lock:
            known, self.cause = self.cause, error
            if self.state is BreakerState.HALF_OPEN:
                if error.verdict is not Verdict.CREDENTIALS and known is not None and known.code == error.code:
                    return
                last = True
            if last or error.needs_a_person:
                self._next_probe = now + self._spread(self._probe_interval_s)
                self._go(BreakerState.OPEN, str(error), now)
            elif self.state is BreakerState.CLOSED:
                self._go(BreakerState.RETRYING, str(error), now)

    def probe_due(self, now: float) -> bool:
        """Tell whether Oracle should be probed now: it is away, or answers and has taken nothing yet."""
        return self.state in (BreakerState.OPEN, BreakerState.HALF_OPEN) and now >= self._next_probe

    def probe_succeeded(self, now: float) -> None:
        """Oracle answered a probe: a batch may try. Nothing else closes it."""
        with self._lock:
            self._next_probe = now + self._spread(self._probe_interval_s)
            if self.state is BreakerState.OPEN:
                self._next_trial = now
                self._go(BreakerState.HALF_OPEN, "Oracle answers again", now)

    def probe_failed(self, error: SinkError, now: float) -> None:
        """Oracle did not answer a probe."""
        with self._lock:
            if self.state not in (BreakerState.OPEN, BreakerState.HALF_OPEN):
                return
            self.cause = error
            self._next_probe = now + self._spread(self._probe_interval_s)
            self._go(BreakerState.OPEN, str(error), now)

    def pop_changes(self) -> list[Change]:
        """Return the changes since the last call: for events and logs."""
        with self._lock:
            changes, self._changes = self._changes, []
        return changes

    def _go(self, state: BreakerState, reason: str, now: float) -> None:
        if state is not self.state:
            self._changes.append(Change(self.state, state, reason, now - self._since))
            self.state, self._since = state, now
