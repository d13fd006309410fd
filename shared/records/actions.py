"""Actions: what a person asks for, who carries it out, how far it is and what came of it."""

from enum import StrEnum

from msgspec import field
from msgspec.structs import replace

from shared.records.reading import Count, LongText, Moment, Record, Text

#: Seconds after which an action whose owner said nothing of it is free for another one.
LEASE_S = 15.0

#: Seconds after which an action that nobody takes up, or carries on, is given up.
EXPIRES_S = 60.0


class ActionKind(StrEnum):
    """What can be asked for, and of whom."""

    RECOVER = "recover"  #: of a writer that has the files
    PAUSE = "pause"  #: of a writer or a consumer
    RESUME = "resume"
    FORGET_GROUP = "forget_group"  #: of a consumer: a polling group that is gone
    FORGET_SERVICE = "forget_service"  #: of a monitor: a process that is dead
    RETRY_REJECTED_FILE = "retry_rejected_file"  #: of a writer that has the file
    SET_ASIDE_REJECTED_FILE = "set_aside_rejected_file"
    RETRY_MESSAGES = "retry_messages"  #: of a consumer
    DROP_MESSAGES = "drop_messages"
    ACKNOWLEDGE = "acknowledge"  #: of a monitor: losses that are known


class ActionState(StrEnum):
    """How far an action is; the last four are its ends."""

    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    EXPIRED = "expired"  #: nobody took it up


ENDS = frozenset({ActionState.DONE, ActionState.FAILED, ActionState.STOPPED, ActionState.EXPIRED})


class Action(Record, frozen=True):
    """Something that a person asked for."""

    id: Text
    kind: Text  #: a newer version may know more of them
    target: LongText | None = None  #: what it is about: a file, `role:name`, a polling group; null for all
    place: LongText | None = None  #: of files: the directory that has them, as `place` of the backup files
    options: dict[Text, bool | int | float | str] = field(default_factory=dict)  #: `rate`, `dry_run`...
    state: Text = ActionState.REQUESTED  #: requested, running, done, failed, stopped or expired
    asked_by: Text = ""
    asked_at: Moment = 0.0
    owner: Text | None = None  #: `role:name` of who carries it out
    incarnation: Text | None = None  #: of that process
    alive_at: Moment | None = None  #: when it last said that it is at it; 15 s later another may take it up
    attempts: Count = 0  #: how many processes began with it
    started_at: Moment | None = None
    ended_at: Moment | None = None
    done: Count | None = None  #: of `total`, in `unit`
    total: Count | None = None
    unit: Text | None = None
    outcome: LongText | None = None  #: one sentence for people
    stop_asked_by: Text | None = None  #: who wants it to stop

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in ENDS

    @property
    def title(self) -> str:
        """What it is, for people."""
        options = ", ".join(f"{name}={value}" for name, value in self.options.items() if value is not False)
        return f"{self.kind} {self.target or 'all'}{f' ({options})' if options else ''}"

    def is_free(self, now: float) -> bool:
        """Tell whether nobody is at it at a moment of Redis' clock."""
        # Further in the future than any is: Redis' clock was put back since.
        return self.owner is None or abs(now - (self.alive_at or 0.0)) > LEASE_S

    def is_given_up(self, now: float) -> bool:
        """Tell whether it was free for too long."""
        return abs(now - max(self.asked_at, self.alive_at or 0.0)) > EXPIRES_S

    def ended(self, state: ActionState, outcome: str, at: float) -> "Action":
        """Return it at its end."""
        return replace(self, state=state, outcome=outcome[:1_000], ended_at=round(at, 3))


class Paused(Record, frozen=True):
    """Who paused a process, and when."""

    by: Text
    at: Moment


class AuditEntry(Record, frozen=True):
    """One step of an action: who did what."""

    what: Text  #: its new state, or `stop`
    by: Text  #: who asked, or which process
    action: str  #: JSON of the action as it was then
