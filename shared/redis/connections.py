"""One process's connections to the primary: one for each thread, and the client library's own pool for single commands.

An answer that says that this may be the wrong server makes all of them be given up: those of other threads before their
next command.
"""

import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any

import hiredis
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.redis.topology import Primary

#: Seconds until an answer counts as lost. A blocking command must wait for less, or redis-py raises.
SOCKET_TIMEOUT_S = 10.0

#: Seconds without a command after which a connection is asked whether the server hung up meanwhile (its `timeout`).
_IDLE_S = 1.0

#: Seconds between two times that all connections are given up because an answer says that it may be the wrong server.
_FORGET_INTERVAL_S = 1.0

Argument = str | bytes | int | float

#: Which connection a thread has: another one once it was opened anew.
ConnectionNumber = tuple[int, int]


class Connections:
    """Connections that lead to the primary whenever they are opened; safe to use from several threads at once."""

    def __init__(self, primary: Primary, client_name: str, answer_max_bytes: int) -> None:
        self._pool = primary.pool(
            retry=Retry(NoBackoff(), 0),
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=SOCKET_TIMEOUT_S / 2,
            health_check_interval=20,
            client_name=client_name,
            answer_max_bytes=answer_max_bytes,
        )
        #: For single commands and transactions.
        self.client = redis.Redis(connection_pool=self._pool)
        self._local = threading.local()
        self._state = threading.Lock()
        self._forgotten_at = 0.0
        #: Of the connections that may be used; those of an earlier one are forgotten.
        self.generation = 0

    @property
    def number(self) -> ConnectionNumber | None:
        """Which connection this thread has; None while it has none."""
        lease: _Lease | None = getattr(self._local, "lease", None)
        if lease is None or not lease.connection.is_connected or lease.is_forgotten:
            return None
        return id(lease.connection), lease.connection.times_opened

    @property
    def certificate_until(self) -> float | None:
        """When the certificate ends that the server showed this thread; None where it showed none."""
        lease: _Lease | None = getattr(self._local, "lease", None)
        return lease.connection.certificate_until if lease is not None and lease.connection.is_connected else None

    def exchange(
        self,
        commands: Sequence[Sequence[Argument]],
        answers: int | None = None,
        patience_s: float | None = None,
        max_bytes: int | None = None,
    ) -> list[Any]:
        """Send commands and read their answers, errors among them, on this thread's own connection.

        `answers`: how many come, where it is not one a command. `patience_s`: seconds until the first must have come,
        where they are fewer than SOCKET_TIMEOUT_S. `max_bytes`: of all answers, where they are fewer than usual.

        The client's own way costs as much CPU again (its pool, retries and telemetry), and one batch of values takes
        several commands.
        """
        lease: _Lease | None = getattr(self._local, "lease", None)
        if lease is None:
            lease = self._local.lease = _Lease(self, self._pool)
        elif lease.is_forgotten or lease.was_hung_up():
            lease.connection.disconnect()
        lease.generation = self.generation
        connection = lease.connection
        read: list[Any] = []
        try:
            # redis-py's own packing looks at every argument: half of what a push of thousands of values costs us.
            connection.send_packed_command([b"".join(map(_packed, commands))])
            if max_bytes is not None:
                connection.expect(max_bytes)
            if patience_s is not None:
                _wait_for_answer(connection, patience_s)
            for _ in range(len(commands) if answers is None else answers):
                try:
                    read.append(connection.read_response())
                except redis.exceptions.ResponseError as error:
                    read.append(error)
        except BaseException:
            # An answer that was not read must not be taken for the next command's.
            connection.disconnect()
            raise
        lease.used_at = monotonic()
        return read

    def forget(self) -> None:
        """Give up all connections, those of other threads before their next command; not again and again."""
        now = monotonic()
        with self._state:
            if now - self._forgotten_at < _FORGET_INTERVAL_S:
                return
            self._forgotten_at = now
            self.generation += 1
        self._pool.disconnect(inuse_connections=False)

    def close(self) -> None:
        """Close all, whoever waits on them."""
        self._pool.disconnect()


class _Lease:
    """A thread's connection; it goes back to the pool with the thread, or each one that ends would leave one open."""

    def __init__(self, connections: Connections, pool: Any) -> None:
        self._connections = connections
        self._pool = pool
        self.connection: Any = None
        self.connection = pool.get_connection()
        self.generation = connections.generation
        self.used_at = monotonic()

    @property
    def is_forgotten(self) -> bool:
        return self.generation != self._connections.generation

    def was_hung_up(self) -> bool:
        """Tell whether an idle connection has ended: nobody asked anything, so what is there to read is its end."""
        if monotonic() - self.used_at < _IDLE_S or not self.connection.is_connected:
            return False
        try:
            return bool(self.connection.can_read(0))
        except (redis.exceptions.RedisError, OSError):
            return True

    def __del__(self) -> None:
        if self.connection is None:
            return
        if self.is_forgotten:
            self.connection.disconnect()
        self._pool.release(self.connection)


def _wait_for_answer(connection: Any, patience_s: float) -> None:
    if not connection.can_read(patience_s):
        raise redis.exceptions.TimeoutError(f"no answer within {patience_s:g} s")


def _packed(command: Sequence[Argument]) -> bytes:
    # The stub knows commands of one argument alone.
    packed: bytes = hiredis.pack_command(tuple(command))  # type: ignore[arg-type]
    return packed
