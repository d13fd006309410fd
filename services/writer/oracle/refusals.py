"""What became of the rows that Oracle refused, found out by asking Oracle on the connection that refused them.

Two of its answers do not say what they seem to say:

- ORA-00001 is no proof that the row is there: a second unique index or a trigger's own table says the same. So every
  row refused with it is looked up by its key: there with the same value and quality, it is a duplicate; there with
  others, a conflict. Not there, it is inserted once more: its row may be gone since. If the key refuses it again, it is
  another row's key for the table (which holds less of it than is sent, takes A for a, or has a trigger that changes
  it), or a policy hides that row: a conflict with what nobody can see.
- A code that is a row's fault (NOT NULL, no partition, a check, a trigger) may be the table's. Where others of the same
  call were stored it is the row's. Where none was, a sample is tried and rolled back: a row like the last one that was
  stored. If that is refused too, no row is to blame.

A state of the database (a partition that is read-only, a row that is locked) may be that of some rows alone: old ones,
while those of today go in. The same sample tells.
"""

import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import oracledb

from services.writer.oracle.dictionary import TableShape
from services.writer.oracle.errors import oracle_error
from services.writer.oracle.layout import RowBinder
from services.writer.oracle.statements import count, insert, insert_and_commit, lookup
from services.writer.sink import CONFLICT, RowError, SinkError, Verdict
from shared.models import TagValue

#: How far a row's time may be from ours to be taken for a time of today: zones, in both directions.
_TODAY = timedelta(days=1)

_NAMED = re.compile(r"\(([^()]+)\)")

#: What is said of a row whose key is taken by one that is not found under it.
_HIDDEN = (
    "no row is found under the key as sent: another one has it (the table rounds it, a trigger or a collation changes "
    "it), or a policy hides that row"
)

#: What may be the row's fault, or the table's.
_BLAMING = (Verdict.ROW, Verdict.UNKNOWN)


