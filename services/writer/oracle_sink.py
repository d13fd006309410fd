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
        self._kept = threading.local()
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

        keep: keep the connection for this thread's next call, until it rests.

        Raises: OracleError: the call failed as a whole. Where its verdict is CONNECTION_LOST or TRANSIENT the rows may
            have been committed all the same.
        """
        with self._connection(keep=keep) as connection:
            rows, faults = self._table.rows(values)
            if not faults:
                return decide(len(values), self._insert(connection, rows))
            faulty = {fault.offset for fault in faults}
            sound = [offset for offset in range(len(rows)) if offset not in faulty]
            errors = self._insert(connection, [rows[offset] for offset in sound]) if sound else []
            return decide(len(values), [*faults, *(replace(error, offset=sound[error.offset]) for error in errors)])

    def _insert(self, connection: oracledb.Connection, rows: list[Row]) -> list[RowError]:
        with connection.cursor() as cursor:
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
        with self._connection() as connection, connection.cursor() as cursor:
            table = self._table
            rows, _ = table.rows(values)
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
        """Give back the connection that this thread kept."""
        if (lease := self._take_kept()) is not None:
            _release(*lease)

    def close(self) -> None:
        """Close the pool; does not wait for connections in use."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            with suppress(oracledb.Error):
                pool.close(force=True)

    @contextmanager
    def _connection(self, *, keep: bool = False) -> Iterator[oracledb.Connection]:
        """Lend a connection, for one call.

        keep: the thread keeps it for its next call, until it rests, unless it is the pool's last: to acquire one and to
        give it back costs a sixth of the CPU that a batch takes.
        """
        pool, connection = self._take_kept() or self._acquire()
        sound = True
        try:
            if not self._table_is_known:
                self._learn_table(connection)
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
            elif keep and pool is self._pool and pool.busy < pool.max:
                self._kept.lease = pool, connection
            else:
                _release(pool, connection)

    def _take_kept(self) -> Lease | None:
        lease, self._kept.lease = getattr(self._kept, "lease", None), None
        if lease is not None and lease[0] is not self._pool:
            _release(*lease)
            return None
        return lease

    def _acquire(self) -> Lease:
        pool = self._get_pool()
        try:
            connection = pool.acquire()
        except Exception as driver_error:
            error = from_driver(driver_error)
            if error.code == "DPY-4005" and pool.busy < pool.max:
                self._replace(pool)
            raise error from driver_error
        try:
            # On a connection that died in the pool the driver raises AttributeError here.
            connection.call_timeout = int(self._settings.oracle_call_timeout * 1000)
        except Exception as driver_error:
            _drop(pool, connection)
            raise from_driver(driver_error) from driver_error
        return pool, connection

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
    """The sink for threads that write batch after batch: each keeps its connection until it rests."""

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
