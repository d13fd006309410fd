"""A put that is confirmed by replicas: what was put is not lost when one of them becomes the primary.

Only the put can lose: what comes after it moves within one history and is done again. So the message stays with its
producer until so many replicas have it (WAIT). Where fewer are connected, one of them may have been made the primary by
now, and this server does not know it yet: the primary is sought again, and only after GRACE_S does the pipeline go on
with what there is, and say so.
"""

from collections.abc import Sequence
from itertools import chain
from time import monotonic
from typing import Any, NamedTuple

from shared.errors import RedisUnavailableError
from shared.journal.events import EventLog
from shared.logs import get_logger
from shared.records.events import Event, Replicas
from shared.redis.connections import Argument, ConnectionNumber
from shared.redis.link import Confirmed, RedisLink
from shared.redis.scripts import Call

#: Seconds by which the end of WAIT comes late: Redis looks at it ten times a second. Its answer must come back in time.
_LATE_S = 0.15

#: Seconds for which replicas are missing on one connection before a put goes on without them: longer than sentinels
#: take to tell everybody of the primary that they made.
GRACE_S = 5.0

_log = get_logger()


class Queued(NamedTuple):
    """What a put answers: how many messages are done with, or the queue's length; and which of them were left out."""

    done: int
    left_out: Sequence[int] = ()

    @classmethod
    def of(cls, answer: Any) -> "Queued":
        """Return the answer of a script that puts."""
        return cls(answer) if isinstance(answer, int) else cls(answer[0], answer[1:])

    def then(self, later: "Queued") -> "Queued":
        """Return both as one."""
        return Queued(self.done + later.done, [*self.left_out, *(self.done + place for place in later.left_out)])


class Put(NamedTuple):
    """A script that puts messages: its keys, what stands before the messages, and each as the script takes it."""

    script: str
    keys: Sequence[str]
    head: Sequence[Argument]
    messages: Sequence[tuple[Argument, ...]]

    def call(self, first: int = 0) -> Call:
        """Return the call that puts the messages from a place on."""
        return Call(self.script, self.keys, [*self.head, *chain.from_iterable(self.messages[first:])])

    def once(self, link: RedisLink) -> Queued:
        """Put them, and wait for nobody.

        Raises: RedisUnavailableError: they may be queued.
        """
        call = self.call()
        return Queued.of(link.run(call.script, call.keys, call.args))


class _Pending(NamedTuple):
    """Messages that are queued, and not confirmed yet."""

    messages: Sequence[tuple[Argument, ...]]
    queued: Queued
    connection: ConnectionNumber


class ReplicatedPut:
    """Puts messages and waits until `wanted` replicas have them. For one thread."""

    def __init__(self, link: RedisLink, events: EventLog, wanted: int) -> None:
        self._link = link
        self._events = events
        self._wanted = wanted
        self._pending: _Pending | None = None
        self._short_since: tuple[ConnectionNumber, float] | None = None
        #: Why puts are confirmed by fewer than wanted; None when they are not.
        self.missing: str | None = None

    def run(self, put: Put, deadline: float) -> Queued:
        """Put messages; return the script's answer once replicas have what it put.

        Messages that an earlier call put on the same connection are only waited for. `deadline`: monotonic.
        Raises: RedisUnavailableError: they are not confirmed; call again with the same ones, or more behind them.
        """
        before = self._still_queued(put.messages)
        first = len(before.messages) if before else 0
        call = put.call(first) if first < len(put.messages) else None
        wait_s = max(0.01, deadline - monotonic() - _LATE_S)
        done = self._link.run_confirmed(call, self._wanted, wait_s)
        queued = Queued.of(done.answer) if call else Queued(0)
        if before:
            queued = before.queued.then(queued)
        if not queued.done:
            return queued
        if done.confirmed < self._needed(done):
            self._pending = _Pending([*put.messages[: queued.done]], queued, done.connection)
            if done.replicas < self._wanted:
                self._link.look_for_primary()
            raise RedisUnavailableError(
                f"it is queued, and {done.confirmed} of {self._wanted} replicas have confirmed it within "
                f"{wait_s:.1f} s ({done.replicas} are connected)"
            )
        self._note(done.replicas)
        return queued

    def _needed(self, done: Confirmed) -> int:
        """Return how many replicas must have confirmed: those that there are, once others are gone for good."""
        if done.replicas >= self._wanted:
            self._short_since = None
            return self._wanted
        if self._short_since is None or self._short_since[0] != done.connection:
            self._short_since = (done.connection, monotonic())
        return self._wanted if monotonic() - self._short_since[1] < GRACE_S else done.replicas

    def _still_queued(self, messages: Sequence[tuple[Argument, ...]]) -> _Pending | None:
        """Return what of these is queued for sure: put on the connection that this thread still has."""
        pending, self._pending = self._pending, None
        if pending is None or pending.connection != self._link.connection_number:
            return None
        return pending if [*messages[: len(pending.messages)]] == pending.messages else None

    def _note(self, replicas: int) -> None:
        if replicas < self._wanted:
            message = f"Redis has {replicas} of {self._wanted} replicas that DATA_QUEUE_REPLICAS wants"
            if message != self.missing:
                self.missing = message
                _log.error(f"{message}: readings go on without; a failover may lose the last ones")
                self._events.add(Event.REPLICAS_MISSING, message, Replicas(replicas=replicas, wanted=self._wanted))
        elif self.missing:
            self.missing = None
            message = f"Redis has {self._wanted} replicas again that confirm what is put"
            _log.info(message)
            self._events.add(Event.REPLICAS_BACK, message, Replicas(replicas=replicas, wanted=self._wanted))
