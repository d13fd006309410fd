"""The way to Redis: one client per process, every failure turned into one of our errors.

No other module imports `redis` or `hiredis`. The client never repeats a command by itself: redis-py would do so ten
times, and an RPUSH repeated after a lost reply doubles what it pushed. The scripts are safe to repeat, so the callers
repeat those.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self, TypeVar

import redis

from shared.backoff import Backoff
from shared.clock import monotonic
from shared.errors import RedisFullError, RedisRefusedError, RedisUnavailableError
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.redis.answers import connected_replicas, too_large, translated, without_errors
from shared.redis.bounded_answers import TooLargeError
from shared.redis.connections import Argument, ConnectionNumber, Connections
from shared.redis.scripts import Call, run_scripts
from shared.redis.topology import Primary
from shared.redis.trouble import Trouble
from shared.settings.models import ANSWER_MAX_BYTES, ServiceSettings

#: Seconds that a blocking command waits at most: less than an answer may take.
MAX_BLOCK_S = 5.0

#: Seconds by which the end of a blocking command may be late before the connection counts as lost.
_LATE_S = 2.0

#: Seconds between two tries while Redis is away, at most: doubled from the first to the last.
FIRST_RETRY_S, LAST_RETRY_S = 0.05, 1.0

#: Seconds for which Redis' clock is reckoned from ours before it is asked again.
CLOCK_TRUST_S = 10.0

_log = get_logger()
T = TypeVar("T")


class Confirmed(NamedTuple):
    """A script's answer, and what became of it on replicas."""

    answer: Any
    confirmed: int  #: replicas that have it
    replicas: int  #: replicas that are connected; as many as wanted where ROLE may not be asked
    connection: ConnectionNumber


