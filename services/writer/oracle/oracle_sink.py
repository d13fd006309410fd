"""Oracle as a sink of values: one insert a batch, one commit; and what the table is like.

What the table is like is learned when it is met, and not believed for ever: a DBA widens a column, or puts another
table under the name. Before a row is refused for what is known of a column, the table is looked at again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import oracledb

from services.writer.logons import Logons
from services.writer.oracle.codes import NO_PRIVILEGE, RAISED_WHILE_BINDING
from services.writer.oracle.columns import FoundColumn, column_as_found, misfit
from services.writer.oracle.connections.pool import Connections
from services.writer.oracle.dictionary import TableShape, guards
from services.writer.oracle.errors import oracle_error
from services.writer.oracle.landmarks import Landmarks
from services.writer.oracle.layout import LAYOUTS, Row, RowBinder
from services.writer.oracle.refusals import Refusals, as_table_fault
from services.writer.oracle.statements import insert_and_commit, lookup
from services.writer.oracle.transaction import Transaction
from services.writer.settings import WriterSettings
from services.writer.sink import BatchOutcome, RowError, SinkError, Target, Verdict, decide
from shared.clock import SystemClock
from shared.logs import get_logger
from shared.models import TagValue

#: Seconds for which what was learned of the table is enough to refuse a row.
KNOWN_FOR_S = 20.0

#: Seconds between two times that probes take new sessions, while a person is waited for: a logon costs a database much.
RENEW_S = 60.0

#: Seconds between two trials whether what is no table takes a row twice.
TRY_S = 3600.0

_log = get_logger()


class OracleSink:
    """Oracle as the writer sees it; safe to use from several threads, each call on a connection of its own."""

    def __init__(self, settings: WriterSettings, logons: Logons | None = None) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._connections = Connections(settings, logons or Logons(settings, self._clock), self._clock)
        layout = LAYOUTS[settings.oracle_table_layout]
        names = settings.no_value_text, settings.tag_name_separator
        #: The table as last seen: until Oracle was reached once, as deploy/oracle makes it.
        self.table = RowBinder(layout, settings.oracle_table, *names)
        self._refusals = Refusals(self.table, None)
        self._landmarks = Landmarks(self._clock)
        #: Whether the user may SELECT from the table, as far as is known.
        self.may_select = True
        #: What of the table doubles values without a word, as `inspect` found it; None where nothing.
        self.table_warning: str | None = None
        self._table_is_known = False
        self._learned_at = self._renew_at = self._try_again_at = float("-inf")
        self._database: str | None = None
        self._character_set = ""

    @property
    def target(self) -> Target:
        """The table with its schema, the address, and the database's own name once it was reached."""
        table = self._settings.oracle_table
        schema = "" if "." in table else f"{self._settings.oracle_user}."
        return Target(f"{schema}{table}".upper(), "".join(self._settings.dsn.split())[:500], self._database)

    @property
    def connections(self) -> tuple[int, int]:
        """Connections open, and those of them in use."""
        return self._connections.open_and_busy

    @property
    def shortage(self) -> str | None:
        """Why there are fewer connections than the work asked for; None when there are enough, or none at all."""
        return self._connections.shortage

    @property
    def logon_warning(self) -> str | None:
        """What Oracle said of the account at the newest logon; None where it said nothing."""
        return self._connections.logon_warning

    def write(self, values: Sequence[TagValue]) -> BatchOutcome:
        """Insert values and commit what Oracle took: one round trip, two or three where rows were refused.

        A row is rejected only for its own fault, or a conflict; the table's fault keeps all rows (CONFIGURATION).

        Raises: SinkError: the call failed as a whole. Where its verdict is CONNECTION_LOST or TRANSIENT the rows may
            have been committed all the same; where it is ROW, one of them is at fault.
        """
        self._know_table()
        # Before a connection is taken: others may be waiting for it.
        table = self.table
        rows, faults = table.rows(values)
        if faults and self._may_be_another():
            self.probe()
            table = self.table
            rows, faults = table.rows(values)
        if not faults:
            return decide(len(values), self._insert(table, values, rows))
        faulty = {fault.offset for fault in faults}
        sound = [offset for offset in range(len(rows)) if offset not in faulty]
        errors: list[RowError] = []
        if sound:
            errors = self._insert(table, [values[offset] for offset in sound], [rows[offset] for offset in sound])
        return decide(len(values), [*faults, *(replace(error, offset=sound[error.offset]) for error in errors)])

    def _insert(self, table: RowBinder, values: Sequence[TagValue], rows: list[Row]) -> list[RowError]:
        refused = None
        try:
            with self.connection() as connection:
                refused = insert_and_commit(connection, table, rows)
                if len(refused) < len(rows):
                    self._refusals.sample = stored = _one_that_was_stored(values, refused)
                    self._landmarks.note(stored)
                if refused and (not self.may_select or self._may_be_another()):
                    # The right to SELECT may be granted by now.
                    self._learn_table(connection)
                    if self.table.layout != table.layout:
                        # They were bound for what the table was: once more, for what it is.
                        return [replace(row, verdict=Verdict.TRANSIENT) for row in refused]
                return self._refusals.judged(connection, values, refused) if refused else []
        except SinkError as error:
            if refused is None:
                raise self._true_fault(error, values[0]) from error
            # What was taken is committed. What was refused can't be told apart for now: it is kept and tried again.
            asked = Verdict.UNKNOWN if error.verdict in (Verdict.ROW, Verdict.DUPLICATE) else error.verdict
            message = f"{error} (while it was asked what {len(refused)} refused rows are)"
            return [replace(row, code=error.code, message=message, verdict=asked) for row in refused]

    def _true_fault(self, error: SinkError, value: TagValue) -> SinkError:
        """Return a whole call's error with its true verdict: ROW only where a sample is taken."""
        if error.verdict not in (Verdict.ROW, Verdict.UNKNOWN) or error.code in RAISED_WHILE_BINDING:
            return error
        try:
            with self.connection() as connection:
                return self._refusals.of_all_rows(connection, value) or SinkError(error.code, str(error), Verdict.ROW)
        except SinkError as of_sample:
            if of_sample.verdict is Verdict.ROW:
                return as_table_fault(of_sample, as_before=self._refusals.sample is not None)
            return error if of_sample.code == error.code else of_sample

    def probe(self) -> None:
        """Ask Oracle for the table; learn its columns. Raises: SinkError."""
        if not self._table_is_known and self._clock.monotonic() >= self._renew_at:
            # What a person has mended meanwhile, such as a role, may count from the next logon on.
            self._renew_at = self._clock.monotonic() + RENEW_S
            self._connections.renew()
        with self.connection() as connection:
            self._learn_table(connection)

    def inspect(self) -> None:
        """Look at the table again: its columns, and whether its key still refuses what comes twice. Raises: SinkError.

        A DBA drops or disables it for a load, or puts another table under the name, and no insert is refused for that.
        """
        with self.connection() as connection:
            shape = self._learn_table(connection)
            if shape.is_table:
                is_guarded = guards(shape.unique_keys(), self.table.layout.key)
            elif self._clock.monotonic() >= self._try_again_at:
                # Of a view, or a table behind a link, no dictionary tells, nor one without an answer. Seldom: triggers.
                is_guarded = not (self.may_select and self._refusals.takes_twice(connection))
                self._try_again_at = self._clock.monotonic() + TRY_S
            else:
                is_guarded = self.table_warning is None
        key = ", ".join(self.table.layout.key)
        warning = None if is_guarded else f"{self.target.table} has no key on ({key}): what comes twice is stored twice"
        if warning and warning != self.table_warning:
            _log.critical(warning)
        self.table_warning = warning

    def gone(self) -> tuple[int, list[TagValue]]:
        """Look for what the table took lately; return how many values, and those that it does not hold any more.

        Raises: SinkError.
        """
        landmarks = self._landmarks.all() if self.may_select else []
        gone = self.lacking(landmarks)
        if gone:
            self._landmarks.forget()
        return len(landmarks), gone

    def lookup(self, values: Sequence[TagValue]) -> list[tuple[str | None, str] | None]:
        """Return what the table holds under the values' keys, in one query: value as text and quality, or None.

        Raises: SinkError.
        """
        if not values:
            return []
        self._know_table()
        rows, _ = self.table.rows(values)
        with self.connection() as connection:
            found = lookup(connection, self.table, rows)
        return [(self.table.text_of(stored[0]), stored[1]) if stored else None for stored in found]

    def lacking(self, values: Sequence[TagValue]) -> list[TagValue]:
        """Return those of some values that the table does not hold. Raises: SinkError."""
        return [value for value, held in zip(values, self.lookup(values), strict=True) if held is None]

    @contextmanager
    def connection(self) -> Iterator[oracledb.Connection]:
        """Lend a connection. Raises: SinkError."""
        try:
            with self._connections.lend() as connection:
                yield connection
        except SinkError as error:
            if error.needs_a_person:
                self._table_is_known = False
            raise

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Lend a connection for inserts that stay open; what is not committed then is taken back. Raises: SinkError."""
        self._know_table()
        with self.connection() as connection:
            yield Transaction(connection, self.table)

    def close(self) -> None:
        """Close all connections; does not wait for those in use."""
        self._connections.close()

    def _know_table(self) -> None:
        if not self._table_is_known:
            with self.connection() as connection:
                self._learn_table(connection)

    def _may_be_another(self) -> bool:
        """Tell whether the table is to be looked at again before a row is refused for it."""
        return self._clock.monotonic() - self._learned_at > KNOWN_FOR_S

    def _learn_table(self, connection: oracledb.Connection) -> TableShape:
        """Read the columns' types and lengths: a NUMBER column wants numbers, a text column has a length in bytes.

        Raises: SinkError: code WRONG_TYPE: a column can't hold what is written there; TEMPORARY and
            SNAPSHOT_STANDBY: no row stays.
        """
        # First: of several workers one is enough.
        self._learned_at = self._clock.monotonic()
        shape = TableShape(connection, self._settings.oracle_table)
        columns = self._columns(shape)
        if not self._table_is_known:
            self._character_set = shape.character_set()
        # As SQL without quotes finds them: a column that was made as "tag_name" is another one.
        found = {column.name.lower(): column for column in columns if column.name.isupper()}
        # The name that a standby shares with its primary; the driver has it from the logon.
        self._database = connection.db_name or None
        shape.check_keeps_rows()
        layout = LAYOUTS[self._settings.oracle_table_layout]
        misfits = [misfit(column, found[column.name]) for column in layout.columns if column.name in found]
        if any(misfits):
            wrong = ", ".join(filter(None, misfits))
            text = f"{self._settings.oracle_table} is no table of the layout {layout.name}: {wrong}"
            raise oracle_error("WRONG_TYPE", text)
        as_found = tuple(
            column_as_found(column, found.get(column.name), self._character_set) for column in layout.columns
        )
        self.table = RowBinder(
            replace(layout, columns=as_found), self._settings.oracle_table, self._settings.no_value_text,
            self._settings.tag_name_separator,
        )  # fmt: skip
        self._refusals = Refusals(self.table, self._refusals.sample, may_select=self.may_select)
        self._table_is_known = True
        return shape

    def _columns(self, shape: TableShape) -> list[FoundColumn]:
        """Return the columns as Oracle describes them; none where the user may not SELECT: values go on."""
        could, self.may_select = self.may_select, True
        try:
            return shape.columns(self.table.layout.names)
        except SinkError as error:
            if error.code not in NO_PRIVILEGE:
                raise
            self.may_select = False
            if could:
                _log.error(
                    f"{error}: values are written; rows that the key refuses (ORA-00001) go to rejected_*.csv, "
                    "since nobody can tell duplicates from conflicts. DBA: GRANT SELECT ON the table TO the user"
                )
            return []


def _one_that_was_stored(values: Sequence[TagValue], refused: Sequence[RowError]) -> TagValue:
    if not refused:
        return values[-1]
    offsets = {error.offset for error in refused}
    return next(value for offset, value in enumerate(values) if offset not in offsets)
