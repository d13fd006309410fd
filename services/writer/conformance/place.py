"""Where probes do their work: tables tt_... that are dropped again, connections that are closed again."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Self

import oracledb

from services.writer.conformance.claim import NotTriedError
from services.writer.oracle.connections.connecting import connect
from services.writer.oracle.errors import from_driver, one_line
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.settings import WriterSettings
from services.writer.sink import BatchOutcome, SinkError
from shared.models import TagValue

#: Moment of the values that probes insert: the last digits of its fraction are never 0, so that rounding shows.
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_901)  # noqa: DTZ001 - as the pipeline has it

_COLUMNS = {
    "tag_name": "VARCHAR2(100) NOT NULL",
    "tag_value": "VARCHAR2(255) NOT NULL",
    "timestamp": "TIMESTAMP(6) NOT NULL",
    "quality": "VARCHAR2(20) NOT NULL",
}


def values(count: int, text: str | None = "1.5", first: int = 0) -> list[TagValue]:
    """Return values that differ in their address."""
    return [TagValue(MOMENT, "CF", f"D{n}", text, "GOOD") for n in range(first, first + count)]


def later(value: TagValue, seconds: int) -> TagValue:
    """Return the same value at a later time."""
    return TagValue(
        value.timestamp + timedelta(seconds=seconds), value.plc_code, value.tag_address, value.tag_value, value.quality
    )


def ends(outcome: BatchOutcome) -> str:
    """Say what became of a batch."""
    return (
        f"{outcome.written} stored, {len(outcome.duplicates)} duplicates, {len(outcome.rejected)} rejected, "
        f"{len(outcome.kept)} kept"
    )


def code_of(error: oracledb.Error) -> str:
    """Return the code of what the driver raised."""
    return from_driver(error).code


class Place:
    """A corner of the user's schema; a context manager that takes everything away again."""

    def __init__(self, settings: WriterSettings, many_rows: int) -> None:
        """Make nothing yet. `many_rows`: how many the claims about volume try."""
        self.settings = settings
        self.many_rows = many_rows
        self._prefix = f"tt_{secrets.token_hex(4)}"
        self._tables: list[str] = []
        self._made = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(SinkError), self.connection() as connection, connection.cursor() as cursor:
            for table in reversed(self._tables):
                with suppress(oracledb.Error):
                    cursor.execute(f"DROP TABLE {table} CASCADE CONSTRAINTS PURGE")

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that were made and not dropped yet."""
        return tuple(self._tables)

    @contextmanager
    def connection(self, *setting: str) -> Iterator[oracledb.Connection]:
        """Lend a connection of its own, with statements run first; what is open is taken back.

        Raises: SinkError: there is none to be had.
        """
        connection = connect(self.settings, self.settings.current_password())
        try:
            with connection.cursor() as cursor:
                for statement in setting:
                    cursor.execute(statement)
            yield connection
        finally:
            with suppress(oracledb.Error, OSError, AttributeError):
                connection.close()

    def new_name(self) -> str:
        """Return a name that nobody has: of a table that will be dropped at the end."""
        self._made += 1
        name = f"{self._prefix}_{self._made}"
        self._tables.append(name)
        return name

    def table(self, *, key: str = "", more: str = "", after: str = "", **columns: str) -> str:
        """Make a table as deploy/oracle does, some columns declared otherwise.

        key: what follows the primary key's columns. more: further columns. after: what follows the last parenthesis.
        Raises: NotTriedError: the database does not make such a table.
        """
        name = self.new_name()
        listed = ", ".join(f"{column} {kind}" for column, kind in (_COLUMNS | columns).items())
        primary = f"CONSTRAINT {name}_pk PRIMARY KEY (tag_name, timestamp) {key}"
        self.make(f"CREATE TABLE {name} ({listed}{more}, {primary}) {after}")
        return name

    def make(self, *statements: str) -> None:
        """Run statements and commit. Raises: NotTriedError: the database refuses one."""
        with self.connection() as connection, connection.cursor() as cursor:
            for statement in statements:
                try:
                    cursor.execute(statement)
                except oracledb.Error as error:
                    said = one_line(str(error))
                    raise NotTriedError(f"{said} in {' '.join(statement.split())[:60]}...") from error
            connection.commit()

    @contextmanager
    def sink(self, table: str) -> Iterator[OracleSink]:
        """Lend the writer's own sink on a table."""
        sink = OracleSink(self.settings.model_copy(update={"oracle_table": table, "oracle_table_layout": "tag_data"}))
        try:
            yield sink
        finally:
            sink.close()

    def rows(self, sql: str, binds: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Ask on a connection of its own, which sees what is committed."""
        with self.connection() as connection, connection.cursor() as cursor:
            cursor.execute(sql, list(binds))
            return list(cursor)

    def count(self, table: str) -> int:
        """Return the number of committed rows."""
        return int(str(self.rows(f"SELECT COUNT(*) FROM {table}")[0][0]))  # noqa: S608 - a name of ours
