"""The actor: takes up what is asked of its process, says how far it is, and ends it with its outcome.

Whoever is at an action says so with each turn. One that was left by a process that died is taken up by the next that
can, or by its restart, from the beginning: whatever an action does can be done again.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from shared.acting.board import Board, Posted
from shared.backoff import doubled_s
from shared.clock import Clock
from shared.errors import PipelineError, RedisRefusedError, RedisUnavailableError
from shared.life.faults import Faults
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.records.actions import EXPIRES_S, Action, ActionKind, ActionState

#: Seconds between two looks at the board.
TICK_S = 0.5

#: Seconds of the first and the last pause where Redis refuses to be asked: the rights may be of an older version.
_FIRST_WAIT_S, _LAST_WAIT_S = 2.0, 60.0

#: Seconds after which an owner says again that it is at an action which gets on without news.
_SAY_S = 2.0

#: Processes that may end while they are at an action; then it is given up, for they may have died of it.
MAX_ATTEMPTS = 3

#: Who carries out what, where that is always one role.
_OWNERS: dict[str, str] = {
    ActionKind.RECOVER: "writer",
    ActionKind.RETRY_REJECTED_FILE: "writer",
    ActionKind.SET_ASIDE_REJECTED_FILE: "writer",
    ActionKind.FORGET_GROUP: "consumer",
    ActionKind.RETRY_MESSAGES: "consumer",
    ActionKind.DROP_MESSAGES: "consumer",
}

#: Seconds that the end of the process waits for what is under way.
_END_S = 2.0

_log = get_logger()


class Outcome(NamedTuple):
    """What came of an action, in one sentence."""

    state: ActionState
    text: str


@dataclass
class Job:
    """An action that this process is at. Its thread says how far it is by these figures."""

    posted: Posted
    action: Action
    stop: StopFlag = field(default_factory=StopFlag)  #: set when a person wants it to end, or the process ends
    done: int | None = None
    total: int | None = None
    unit: str | None = None
    outcome: Outcome | None = None
    thread: threading.Thread | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether its thread is at work."""
        return self.thread is not None and self.outcome is None


@dataclass(frozen=True)
class Duty:
    """A kind of action that a process carries out."""

    kind: ActionKind
    #: Does it, in a thread of its own, and returns what came of it; must look at `job.stop`.
    carry_out: Callable[[Job], Outcome]
    #: Whether this process is the one that it is asked of.
    is_mine: Callable[[Action], bool] = lambda _action: True
    #: Of the duties of one lane one is carried out at a time.
    lane: str = ""


