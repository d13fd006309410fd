"""The only place that opens a connection to Oracle: a pool, one insert a batch, one commit.

Every call ends: waiting for a connection, connecting and waiting for an answer all have their limits, and a pool whose
background thread hangs in a listener that says nothing is replaced.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeAlias

import oracledb

from services.writer.layout import LAYOUTS, Column, Row, TableWriter
from services.writer.oracle_errors import OracleError, RowError, Verdict, from_driver, one_line
from services.writer.outcome import BatchOutcome, decide
from services.writer.settings import WriterSettings
from services.writer.stuck_sockets import release_stuck_threads
from shared.errors import FatalError
from shared.logs import get_logger
from shared.models import TagValue

#: Abandoned pools whose background thread still hangs, at most: then only a new process helps.
MAX_STUCK_POOLS = 3

#: Codes after which a connection is sound and goes back to the pool.
_SOUND = (Verdict.ROW, Verdict.DUPLICATE, Verdict.SPACE, Verdict.CONFIGURATION)

#: A connection in use and the pool that it goes back to.
Lease: TypeAlias = tuple[oracledb.ConnectionPool, oracledb.Connection]

_log = get_logger()


class OracleSink:
    """Oracle as the writer sees it; safe to use from several threads, each call on a connection of its own."""

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
        layout = LAYOUTS[settings.oracle_table_layout]
        self._table = TableWriter(layout, settings.oracle_table, settings.no_value_text)
        self._table_is_known = False

    @property
    def table(self) -> TableWriter:
        """The table as last seen: until Oracle was reached once, as deploy/oracle makes it."""
        return self._table

    @property
    def connections(self) -> tuple[int, int]:
        """Connections open and in use."""
        pool = self._pool
        return (pool.opened, pool.busy) if pool else (0, 0)

    def write(self, values: Sequence[TagValue], *, keep: bool = False) -> BatchOutcome:
        """Insert values and commit what Oracle took: one round trip, a second when a row failed.

        keep: keep the connection out of the pool for the next call, until `rest`.

        Raises: OracleError: the call failed as a whole. Where its verdict is CONNECTION_LOST or TRANSIENT the rows may
            have been committed all the same.
        """
        self._know_table()
        # Before a connection is taken: others may be waiting for it.
        rows, faults = self._table.rows(values)
        if not faults:
            return decide(len(values), self._insert(rows, keep=keep))
        faulty = {fault.offset for fault in faults}
        sound = [offset for offset in range(len(rows)) if offset not in faulty]
        errors = self._insert([rows[offset] for offset in sound], keep=keep) if sound else []
        return decide(len(values), [*faults, *(replace(error, offset=sound[error.offset]) for error in errors)])

    def _insert(self, rows: list[Row], *, keep: bool) -> list[RowError]:
        with self._connection(keep=keep) as connection, connection.cursor() as cursor:
            cursor.setinputsizes(*self._table.input_sizes)
            # With autocommit the commit travels with the insert; the server leaves it out when a row failed.
            connection.autocommit = True
            cursor.executemany(self._table.insert_sql, rows, batcherrors=True)
            failed = cursor.getbatcherrors()
            if failed:
                connection.commit()
        return [RowError(error.offset, error.full_code, one_line(error.message)) for error in failed]

    def probe(self) -> None:
        """Ask Oracle for the table, on a connection that was tested; learn its columns.

        Raises: OracleError.
        """
        with self._connection() as connection:
            self._learn_table(connection)

    def lookup(self, values: Sequence[TagValue]) -> list[tuple[str | None, str] | None]:
        """Return what the table holds under the values' keys, in one query: value as text and quality, or None.

        Raises: OracleError.
        """
        self._know_table()
        table = self._table
        rows, _ = table.rows(values)
        with self._connection() as connection, connection.cursor() as cursor:
            keys = [table.key_of(row) for row in rows]
            width = len(table.layout.key)
            condition = " OR ".join(
                "(" + " AND ".join(f"{name} = :{n * width + m}" for m, name in enumerate(table.layout.key, 1)) + ")"
                for n in range(len(keys))
            )
            sizes = [oracledb.DB_TYPE_TIMESTAMP if name == "timestamp" else None for name in table.layout.key]
            cursor.setinputsizes(*sizes * len(keys))
            cursor.execute(
                f"SELECT {', '.join(table.layout.key)}, tag_value, quality FROM {table.table} WHERE {condition}",  # noqa: S608 - our own names
                [part for key in keys for part in key],
            )
            found = {tuple(row[:width]): (table.text_of(row[width]), row[width + 1]) for row in cursor}
            return [found.get(key) for key in keys]

    @contextmanager
    def connection(self) -> Iterator[oracledb.Connection]:
        """Lend a pooled connection: for the `check` command.

        Raises: OracleError.
        """
        with self._connection() as connection:
            yield connection

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
            with suppress(oracledb.Error):
                pool.close(force=True)

    @contextmanager
    def _connection(self, *, keep: bool = False) -> Iterator[oracledb.Connection]:
        """Lend a connection for one call.

        keep: the next call gets it without the pool, whose acquire and release cost a sixth of a batch's CPU and delay
        those that wait.
        """
        settings = self._settings
        if not self._slots.acquire(timeout=settings.oracle_pool_timeout):
            raise OracleError(
                "DPY-4005",
                f"DPY-4005: all {settings.oracle_pool_max} connections were in use for "
                f"{settings.oracle_pool_timeout:g} s",
            )
        try:
            with self._returning(self._take_kept() or self._acquire(), keep=keep) as connection:
                yield connection
        finally:
            self._slots.release()

    @contextmanager
    def _returning(self, lease: Lease, *, keep: bool) -> Iterator[oracledb.Connection]:
        """Keep a connection afterwards, or give it back, or drop it when it is not sound any more."""
        pool, connection = lease
        sound = True
        try:
            yield connection
        except Exception as driver_error:
            error = driver_error if isinstance(driver_error, OracleError) else from_driver(driver_error)
            sound = error.verdict in _SOUND
            if error.verdict is Verdict.CONFIGURATION:
                self._table_is_known = False
            raise error from driver_error
        finally:
            if sound:
                _end_transaction(connection)
            if not sound:
                _drop(pool, connection)
            elif keep and pool is self._pool:
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
            error = from_driver(driver_error)
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

    def _know_table(self) -> None:
        if not self._table_is_known:
            self.probe()

    def _learn_table(self, connection: oracledb.Connection) -> None:
        """Read the columns' types and lengths: a NUMBER column wants numbers, a text column has a length in bytes."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {self._table.table} WHERE 1 = 0")  # noqa: S608 - the name is checked
            found = {info.name.lower(): info for info in cursor.description}
        layout = LAYOUTS[self._settings.oracle_table_layout]
        columns = tuple(_as_found(column, found.get(column.name)) for column in layout.columns)
        self._table = TableWriter(
            replace(layout, columns=columns), self._settings.oracle_table, self._settings.no_value_text
        )
        self._table_is_known = True

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


class BusySink:
    """The sink for threads that write batch after batch: connections are kept ready until one of them rests."""

    def __init__(self, sink: OracleSink) -> None:
        self._sink = sink

    def write(self, values: Sequence[TagValue]) -> BatchOutcome:
        """Insert and commit what Oracle takes. Raises: OracleError."""
        return self._sink.write(values, keep=True)

    def rest(self) -> None:
        """Give back the connection: there is nothing to write for now."""
        self._sink.rest()


def _as_found(column: Column, info: Any) -> Column:
    if info is None:
        return column
    is_number = info.type_code in (
        oracledb.DB_TYPE_NUMBER,
        oracledb.DB_TYPE_BINARY_DOUBLE,
        oracledb.DB_TYPE_BINARY_FLOAT,
    )
    is_text = info.type_code in (oracledb.DB_TYPE_VARCHAR, oracledb.DB_TYPE_CHAR, oracledb.DB_TYPE_NVARCHAR)
    return Column(column.name, is_number=is_number, max_bytes=info.internal_size if is_text else None)


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
