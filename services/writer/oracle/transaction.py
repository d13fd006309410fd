"""A transaction that stays open: rows are tried in the table, looked at, and taken back. For `check`."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import oracledb

from services.writer.oracle.errors import translated
from services.writer.oracle.layout import RowBinder
from services.writer.oracle.statements import delete, insert, lookup
from services.writer.sink import RowError, SinkError
from shared.models import TagValue


@dataclass(frozen=True)
class Transaction:
    """One connection, and what was inserted on it and not committed. Every method but `rollback` raises SinkError."""

    connection: oracledb.Connection
    table: RowBinder

    def insert(self, values: Sequence[TagValue]) -> list[RowError]:
        """Insert values as the sink does; return what became of those that were refused."""
        rows, faults = self.table.rows(values)
        if faults:
            return faults
        with translated():
            return insert(self.connection, self.table, rows, commit=False)

    def stored(self, value: TagValue) -> tuple[str | None, str] | None:
        """Return value and quality under a value's key; None where there is no such row."""
        with translated():
            (found,) = lookup(self.connection, self.table, self.table.rows([value])[0])
        return (self.table.text_of(found[0]), found[1]) if found else None

    def holds(self, value: TagValue) -> bool:
        """Tell whether a value is stored with its own contents, as its columns hold them."""
        ((row,), _) = self.table.rows([value])
        with translated():
            (found,) = lookup(self.connection, self.table, [row])
        return found is not None and self.table.is_stored_as(row, *found)

    def delete(self, value: TagValue) -> None:
        """Delete the row under a value's key."""
        with translated():
            delete(self.connection, self.table, self.table.rows([value])[0][0])

    def commit(self) -> None:
        """Keep what was done."""
        with translated():
            self.connection.commit()

    def rollback(self) -> None:
        """Take back what was not committed; a connection that is gone has taken it back already."""
        with suppress(oracledb.Error, SinkError):
            self.connection.rollback()
