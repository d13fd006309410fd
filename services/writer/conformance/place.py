"""Where probes do their work: tables tt_... that are dropped again, connections that are closed again.

A run is known by its marker, a table in which it holds a row uncommitted as long as it goes on: what it left can be
dropped by the next run once nobody holds that row. To a DBA its connection shows the run's name as its ACTION.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Self

import msgspec
import oracledb

from services.writer.conformance.administrator import Administrator, Credentials, logged_on_as
from services.writer.conformance.claim import NotTriedError
from services.writer.conformance.earlier_runs import clear_runs, close, drop_tables, first_words, marker_of
from services.writer.oracle.connections.connecting import connect
from services.writer.oracle.errors import from_driver, one_line
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.settings import WriterSettings
from services.writer.sink import BatchOutcome, SinkError, Verdict
from shared.lifecycle import StopFlag
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
    return msgspec.structs.replace(value, timestamp=value.timestamp + timedelta(seconds=seconds))


def ends(outcome: BatchOutcome) -> str:
    """Say what became of a batch."""
    return (
        f"{outcome.written} stored, {len(outcome.duplicates)} duplicates, {len(outcome.rejected)} rejected, "
        f"{len(outcome.kept)} kept"
    )


def code_of(insert: Callable[[], object]) -> str:
    """Return the code with which the database, or the driver, refuses an insert; `stored` where neither does."""
    try:
        insert()
    except oracledb.Error as error:
        return from_driver(error).code
    return "stored"


class Place:
    """A corner of the user's schema; a context manager that takes everything away again."""

    def __init__(
        self, settings: WriterSettings, many_rows: int, stop: StopFlag, admin: Credentials | None = None
    ) -> None:
        """Make nothing yet. `many_rows`: how many the claims about volume try. admin: a DBA, where there is one."""
        self.settings = settings
        self.many_rows = many_rows
        #: What could not be taken away at the end, and why.
        self.left: list[str] = []
        #: Sessions that were opened early for claims that are tried late, by the claim's name; or why there is none.
        self.early: dict[str, oracledb.Connection | str] = {}
        self._stop = stop
        self._prefix = f"TT_{secrets.token_hex(4).upper()}"
        self._admin = Administrator(settings, admin, self._prefix) if admin else None
        #: Why no further logon is tried; empty: one may be.
        self._shut_out = ""
        self._marker: oracledb.Connection | None = None
        self._tables: list[str] = []
        self._made = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for session in self.early.values():
            if not isinstance(session, str):
                close(session)
        self.left = self._admin.drop_all() if self._admin else []
        if self._marker is not None:
            close(self._marker)
        if not self._tables:
            return
        try:
            with self.connection() as connection:
                self.left += filter(None, [drop_tables(connection, self._tables)])
        except (SinkError, NotTriedError) as error:
            self.left += [f"TABLE {first_words(self._tables)}: {error}"]

    def mark(self) -> None:
        """Show that this run goes on. Raises: NotTriedError: the user may make no table, or write into none."""
        name = marker_of(self._prefix)
        self._tables.insert(0, name)
        self.make(f"CREATE TABLE {name} (a NUMBER)")
        self._marker = connect(self.settings, self.settings.current_password())
        self._marker.module, self._marker.action = "tagpipe conformance", self._prefix
        try:
            self._marker.cursor().execute(f"INSERT INTO {name} VALUES (1)")  # noqa: S608 - a name of ours
        except oracledb.Error as error:
            raise NotTriedError(one_line(str(error))) from error

    def clear_earlier_runs(self) -> list[str]:
        """Drop what runs have left that are over; return a line for each, and for each that is not over.

        Raises: SinkError: there is no connection.
        """
        with self.connection() as connection:
            told = clear_runs(connection, besides=self._prefix)
        if self._admin is None:
            return told
        try:
            left = self._admin.of_earlier_runs()
        except NotTriedError as error:
            return [*told, f"what earlier runs left beside tables is not known: {error}"]
        return [
            *told,
            *(
                f"{kind} {name} of a run that is over: {self._admin.drop(kind, name) or 'dropped'}"
                for kind, name in left
            ),
        ]

    @property
    def dba(self) -> Administrator:
        """A DBA's hands. Raises: NotTriedError: there are none."""
        if self._admin is None:
            raise NotTriedError("no ORACLE_ADMIN: it needs a DBA's account (system/...)")
        return self._admin

    def go_on(self) -> None:
        """Go on with something that lasts. Raises: NotTriedError: a signal came."""
        if self._stop.is_set():
            raise NotTriedError("stopped by a signal")

    def pause(self, wait_s: float) -> None:
        """Wait. Raises: NotTriedError: a signal came."""
        self._stop.wait(wait_s)
        self.go_on()

    @contextmanager
    def guest(self, limits: str = "", tablespace_size: str = "") -> "Iterator[Place]":
        """Lend the schema of a user of its own, who goes with all that is its.

        limits: of its profile. tablespace_size: as CREATE TABLESPACE has it, for a tablespace of its own.
        Raises: NotTriedError: there is no DBA, or the database refuses it.
        """
        dba, made = self.dba, self.dba.made
        try:
            settings = logged_on_as(self.settings, dba.user(limits, tablespace_size))
            yield Place(settings, self.many_rows, self._stop)
        finally:
            dba.drop_all(besides=made)

    @contextmanager
    def connection(self, *setting: str) -> Iterator[oracledb.Connection]:
        """Lend a connection of its own, with statements run first; what is open is taken back.

        Raises: SinkError: there is none to be had. NotTriedError: a logon was refused, and each counts.
        """
        if self._shut_out:
            raise NotTriedError(self._shut_out)
        try:
            connection = connect(self.settings, self.settings.current_password())
        except SinkError as error:
            if error.verdict is Verdict.CREDENTIALS:
                self._shut_out = f"no logon after one that was refused: {error}"
            raise
        try:
            with connection.cursor() as cursor:
                for statement in setting:
                    cursor.execute(statement)
            yield connection
        finally:
            close(connection)

    def why_unreachable(self) -> str:
        """Return why no connection is to be had; empty where there is one."""
        try:
            with self.connection():
                return ""
        except (SinkError, NotTriedError) as error:
            return str(error)

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
