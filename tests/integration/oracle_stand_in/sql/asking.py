"""How tests of SQL ask."""

from typing import Any

import oracledb
import pytest


def rows(cursor: oracledb.Cursor, sql: str, *binds: Any) -> list[Any]:
    found: list[Any] = cursor.execute(sql, list(binds)).fetchall()
    return found


def refused(cursor: oracledb.Cursor, sql: str, *binds: Any) -> str:
    """Run a statement that must fail and return its message, without the driver's link."""
    with pytest.raises(oracledb.Error) as caught:
        cursor.execute(sql, list(binds))
    return str(caught.value.args[0].message).partition("\n")[0]


def fill(cursor: oracledb.Cursor) -> None:
    cursor.execute("INSERT INTO t (name, at, num) VALUES ('a', TIMESTAMP '2026-03-01 12:00:00.25', 1)")
    cursor.execute("INSERT INTO t (name, at, num, quality) VALUES ('b', TIMESTAMP '2026-03-01 12:00:01', 2, 'BAD')")
    cursor.execute("INSERT INTO t (name, at, quality) VALUES ('c', TIMESTAMP '2026-03-01 12:00:02', 'BAD')")
