"""Oracle as a sink of values: one insert a batch, one commit; and what the table is like."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import oracledb

from services.writer.oracle.connections import Connections
from services.writer.oracle.errors import one_line, row_error
from services.writer.oracle.layout import LAYOUTS, Column, Row, TableWriter
from services.writer.oracle.logons import Logons
from services.writer.settings import WriterSettings
from services.writer.sink import BatchOutcome, RowError, SinkError, decide
from shared.clock import SystemClock
from shared.models import TagValue


class OracleSink:
    """Oracle as the writer sees it; safe to use from several threads, each call on a connection of its own."""

    def __init__(self, settings: WriterSettings, logons: Logons | None = None) -> None:
        self._settings = settings
        self._connections = Connections(settings, logons or Logons(settings, SystemClock()))
        layout = LAYOUTS[settings.oracle_table_layout]
        self._table = TableWriter(layout, settings.oracle_table, settings.no_value_text)
        self._table_is_known = False

    @property
    def table(self) -> TableWriter:
        """The table as last seen: until Oracle was reached once, as deploy/oracle makes it."""
        return self._table

    @property
    def connections(self) -> tuple[int, int]:
        """Connections open, and those of them in use."""
        return self._connections.open_and_busy

    @property
    def shortage(self) -> str | None:
        """Why there are fewer connections than the work asked for; None when there are enough, or none at all."""
        return self._connections.shortage

    def write(self, values: Sequence[TagValue]) -> BatchOutcome:
        """Insert values and commit what Oracle took: one round trip, a second when a row failed.

        Raises: SinkError: the call failed as a whole. Where its verdict is CONNECTION_LOST or TRANSIENT the rows may
            have been committed all the same.
        """
        self._know_table()
        # Before a connection is taken: others may be waiting for it.
        rows, faults = self._table.rows(values)
        if not faults:
            return decide(len(values), self._insert(rows))
        faulty = {fault.offset for fault in faults}
        sound = [offset for offset in range(len(rows)) if offset not in faulty]
        errors = self._insert([rows[offset] for offset in sound]) if sound else []
        return decide(len(values), [*faults, *(replace(error, offset=sound[error.offset]) for error in errors)])

    def _insert(self, rows: list[Row]) -> list[RowError]:
        with self.connection() as connection, connection.cursor() as cursor:
            cursor.setinputsizes(*self._table.input_sizes)
            # With autocommit the commit travels with the insert; the server leaves it out when a row failed.
            connection.autocommit = True
            cursor.executemany(self._table.insert_sql, rows, batcherrors=True)
            failed = cursor.getbatcherrors()
            if failed:
                connection.commit()
        return [row_error(error.offset, error.full_code, one_line(error.message)) for error in failed]

    def probe(self) -> None:
        """Ask Oracle for the table; learn its columns.

        Raises: SinkError.
        """
        with self.connection() as connection:
            self._learn_table(connection)

    def lookup(self, values: Sequence[TagValue]) -> list[tuple[str | None, str] | None]:
        """Return what the table holds under the values' keys, in one query: value as text and quality, or None.

        Raises: SinkError.
        """
        self._know_table()
        table = self._table
        rows, _ = table.rows(values)
        with self.connection() as connection, connection.cursor() as cursor:
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

    def same_value(self, text: str | None, stored: str | None) -> bool:
        """Tell whether a value is what the table holds."""
        return self._table.same_value(text, stored)

    @contextmanager
    def connection(self) -> Iterator[oracledb.Connection]:
        """Lend a connection, for `check` as well.

        Raises: SinkError.
        """
        try:
            with self._connections.lend() as connection:
                yield connection
        except SinkError as error:
            if error.needs_a_person:
                self._table_is_known = False
            raise

    def close(self) -> None:
        """Close all connections; does not wait for those in use."""
        self._connections.close()

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