class RedisLink:
    """One process's connections to Redis; safe to use from several threads at once."""

    def __init__(
        self,
        redis_url: str | Callable[[], str],
        *,
        client_name: str = "tagpipe",
        namespace: str = "tagpipe",
        sentinel_password: Callable[[], str] = str,
        answer_max_bytes: int = ANSWER_MAX_BYTES,
    ) -> None:
        """Open no connection yet. Those of services: `RedisLink.of`.

        Args: redis_url: or what reads it, for each connection anew. namespace: whose primary is sought in a cluster.
            answer_max_bytes: beyond which no answer is read.
        Raises: ValueError: the URL has none of the forms of docs/redis.md.
        """
        read_url = redis_url if callable(redis_url) else lambda: redis_url
        self._primary = Primary(read_url, namespace, sentinel_password)
        self._connections = Connections(self._primary, client_name, answer_max_bytes)
        self._server_clock = (0.0, -math.inf)
        self._trouble = Trouble(lambda: self.address)
        self._is_closed = False

    def when_back(self, call: Callable[[float], None]) -> None:
        """Call this with the seconds that Redis was away, once it is back."""
        self._trouble.on_back = call

    @classmethod
    def of(cls, settings: ServiceSettings, client_name: str) -> Self:
        """Return a link as the settings want it."""
        return cls(
            settings.current_redis_url,
            client_name=client_name,
            namespace=settings.namespace,
            sentinel_password=settings.current_sentinel_password,
            answer_max_bytes=settings.answer_max_bytes,
        )

    @property
    def address(self) -> str:
        """Where it leads, without credentials: for logs."""
        return str(self._primary)

    def look_for_primary(self) -> None:
        """Give up all connections where sentinels know of another primary: the old one may not know it for seconds.

        Raises: RedisUnavailableError: nobody could be asked.
        """
        if self._guard(self._primary.has_moved):
            self._connections.forget()

    def server_time(self) -> float:
        """Return the seconds since 1970 by Redis' clock, as it was asked CLOCK_TRUST_S ago at most.

        Raises: RedisUnavailableError.
        """
        ahead_s, asked_at = self._server_clock
        if monotonic() - asked_at > CLOCK_TRUST_S:
            asked_at = monotonic()
            seconds, microseconds = self.command("TIME")
            ahead_s = int(seconds) + int(microseconds) / 1e6 - asked_at
            self._server_clock = ahead_s, asked_at
        return ahead_s + monotonic()

    def run(self, script: str, keys: Sequence[str], args: Iterable[Argument] = ()) -> Any:
        """Run `lua/<script>.lua` and return its answer.

        Raises: RedisUnavailableError: it may have run; RedisFullError: it did not. Both: repeat the same call.
        """
        (answer,) = self.run_all(Call(script, keys, args))
        return answer

    def run_all(self, *calls: Call, then: Sequence[Argument] = ()) -> list[Any]:
        """Run scripts one after the other in one round trip, and a command after them; return their answers in order.

        They are not one step: others may come between two of them. Where the server did not know a script yet, that
        runs after the command.
        Raises: RedisUnavailableError: any of them may have run; RedisFullError: one did not. Both: repeat each.
        """
        return self._guard(lambda: run_scripts(self._connections, calls, then), *(call[:2] for call in calls), then)

    def run_confirmed(self, call: Call | None, replicas: int, wait_s: float) -> Confirmed:
        """Run a script and wait until so many replicas have what this thread wrote, `wait_s` seconds at most.

        Without a call only what was written before on this thread's connection is waited for.
        Raises: RedisUnavailableError: it may have run.
        """
        return self._guard(lambda: self._confirm(call, replicas, min(wait_s, MAX_BLOCK_S)))

    @property
    def connection_number(self) -> ConnectionNumber | None:
        """Which connection this thread has; None while it has none."""
        return self._connections.number

    @property
    def certificate_until(self) -> float | None:
        """When the certificate of the server ends, in seconds since 1970; None where this thread has seen none."""
        return self._connections.certificate_until

    def _confirm(self, call: Call | None, replicas: int, wait_s: float) -> Confirmed:
        answer = run_scripts(self._connections, [call])[0] if call else None
        # Who waits for more replicas than there are waits in vain, to the end.
        (role,) = self._connections.exchange([("ROLE",)])
        online = connected_replicas(role, replicas)
        confirmed = 0
        if online:
            wait = ("WAIT", min(replicas, online), math.ceil(wait_s * 1000))
            (confirmed,) = without_errors(self._connections.exchange([wait]))
        number = self.connection_number
        if number is None:
            raise redis.exceptions.ConnectionError("the connection was closed just after the answer")
        return Confirmed(answer, confirmed, online, number)

    def command(self, *args: Argument) -> Any:
        """Run one Redis command and return its answer. Raises: RedisUnavailableError, RedisFullError."""
        execute: Callable[..., Any] = self._connections.client.execute_command
        return self._guard(lambda: execute(*args), args)

    def commands(self, *many: Sequence[Argument]) -> list[Any]:
        """Run several commands in one transaction and one round trip; return their answers in order.

        Raises: RedisUnavailableError, RedisFullError.
        """

        def run() -> list[Any]:
            pipeline: Any = self._connections.client.pipeline(transaction=True)
            for args in many:
                pipeline.execute_command(*args)
            return list(pipeline.execute())

        return self._guard(run, *many)

    def hash(self, key: str) -> dict[str, str]:
        """Return a hash as text; empty when there is none.

        Raises: RedisUnavailableError; AnswerTooLargeError: what is there is none of ours.
        """
        asked = ("HGETALL", key)
        # As two texts for each field it takes many times what it was on its way.
        (answer,) = self._guard(
            lambda: without_errors(self._connections.exchange([asked], max_bytes=ANSWER_MAX_BYTES)), asked
        )
        fields = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
        return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields}

    def blocking_pop(self, keys: Sequence[str], wait_s: float) -> tuple[str, bytes] | None:
        """Wait in Redis until one of the lists holds something, take one element; return its list's key and itself.

        Earlier keys go first. Returns None after `wait_s` (at most MAX_BLOCK_S).
        """
        command: list[Argument] = ["BLPOP", *keys, max(0.001, min(wait_s, MAX_BLOCK_S))]
        (answer,) = self._guard(lambda: without_errors(self._connections.exchange([command])))
        return (answer[0].decode(), answer[1]) if answer else None

    def wait_for_element(self, key: str, wait_s: float) -> int:
        """Wait in Redis until the list holds something; return its length. Nothing is moved, nothing is read.

        A list moved onto its own head waits like any other blocking move and changes nothing, so no reply that is lost
        and no process that dies can take an element with it. The answer would be the element, which may be larger than
        our memory: the server is told to leave it out, errors among them, and asked for the length instead. Where it
        refuses the move (at its memory limit, or as a replica) this returns at once; why is for the next command to
        say. A server that is demoted while we wait says so in the answer that is left out, and nothing after it: it is
        not waited for longer than it may take.
        """
        block_s = max(0.001, min(wait_s, MAX_BLOCK_S))
        wait: list[Argument] = ["BLMOVE", key, key, "LEFT", "LEFT", block_s]
        commands: list[Sequence[Argument]] = [("CLIENT", "REPLY", "SKIP"), wait, ("LLEN", key)]
        (length,) = self._guard(
            lambda: without_errors(self._connections.exchange(commands, answers=1, patience_s=block_s + _LATE_S))
        )
        return int(length)

    def ping(self) -> None:
        """Ask for an answer. Raises: RedisUnavailableError."""
        self.command("PING")

    def wait_until_there(
        self,
        stop: StopFlag,
        cause: RedisUnavailableError | None = None,
        tell: Callable[[RedisUnavailableError], object] = lambda _: None,
    ) -> bool:
        """Return True as soon as Redis takes writes again, False when stopped, or this link closed, before that.

        Says so once, not every try; `tell` hears of every try why it failed.
        """
        # Redis is away from all its clients at once, and back for all at once.
        backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
        while not stop.is_set() and not self._is_closed:
            if cause is None:
                try:
                    self.ping()
                except RedisUnavailableError as error:
                    cause = error
                    tell(error)
                else:
                    return True
            if isinstance(cause, RedisRefusedError):
                # It answers, and would answer a PING: only asking the same again shows whether it is willing by now.
                self._trouble.refusing(cause)
                return not stop.wait(LAST_RETRY_S / 2)
            self._trouble.away(cause)
            stop.wait(backoff.next_s())
            cause = None
        return False

    def insist(self, stop: StopFlag, call: Callable[[], T]) -> T | None:
        """Return what a call returns as soon as Redis is there for it; None when stopped before that."""
        while not stop.is_set():
            try:
                return call()
            except RedisUnavailableError as error:
                self.wait_until_there(stop, error)
        return None

    def close(self) -> None:
        """Close all connections, of all threads, and open no more: what still waits for an answer fails at once."""
        self._is_closed = True
        self._connections.close()

    def _guard(self, call: Callable[[], T], *asked: Sequence[Any]) -> T:
        """Return what a call returns. `asked`: commands, for people, where the answer may be of any size."""
        if self._is_closed:
            raise RedisUnavailableError("the link is closed")
        try:
            answer = call()
        except (UnicodeError, redis.exceptions.DataError):
            # The caller's own mistake, before anything was sent.
            raise
        except TooLargeError as error:
            self._trouble.refused()
            raise too_large(error, asked) from error
        except (redis.exceptions.RedisError, OSError, ValueError) as error:
            ours = translated(error)
            if isinstance(ours, RedisRefusedError):
                self._trouble.refused()
                if not isinstance(ours, RedisFullError):
                    self._connections.forget()
            raise ours from error
        self._trouble.answered()
        return answer