class Refusals:
    """Judges what one table refuses; what it knows of the table is forgotten with it."""

    def __init__(self, table: RowBinder, sample: TagValue | None, *, may_select: bool = True) -> None:
        self._table = table
        self._may_select = may_select
        #: A value that the table took; None before the first.
        self.sample = sample
        self._key_names: frozenset[str] | None = None

    def judged(
        self, connection: oracledb.Connection, values: Sequence[TagValue], errors: Sequence[RowError]
    ) -> list[RowError]:
        """Return the errors of a call, each with its true verdict; offsets are places in `values`.

        Raises: oracledb.Error, SinkError: Oracle could not be asked.
        """
        judged = self._looked_up(connection, values, [error for error in errors if error.verdict is Verdict.DUPLICATE])
        others = [error for error in errors if error.verdict is not Verdict.DUPLICATE]
        blamed = [error for error in others if error.verdict in _BLAMING]
        kept = [error for error in others if error.verdict not in _BLAMING]
        if blamed:
            some_were_stored = len(errors) < len(values)
            table_fault = None if some_were_stored else self.of_all_rows(connection, values[blamed[0].offset])
            blamed = [_blame(error, table_fault) for error in blamed]
        # A few go in for a while where a tablespace has just become full.
        most_go_in = 2 * len(errors) <= len(values)
        if kept and (most_go_in or self.of_all_rows(connection, values[kept[0].offset]) is None):
            kept = [replace(error, is_alone=True) for error in kept]
        kept = [replace(error, hint=oracle_error(error.code, error.message).hint) for error in kept]
        return [*judged, *blamed, *kept]

    def takes_twice(self, connection: oracledb.Connection) -> bool:
        """Tell whether a row that comes twice is there twice, by a trial that is rolled back.

        Raises: oracledb.Error.
        """
        rows, _ = self._table.rows([self._like(datetime.now(UTC).replace(tzinfo=None), is_new=True)] * 2)
        try:
            insert(connection, self._table, rows, commit=False)
            return count(connection, self._table, rows[0]) > 1
        finally:
            with suppress(oracledb.Error):
                connection.rollback()

    def _like(self, moment: datetime, *, is_new: bool = False) -> TagValue:
        """Return a value that the table takes, as far as is known, of a tag that nobody has where it is a new one."""
        address = f"check.{secrets.token_hex(4)}"
        like = self.sample or TagValue(moment, "tagpipe", address, "0", "GOOD")
        changed = {"plc_code": "tagpipe", "tag_address": address} if is_new else {}
        return msgspec.structs.replace(like, timestamp=moment, **changed)

    def of_all_rows(self, connection: oracledb.Connection, value: TagValue) -> SinkError | None:
        """Return why the table takes no row at all now; None: a sample is taken.

        Raises: oracledb.Error: Oracle could not be asked.
        """
        utc_now = datetime.now(UTC).replace(tzinfo=None)
        # A partition may be missing for the plant's own time of today, and for no other.
        moment = value.timestamp if abs(value.timestamp - utc_now) < _TODAY else utc_now
        rows, _ = self._table.rows([self._like(moment)])
        try:
            errors = insert(connection, self._table, rows, commit=False)
        finally:
            with suppress(oracledb.Error):
                connection.rollback()
        if not errors or errors[0].verdict is Verdict.DUPLICATE:
            return None
        error = oracle_error(errors[0].code, errors[0].message)
        return as_table_fault(error, as_before=self.sample is not None) if error.verdict in _BLAMING else error

    def _looked_up(
        self, connection: oracledb.Connection, values: Sequence[TagValue], errors: Sequence[RowError]
    ) -> list[RowError]:
        if not errors:
            return []
        if not self._may_select:
            unknown = "whether the table holds the same is not known: the user may not SELECT"
            return [replace(error, message=f"{error.message}; {unknown}", verdict=Verdict.ROW) for error in errors]
        judged, not_there = self._compared(connection, values, errors)
        names = self._names_of_the_key(connection) if not_there else ()
        again = [error for error in not_there if _name_in(error.message) in names]
        others = [replace(error, verdict=Verdict.ROW) for error in not_there if _name_in(error.message) not in names]
        return judged + others + self._once_more(connection, values, again)

    def _compared(
        self, connection: oracledb.Connection, values: Sequence[TagValue], errors: Sequence[RowError]
    ) -> tuple[list[RowError], list[RowError]]:
        """Return the errors of rows that the table holds, each with its true verdict, and those of the others."""
        rows, _ = self._table.rows([values[error.offset] for error in errors])
        judged, not_there = list[RowError](), list[RowError]()
        for error, row, stored in zip(errors, rows, lookup(connection, self._table, rows), strict=True):
            if stored is None:
                not_there.append(error)
            elif self._table.is_stored_as(row, *stored):
                judged.append(error)
            else:
                held = f"the table holds {str(stored[0])[:100]!r} ({stored[1]}) under this key"
                judged.append(replace(error, code=CONFLICT, message=held, verdict=Verdict.ROW))
        return judged, not_there

    def _once_more(
        self, connection: oracledb.Connection, values: Sequence[TagValue], errors: Sequence[RowError]
    ) -> list[RowError]:
        """Insert rows that the key refused, and that it has no row for; return the errors of those it refuses again."""
        if not errors:
            return []
        rows, _ = self._table.rows([values[error.offset] for error in errors])
        refused = [
            replace(error, offset=errors[error.offset].offset)
            for error in insert_and_commit(connection, self._table, rows)
        ]
        others = [error for error in refused if error.verdict is not Verdict.DUPLICATE]
        duplicates = [error for error in refused if error.verdict is Verdict.DUPLICATE]
        judged, not_there = self._compared(connection, values, duplicates) if duplicates else ([], [])
        hidden = [
            replace(error, code=CONFLICT, message=f"{error.message}; {_HIDDEN}", verdict=Verdict.ROW)
            for error in not_there
        ]
        return [*others, *judged, *hidden]

    def _names_of_the_key(self, connection: oracledb.Connection) -> frozenset[str]:
        if self._key_names is None:
            try:
                shape = TableShape(connection, self._table.table)
                keys = shape.unique_keys() if shape.locate() else []
            except SinkError as error:
                if error.verdict not in (Verdict.CONFIGURATION, *_BLAMING):
                    raise
                keys = []
            self._key_names = frozenset(key.name for key in keys if set(key.columns) == set(self._table.layout.key))
        return self._key_names


def as_table_fault(error: SinkError, *, as_before: bool) -> SinkError:
    """Return the error of a table that refuses every row with a code that would be a row's fault.

    Args: as_before: whether a row like one that it took was tried; where it has taken none yet, it was an invented one.
    """
    tried = "one like those it took before as well" if as_before else "and has taken none since this writer began"
    text = f"{error} (the table refuses every row for it, {tried})"
    return SinkError(error.code, text, Verdict.CONFIGURATION, error.hint)


def _blame(error: RowError, table_fault: SinkError | None) -> RowError:
    if table_fault is None:
        return replace(error, verdict=Verdict.ROW)
    return replace(
        error, code=table_fault.code, message=str(table_fault), verdict=table_fault.verdict, hint=table_fault.hint
    )


def _name_in(message: str) -> str:
    """Return the constraint or index that ORA-00001 names.

    >>> _name_in("ORA-00001: unique constraint (PLANT.PK_TAG_DATA) violated on table PLANT.TAG_DATA columns (TAG_NAME)")
    'PLANT.PK_TAG_DATA'
    """
    named = _NAMED.search(message)
    return named[1] if named else ""
