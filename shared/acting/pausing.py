"""Paused: a process that lives, and takes nothing up until a person lets it go on.

That it is stands in Redis under its name: who is restarted under the same name stays paused, whoever stopped it. A
process that comes under another name (a container that was made anew, without INSTANCE_NAME) is not.
"""

import threading
from collections.abc import Callable

from shared.acting.actor import Duty, Job, Outcome
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.records.actions import Action, ActionKind, ActionState, Paused
from shared.records.reading import from_json, to_json
from shared.redis.link import RedisLink

#: Seconds between two looks whether it may go on, and whether nothing is in hand any more.
TICK_S = 0.2

_log = get_logger()


class Pause:
    """Whether one process is paused; for several threads."""

    def __init__(self, link: RedisLink, keys: Keys, heartbeat: Heartbeat, role: str) -> None:
        self._link = link
        self._key = keys.paused
        self._heartbeat = heartbeat
        self._role = role
        self._lock = threading.Lock()
        self._flag: StopFlag | None = None
        #: Who paused it, and when; None while it is not.
        self.said: Paused | None = None

    def is_on(self) -> bool:
        """Tell whether it is."""
        return self.said is not None

    @property
    def state(self) -> str:
        """What the heartbeat says."""
        return "paused" if self.is_on() else "running"

    def within(self, stop: StopFlag) -> StopFlag:
        """Return a flag that is set when the process is to stop, or pauses: for what may be left to others."""
        with self._lock:
            if self._flag is None:
                self._flag = StopFlag(within=stop)
                if self.is_on():
                    self._flag.set()
            return self._flag

    def recall(self, stop: StopFlag) -> None:
        """Ask Redis whether it is, once the process has its name; wait for the answer."""
        with self._heartbeat.sign.shown():
            raw = self._link.insist(stop, lambda: self._link.command("HGET", self._key, self._name))
        self.said = from_json(Paused, raw) if raw else None
        if self.said is not None:
            _log.warning(f"Paused by {self.said.by} before this start: nothing is taken up until it is resumed")

    def duties(self, is_busy: Callable[[], bool]) -> list[Duty]:
        """Return the two kinds of actions that this takes; `is_busy` tells whether something is in hand."""

        def pause(job: Job) -> Outcome:
            # First in Redis: where the answer is lost it holds from the next start on.
            said = Paused(by=job.action.asked_by, at=job.action.asked_at)
            self._link.command("HSET", self._key, self._name, to_json(said))
            with self._lock:
                self.said = said
                if self._flag is not None:
                    self._flag.set()
            while is_busy():
                if not self.is_on():
                    return Outcome(ActionState.STOPPED, "resumed before everything was given back")
                if job.stop.wait(TICK_S):
                    return Outcome(ActionState.STOPPED, "paused; what is in hand was not waited for")
            return Outcome(ActionState.DONE, "paused; nothing is in hand, and nothing is taken up until it is resumed")

        def resume(_job: Job) -> Outcome:
            self._link.command("HDEL", self._key, self._name)
            with self._lock:
                self.said = self._flag = None
            return Outcome(ActionState.DONE, "goes on")

        return [
            Duty(ActionKind.PAUSE, pause, self._is_me, lane="pause"),
            Duty(ActionKind.RESUME, resume, self._is_me, lane="resume"),
        ]

    @property
    def _name(self) -> str:
        return f"{self._role}:{self._heartbeat.instance}"

    def _is_me(self, action: Action) -> bool:
        return action.target == self._name
