"""What runs have left in the user's schema that did not come to their end: told from what runs hold that go on."""

import re
from collections.abc import Sequence
from contextlib import suppress

import oracledb

from services.writer.oracle.errors import from_driver, one_line

#: The table in which a run that goes on holds a row; the run's name.
_MARKER = re.compile(r"(TT_[0-9A-F]{8})_TAGPIPE")
_NO_TABLE, _IN_USE = "ORA-00942", "ORA-00054"


def marker_of(run: str) -> str:
    """Return the name of a run's marker."""
    return f"{run}_TAGPIPE"


def close(connection: oracledb.Connection) -> None:
    """Close a connection that may be lost."""
    with suppress(oracledb.Error, OSError, AttributeError):
        connection.close()


def clear_runs(connection: oracledb.Connection, besides: str) -> list[str]:
    """Drop the tables of runs that are over; return a line for each run but `besides`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM user_tables")
        names = [str(name) for (name,) in cursor]
    runs = [match[1] for match in map(_MARKER.fullmatch, names) if match and match[1] != besides]
    return [_clear(connection, run, [name for name in names if re.fullmatch(rf"{run}_\d+", name)]) for run in runs]


def _clear(connection: oracledb.Connection, run: str, tables: list[str]) -> str:
    """Drop what a run has left, its marker last; return what became of it."""
    try:
        connection.cursor().execute(f"TRUNCATE TABLE {marker_of(run)}")
    except oracledb.Error as error:
        if from_driver(error).code == _IN_USE:
            return f"run {run} goes on as well: its tables are left alone"
        return f"run {run}: {one_line(str(error))}"
    left = drop_tables(connection, [marker_of(run), *sorted(tables, key=lambda name: int(name.rpartition("_")[2]))])
    return f"run {run} is over, and left {len(tables) + 1} tables: {left or 'dropped'}"


def drop_tables(connection: oracledb.Connection, tables: Sequence[str]) -> str:
    """Drop tables, the last that was made first; return which are still there, and why; empty where none is."""
    left: list[str] = []
    why = ""
    for table in reversed(tables):
        try:
            connection.cursor().execute(f"DROP TABLE {table} PURGE")
        except oracledb.Error as error:
            if from_driver(error).code != _NO_TABLE:
                left.append(table)
                why = one_line(str(error))
    return f"TABLE {first_words(left)}: {why}" if left else ""


def first_words(names: Sequence[str], most: int = 8) -> str:
    """Return names in a line, not too many of them."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