@dataclass
class Actor:
    """Carries out the actions of one process; `run` is for a thread of its own."""

    board: Board
    heartbeat: Heartbeat
    role: str
    duties: InitVar[Sequence[Duty]]
    _: KW_ONLY
    clock: Clock
    faults: Faults
    gives_up: bool = False  #: whether it ends what nobody takes up

    def __post_init__(self, duties: Sequence[Duty]) -> None:
        self._duties = {duty.kind.value: duty for duty in duties}
        self._refusals = 0
        self._jobs: dict[bytes, Job] = {}

    def run(self, stop: StopFlag) -> None:
        """Go on until stopped, whatever stands on the board."""
        while not stop.is_set():
            try:
                self.run_once()
            except RedisUnavailableError as error:
                # Others say that it is away; what is under way goes on.
                if isinstance(error, RedisRefusedError):
                    # Where the user lacks a right nobody else is to suffer: each refusal costs us all connections.
                    message = f"Redis does not let this process see what people ask for: {error}"
                    _log.warning(message, kind="actions refused")
                    self._refusals += 1
                    stop.wait(doubled_s(_FIRST_WAIT_S, self._refusals, _LAST_WAIT_S))
            except Exception as error:  # noqa: BLE001 - a side path never ends the main one
                self.faults.met(error, stop)
            else:
                self._refusals = 0
            stop.wait(TICK_S)
        self._leave()

    def run_once(self) -> None:
        """Look at the board once. Raises: RedisUnavailableError."""
        if not self.heartbeat.instance:
            return
        posted, now = self.board.open(), self.board.now()
        there = {each.field: each for each in posted}
        for name, job in [*self._jobs.items()]:
            self._tend(job, there.get(name), now)
        for each in posted:
            if each.field not in self._jobs and each.action is not None and self._may_take(each.action, now):
                self._take(each, each.action, now)
            elif self.gives_up:
                self._give_up(each, now)

    def _give_up(self, posted: Posted, now: float) -> None:
        """End what nobody takes up, and take away what is no action."""
        action = posted.action
        if action is None:
            self.board.drop(posted)
        elif action.is_free(now) and action.is_given_up(now):
            self.board.end(posted, action, *_given_up(action), self._me)

    @property
    def _me(self) -> str:
        return f"{self.role}:{self.heartbeat.instance}"

    def _may_take(self, action: Action, now: float) -> bool:
        duty = self._duties.get(action.kind)
        # Names are never held twice: one of ours that is no job of this process is an earlier life's.
        is_free = action.is_free(now) or action.owner == self._me
        return duty is not None and is_free and not action.has_ended and duty.is_mine(action)

    def _take(self, posted: Posted, action: Action, now: float) -> None:
        if action.stop_asked_by or action.is_given_up(now):
            # The monitor ends it, too, where one runs: what was asked days ago, or in a copy of Redis, is not done now.
            self.board.end(posted, action, *_given_up(action), self._me)
            return
        if action.attempts >= MAX_ATTEMPTS:
            text = f"given up: {action.attempts} processes ended while they were at it, {action.owner} the last"
            self.board.end(posted, action, ActionState.FAILED, text, self._me)
            return
        mine = replace(action, owner=self._me, incarnation=self.heartbeat.incarnation, alive_at=now)
        taken = self.board.move(posted, mine)
        if taken is not None:
            job = self._jobs[posted.field] = Job(taken, mine)
            self._begin_when_free(job, now)

    def _tend(self, job: Job, posted: Posted | None, now: float) -> None:
        """Say how far it is, or how it ended; let it go where it is somebody else's by now."""
        action = posted.action if posted else None
        if posted is None or action is None or action.incarnation != self.heartbeat.incarnation:
            job.stop.set()
            del self._jobs[job.posted.field]
            return
        job.posted, job.action = posted, action
        if action.stop_asked_by:
            job.stop.set()
            if job.thread is None:
                job.outcome = Outcome(ActionState.STOPPED, "stopped before it was begun with")
        if job.outcome is not None:
            if self.board.end(posted, _so_far(job), *job.outcome, by=self._me):
                del self._jobs[posted.field]
        elif job.thread is None:
            self._begin_when_free(job, now)
        else:
            self._say(job, _so_far(job), now)

    def _say(self, job: Job, action: Action, now: float) -> None:
        """Say that this process is at it, and how far, where that is news or was not said lately."""
        if action == job.action and abs(now - (action.alive_at or 0.0)) < _SAY_S:
            return
        if (posted := self.board.move(job.posted, said := replace(action, alive_at=now))) is not None:
            job.posted, job.action = posted, said

    def _begin_when_free(self, job: Job, now: float) -> None:
        duty = self._duties[job.action.kind]
        busy = {self._duties[other.action.kind].lane for other in self._jobs.values() if other.is_under_way}
        if duty.lane in busy:
            self._say(job, job.action, now)
            return
        begun = replace(
            job.action, alive_at=now, state=ActionState.RUNNING, started_at=now, attempts=job.action.attempts + 1,
            done=None, total=None,
        )  # fmt: skip
        if (posted := self.board.move(job.posted, begun, step=ActionState.RUNNING, by=self._me)) is None:
            return
        job.posted, job.action = posted, begun
        thread = threading.Thread(target=self._work, args=[duty, job], name=f"action-{job.action.kind}", daemon=True)
        thread.start()
        # Not before: where no thread can be had, this is raised, and the next turn tries again.
        job.thread = thread

    def _work(self, duty: Duty, job: Job) -> None:
        try:
            job.outcome = duty.carry_out(job)
        except PipelineError as error:
            job.outcome = Outcome(ActionState.FAILED, f"{error}; ask for it again")
        except Exception as error:  # noqa: BLE001 - it costs the action
            self.faults.note(error)
            job.outcome = Outcome(ActionState.FAILED, f"met what nobody foresaw: {error!r}; see the log of {self._me}")

    def _leave(self) -> None:
        """Give up what is under way for another, or the next life of this process, to begin anew."""
        for job in self._jobs.values():
            job.stop.set()
        deadline = self.clock.monotonic() + _END_S
        for job in self._jobs.values():
            if job.thread is not None:
                job.thread.join(max(0.0, deadline - self.clock.monotonic()))
        try:
            for job in self._jobs.values():
                self._let_go(job)
        except RedisUnavailableError:
            pass  # It counts as left once nothing is heard of it.

    def _let_go(self, job: Job) -> None:
        interrupted = job.outcome is None or (job.outcome.state is ActionState.STOPPED and not job.action.stop_asked_by)
        if not interrupted and job.outcome is not None:
            self.board.end(job.posted, _so_far(job), *job.outcome, by=self._me)
        elif not job.is_under_way:
            free = replace(
                job.action, state=ActionState.REQUESTED, owner=None, incarnation=None, alive_at=self.board.now(),
                attempts=max(0, job.action.attempts - (job.thread is not None)),
            )  # fmt: skip
            self.board.move(job.posted, free)


def _given_up(action: Action) -> tuple[ActionState, str]:
    if action.stop_asked_by:
        return ActionState.STOPPED, f"stopped: {action.owner} is gone, and nobody carried on"
    if action.started_at is not None:
        text = f"{action.owner or 'who was at it'} is gone, and nobody carried on within {EXPIRES_S:g} s; ask again"
        return ActionState.FAILED, text
    where = f" that has the directory {action.place}" if action.place else ""
    whose = _OWNERS.get(action.kind, "process")
    text = f"nobody took it up within {EXPIRES_S:g} s: no {whose}{where} is running, or it is older than this monitor"
    return ActionState.EXPIRED, text


def _so_far(job: Job) -> Action:
    return replace(job.action, done=job.done, total=job.total, unit=job.unit)
