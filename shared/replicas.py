"""A put that is confirmed by replicas: what was put is not lost when one of them becomes the primary.

Only the put can lose: what comes after it moves within one history and is done again. So the message stays with its
producer until so many replicas have it (WAIT). Where fewer are connected at all, the pipeline goes on with what there
is, and says so.
"""

from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from shared.errors import RedisUnavailableError
from shared.events import EventLog
from shared.logs import get_logger
from shared.records.events import Event, Replicas
from shared.redis_link import Argument, Call, ConnectionNumber, RedisLink

#: Seconds by which the end of WAIT comes late: Redis looks at it ten times a second. Its answer must come back in time.
_LATE_S = 0.15

_log = get_logger()


class _Pending(NamedTuple):
    """Messages that are queued, and not confirmed yet."""

    messages: tuple[bytes, ...]
    answer: int
    connection: ConnectionNumber


class ReplicatedPut:
    """Puts messages and waits until `wanted` replicas have them. For one thread."""

    def __init__(self, link: RedisLink, events: EventLog, wanted: int) -> None:
        self._link = link
        self._events = events
        self._wanted = wanted
        self._pending: _Pending | None = None
        #: Why puts are confirmed by fewer than wanted; None when they are not.
        self.missing: str | None = None

    def run(self, script: str, key: str, max_messages: int, messages: Sequence[bytes], deadline: float) -> int:
        """Run a script that puts messages; return its answer once replicas have what it put.

        Messages that an earlier call put on the same connection are only waited for. `deadline`: monotonic.
        Raises: RedisUnavailableError: they are not confirmed; call again with the same ones, or more behind them.
        """
        before = self._still_queued(messages)
        rest = messages[len(before.messages) :] if before else messages
        args: list[Argument] = [max_messages, *rest]
        call = Call(script, [key], args) if rest else None
        wait_s = max(0.01, deadline - monotonic() - _LATE_S)
        done = self._link.run_confirmed(call, self._wanted, wait_s)
        answer = done.answer if call else 0
        if before and script == "put_many":
            answer += before.answer
        elif before:
            answer = before.answer
        if not answer:
            return 0
        needed = min(self._wanted, done.replicas)
        if done.confirmed < needed:
            queued = tuple(messages[:answer]) if script == "put_many" else tuple(messages)
            self._pending = _Pending(queued, answer, done.connection)
            raise RedisUnavailableError(
                f"it is queued, and {done.confirmed} of {needed} replicas have confirmed it within {wait_s:.1f} s"
            )
        self._pending = None
        self._note(done.replicas)
        return answer

    def _still_queued(self, messages: Sequence[bytes]) -> _Pending | None:
        """Return what of these is queued for sure: put on the connection that this thread still has."""
        pending, self._pending = self._pending, None
        if pending is None or pending.connection != self._link.connection_number:
            return None
        return pending if tuple(messages[: len(pending.messages)]) == pending.messages else None

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
