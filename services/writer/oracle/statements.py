"""The statements that are sent to the table: an insert, a look-up by keys, a delete of one row."""

from collections.abc import Sequence
from typing import TypeAlias

import oracledb

from services.writer.oracle.codes import verdict_of
from services.writer.oracle.errors import from_driver, one_line
from services.writer.oracle.layout import Row, RowBinder
from services.writer.sink import RowError, Verdict

#: Keys of one query: few statements that the statement cache knows, of which the next larger one is filled up.
LOOKUP_SIZES = (1, 10, 50, 500)

#: Value and quality as the table holds them; None where it holds no such key.
Stored: TypeAlias = tuple[object, str] | None


def insert(connection: oracledb.Connection, table: RowBinder, rows: Sequence[Row], *, commit: bool) -> list[RowError]:
    """Insert rows; return an error for each that Oracle refused, where the commit of the others is a trip more."""
    with connection.cursor() as cursor:
        cursor.setinputsizes(*table.input_sizes)
        # With autocommit the commit travels with the insert; the server leaves it out when a row failed.
        connection.autocommit = commit
        cursor.executemany(table.insert_sql, list(rows), batcherrors=True)
        failed = cursor.getbatcherrors()
        if commit and 0 < len(failed) < len(rows):
            connection.commit()
    return [
        RowError(error.offset, error.full_code, one_line(error.message), verdict_of(error.full_code))
        for error in failed
    ]


def insert_and_commit(connection: oracledb.Connection, table: RowBinder, rows: Sequence[Row]) -> list[RowError]:
    """Insert and commit; return what the key and others refuse, be it the only row of a batch, by an exception.

    No document says whether a batch of one is told as one of many is; one server at least does not.
    """
    try:
        return insert(connection, table, rows, commit=True)
    except oracledb.IntegrityError as error:
        found = from_driver(error)
        if len(rows) > 1 or found.verdict is not Verdict.DUPLICATE:
            raise
        return [RowError(0, found.code, str(found), found.verdict)]


def lookup(connection: oracledb.Connection, table: RowBinder, rows: Sequence[Row]) -> list[Stored]:
    """Return what the table holds under the rows' keys, in their order."""
    found: dict[tuple[object, ...], Stored] = {}
    keys = [table.key_of(row) for row in rows]
    for begin in range(0, len(keys), LOOKUP_SIZES[-1]):
        some = keys[begin : begin + LOOKUP_SIZES[-1]]
        size = next(size for size in LOOKUP_SIZES if size >= len(some))
        found.update(_held(connection, table, [*some, *[some[-1]] * (size - len(some))]))
    return [found.get(key) for key in keys]


def _held(
    connection: oracledb.Connection, table: RowBinder, keys: Sequence[tuple[object, ...]]
) -> dict[tuple[object, ...], Stored]:
    width = len(table.layout.key)
    condition = " OR ".join(f"({_is_key(table, place * width)})" for place in range(len(keys)))
    with connection.cursor() as cursor:
        cursor.arraysize = cursor.prefetchrows = len(keys) + 1
        cursor.setinputsizes(*table.key_sizes * len(keys))
        cursor.execute(
            f"SELECT {table.key_read}, tag_value, quality FROM {table.table} WHERE {condition}",  # noqa: S608 - our own names
            [part for key in keys for part in key],
            # A NUMBER has more digits than a float.
            fetch_decimals=True,
        )
        return {table.key_as_stored(row[:width]): (row[width], row[width + 1]) for row in cursor}


def count(connection: oracledb.Connection, table: RowBinder, row: Row) -> int:
    """Return how many rows the table has under a row's key."""
    with connection.cursor() as cursor:
        cursor.setinputsizes(*table.key_sizes)
        cursor.execute(f"SELECT COUNT(*) FROM {table.table} WHERE {_is_key(table)}", list(table.key_of(row)))  # noqa: S608 - our own names
        ((found,),) = cursor
        return int(found)


def delete(connection: oracledb.Connection, table: RowBinder, row: Row) -> None:
    """Delete one row by its key; leave the transaction open."""
    with connection.cursor() as cursor:
        cursor.setinputsizes(*table.key_sizes)
        cursor.execute(f"DELETE FROM {table.table} WHERE {_is_key(table)}", list(table.key_of(row)))  # noqa: S608 - our own names


def _is_key(table: RowBinder, bound: int = 0) -> str:
    """Return the condition on one key, whose first part is bound after so many others."""
    return " AND ".join(f"{name} = :{place}" for place, name in enumerate(table.layout.key, bound + 1))
