"""The circuit breaker: whether the next batch is tried on Oracle or goes straight to the backup.

Pure; time is passed in.

closed ──first failure──> retrying ──retries used up──> open ──probe answered──> half-open
  ^                          │  ^                         ^                          │ │
  └────────success───────────┘  │                         └───────failure────────────┘ │
  └──────────────────────────success of one trial batch────────────────────────────────┘
"""

import threading
from dataclasses import dataclass
from enum import Enum

from services.writer.sink import SinkError, Verdict

#: First and last seconds between two probes when Oracle refuses the credentials: every try counts against the account,
#: and a profile locks it after ten (FAILED_LOGIN_ATTEMPTS).
CREDENTIALS_FIRST_PROBE_S, CREDENTIALS_LAST_PROBE_S = 60.0, 3600.0


class State(Enum):
    """Where the breaker stands."""

    CLOSED = "closed"
    RETRYING = "retrying"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Permit(Enum):
    """What a worker may do with its batch."""

    TRY = "try"  #: on Oracle, with all retries
    TRIAL = "trial"  #: on Oracle, once
    BACKUP = "backup"


@dataclass(frozen=True)
class Change:
    """The breaker went from one state to another at a time of the monotonic clock, for a reason."""

    before: State
    after: State
    reason: str
    lasted_s: float  #: how long it was in `before`


class Breaker:
    """One process's view of Oracle's health; safe to use from several threads."""

    def __init__(self, probe_interval_s: float) -> None:
        self._probe_interval_s = probe_interval_s
        self._credential_probe_s = CREDENTIALS_FIRST_PROBE_S
        self._lock = threading.Lock()
        self._state = State.CLOSED
        self._since = 0.0
        self._next_probe = 0.0
        self._trial_runs = False
        self._changes: list[Change] = []
        #: What opened it last; None while it is closed.
        self.cause: SinkError | None = None

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._state

    def permit(self) -> Permit:
        """Ask for a batch: in half-open one batch at a time is the trial, the others go to the backup."""
        with self._lock:
            if self._state in (State.CLOSED, State.RETRYING):
                return Permit.TRY
            if self._state is State.HALF_OPEN and not self._trial_runs:
                self._trial_runs = True
                return Permit.TRIAL
            return Permit.BACKUP

    def succeeded(self, now: float) -> None:
        """Oracle took a batch."""
        with self._lock:
            # A batch sent before the outage may be answered after the breaker opened: that is no trial.
            if self._state is State.OPEN:
                return
            self._credential_probe_s = CREDENTIALS_FIRST_PROBE_S
            self.cause = None
            self._go(State.CLOSED, "a batch was written", now)

    def failed(self, error: SinkError, now: float, *, last: bool) -> None:
        """Oracle did not take a batch; `last` when it will not be tried again for now."""
        with self._lock:
            self.cause = error
            if last or error.needs_a_person or self._state is State.HALF_OPEN:
                self._schedule_probe(error, now)
                self._go(State.OPEN, str(error), now)
            elif self._state is State.CLOSED:
                self._go(State.RETRYING, str(error), now)

    def probe_due(self, now: float) -> bool:
        """Tell whether Oracle should be probed now: it is away, or seems to be back and no batch came to try."""
        waiting = self._state is State.OPEN or (self._state is State.HALF_OPEN and not self._trial_runs)
        return waiting and now >= self._next_probe

    def probe_succeeded(self, now: float) -> None:
        """Oracle answered a probe: one batch may try; if none came until the next probe, that is proof enough."""
        with self._lock:
            if self._state is State.OPEN:
                self._next_probe = now + self._probe_interval_s
                self._go(State.HALF_OPEN, "Oracle answers again", now)
            elif self._state is State.HALF_OPEN and not self._trial_runs:
                self.cause = None
                self._go(State.CLOSED, "Oracle answered twice and no batch came meanwhile", now)

    def probe_failed(self, error: SinkError, now: float) -> None:
        """Oracle did not answer a probe."""
        with self._lock:
            self.cause = error
            self._schedule_probe(error, now)
            if self._state is State.HALF_OPEN and not self._trial_runs:
                self._go(State.OPEN, str(error), now)

    def take_changes(self) -> list[Change]:
        """Return the changes since the last call: for events and logs."""
        with self._lock:
            changes, self._changes = self._changes, []
        return changes

    def _schedule_probe(self, error: SinkError, now: float) -> None:
        if error.verdict is Verdict.CREDENTIALS:
            self._next_probe = now + self._credential_probe_s
            self._credential_probe_s = min(2 * self._credential_probe_s, CREDENTIALS_LAST_PROBE_S)
        else:
            self._next_probe = now + self._probe_interval_s

    def _go(self, state: State, reason: str, now: float) -> None:
        self._trial_runs = False
        if state is not self._state:
            self._changes.append(Change(self._state, state, reason, now - self._since))
            self._state, self._since = state, now
