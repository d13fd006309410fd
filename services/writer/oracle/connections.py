"""The connections to Oracle: as many as there are slots, from one pool, each in one thread's hands at a time.

Every wait ends: for a slot, for a connection and for an answer there are limits, and a pool whose background thread
hangs in a listener that says nothing is replaced.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

import oracledb

from services.writer.oracle.errors import from_driver, oracle_error
from services.writer.oracle.hung_sockets import release_stuck_threads
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from shared.errors import FatalError
from shared.logs import get_logger

#: Abandoned pools whose background thread still hangs, at most: then only a new process helps.
MAX_STUCK_POOLS = 3

#: Verdicts after which a connection is sound and goes back to the pool.
_SOUND = (Verdict.ROW, Verdict.DUPLICATE, Verdict.SPACE, Verdict.CONFIGURATION, Verdict.CREDENTIALS)

#: A connection in use and the pool that it goes back to.
Lease: TypeAlias = tuple[oracledb.ConnectionPool, oracledb.Connection]

_log = get_logger()


class Connections:
    """Lends connections; safe to use from several threads."""

    def __init__(self, settings: WriterSettings) -> None:
        # Before any connect: otherwise a first one that hangs blocks every other in the process.
        oracledb.enable_thin_mode()  # type: ignore[no-untyped-call]
        self._settings = settings
        self._lock = threading.Lock()
        self._pool: oracledb.ConnectionPool | None = None
        self._stuck: list[threading.Thread] = []
        #: One for each connection that the pool may open: who has one never waits for another's connection.
        self._slots = threading.BoundedSemaphore(settings.oracle_pool_max)
        self._kept: list[Lease] = []

    @property
    def open_and_busy(self) -> tuple[int, int]:
        """Connections open, and those of them out of the pool."""
        pool = self._pool
        return (pool.opened, pool.busy) if pool else (0, 0)

    @contextmanager
    def lend(self, *, keep: bool = False) -> Iterator[oracledb.Connection]:
        """Lend a connection for one call.

        keep: the next call gets it without the pool, whose acquire and release cost a sixth of a batch's CPU and delay
            those that wait; `rest` gives it back.
        Raises: SinkError: there is none, or what was done with it failed.
        """
        settings = self._settings
        if not self._slots.acquire(timeout=settings.oracle_pool_timeout):
            raise oracle_error(
                "DPY-4005",
                f"DPY-4005: all {settings.oracle_pool_max} connections were in use for "
                f"{settings.oracle_pool_timeout:g} s",
            )
        try:
            with self._returning(self._take_kept() or self._acquire(), keep=keep) as connection:
                yield connection
        finally:
            self._slots.release()

    def rest(self) -> None:
        """Give the connections that were kept back to the pool."""
        while (lease := self._take_kept()) is not None:
            _release(*lease)

    def close(self) -> None:
        """Close the pool; does not wait for connections in use."""
        with self._lock:
            pool, self._pool = self._pool, None
        self.rest()
        if pool is not None:
            _close_quietly(pool)

    @contextmanager
    def _returning(self, lease: Lease, *, keep: bool) -> Iterator[oracledb.Connection]:
        """Keep a connection afterwards, or give it back, or drop it when it is not sound any more."""
        pool, connection = lease
        sound = True
        try:
            yield connection
        except Exception as driver_error:
            error = driver_error if isinstance(driver_error, SinkError) else from_driver(driver_error)
            sound = error.verdict in _SOUND
            raise error from driver_error
        finally:
            if not sound:
                _drop(pool, connection)
                # What broke this one may have broken those that are kept; the pool looks before it lends one again.
                self.rest()
            else:
                _end_transaction(connection)
                if keep and pool is self._pool:
                    self._kept.append(lease)
                else:
                    _release(pool, connection)

    def _take_kept(self) -> Lease | None:
        with suppress(IndexError):
            while True:
                lease = self._kept.pop()
                if lease[0] is self._pool:
                    return lease
                _release(*lease)
        return None

    def _acquire(self) -> Lease:
        pool = self._get_pool()
        try:
            connection = pool.acquire()
        except Exception as driver_error:
            error = from_driver(driver_error, connecting=True)
            if error.code == "DPY-4005":
                # There is a slot, so the pool could grow, and does not.
                self._replace(pool)
            raise error from driver_error
        try:
            # On a connection that died in the pool the driver raises AttributeError here.
            connection.call_timeout = int(self._settings.oracle_call_timeout * 1000)
        except Exception as driver_error:
            _drop(pool, connection)
            raise from_driver(driver_error) from driver_error
        return pool, connection

    def _get_pool(self) -> oracledb.ConnectionPool:
        with self._lock:
            if self._pool is None:
                self._pool = self._open_pool()
            return self._pool

    def _open_pool(self) -> oracledb.ConnectionPool:
        settings = self._settings
        return oracledb.create_pool(
            user=settings.oracle_user,
            password=settings.oracle_password.get_secret_value(),
            dsn=settings.dsn,
            min=settings.oracle_pool_min,
            max=settings.oracle_pool_max,
            increment=1,
            getmode=oracledb.POOL_GETMODE_TIMEDWAIT,
            wait_timeout=int(settings.oracle_pool_timeout * 1000),
            ping_interval=30,
            ping_timeout=2000,
            tcp_connect_timeout=settings.oracle_connect_timeout,
            # Minutes without traffic after which the kernel tests the line: firewalls forget idle connections.
            expire_time=2,
        )

    def _replace(self, pool: oracledb.ConnectionPool) -> None:
        """Give up a pool that can't grow although it may: its background thread hangs in a connect.

        Raises: FatalError: too many threads hang.
        """
        with self._lock:
            if self._pool is not pool:
                return
            self._pool = None
            # The thread waits in recv() for ever; closing its socket under it ends it.
            released = release_stuck_threads(self._settings.dsn)
            closing = threading.Thread(target=_close_quietly, args=(pool,), name="close-stuck-pool", daemon=True)
            closing.start()
            self._stuck = [thread for thread in [*self._stuck, closing] if thread.is_alive()]
        _log.warning(f"Oracle accepts connections but does not answer; pool replaced, {released} sockets closed")
        if len(self._stuck) > MAX_STUCK_POOLS:
            raise FatalError(
                f"{len(self._stuck)} connection pools hang in a listener that does not answer. Ending, so that a new "
                "process starts clean; what was in flight is in Redis and is taken over."
            )


def _end_transaction(connection: oracledb.Connection) -> None:
    """Undo what an insert that failed half-way left: the next batch on this connection must not commit it."""
    with suppress(oracledb.Error, AttributeError):
        if connection.transaction_in_progress:
            connection.rollback()


def _release(pool: oracledb.ConnectionPool, connection: oracledb.Connection) -> None:
    with suppress(oracledb.Error, AttributeError):
        pool.release(connection)


def _drop(pool: oracledb.ConnectionPool, connection: oracledb.Connection) -> None:
    with suppress(oracledb.Error, AttributeError):
        pool.drop(connection)


def _close_quietly(pool: oracledb.ConnectionPool) -> None:
    with suppress(oracledb.Error):
        pool.close(force=True)
