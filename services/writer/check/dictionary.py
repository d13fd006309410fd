"""What the dictionary says of the table: columns, primary key, indexes. Reads only."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import oracledb

from services.writer.check.findings import FoundColumn
from services.writer.oracle.errors import from_driver

_KEY = """
SELECT cc.column_name FROM all_constraints c JOIN all_cons_columns cc
    ON cc.owner = c.owner AND cc.constraint_name = c.constraint_name
WHERE c.owner = :1 AND c.table_name = :2 AND c.constraint_type = 'P' ORDER BY cc.position
"""


class TableShape:
    """One table as its dictionary describes it.

    Raises: SinkError by every method.
    """

    def __init__(self, connection: oracledb.Connection, table: str) -> None:
        self._connection = connection
        self._table = table
        self._owner, self._name = "", ""

    def columns(self) -> list[FoundColumn]:
        """Return the columns, which also shows that the user may SELECT."""
        with self._cursor() as cursor:
            cursor.execute(f"SELECT * FROM {self._table} WHERE 1 = 0")  # noqa: S608 - the name is checked in settings
            return [_found(info) for info in cursor.description or ()]

    def locate(self) -> bool:
        """Find out whose table it is, through a synonym too; False when it is none (a view): then no key is known."""
        schema, _, name = self._table.upper().rpartition(".")
        schema = schema or self._one("SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM dual")[0]
        if not self._is_table(schema, name):
            rows = self._all(
                "SELECT table_owner, table_name FROM all_synonyms WHERE synonym_name = :1 AND owner IN (:2, 'PUBLIC')",
                [name, schema],
            )
            schema, name = rows[0] if rows else (schema, name)
        self._owner, self._name = schema, name
        return self._is_table(schema, name)

    def key(self) -> list[str]:
        """Return the primary key's columns in its order; none where there is no key."""
        return [row[0] for row in self._all(_KEY, [self._owner, self._name])]

    def indexed_first(self) -> list[str]:
        """Return the first column of every index."""
        if self._owner == self._one("SELECT USER FROM dual")[0]:
            sql, binds = "SELECT column_name FROM user_ind_columns WHERE table_name = :1", [self._name]
        else:
            sql = "SELECT column_name FROM all_ind_columns WHERE table_name = :1 AND table_owner = :2"
            binds = [self._name, self._owner]
        return [row[0] for row in self._all(f"{sql} AND column_position = 1", binds)]

    def _is_table(self, owner: str, name: str) -> bool:
        return bool(self._all("SELECT 1 FROM all_tables WHERE owner = :1 AND table_name = :2", [owner, name]))

    def _one(self, sql: str) -> Any:
        return self._all(sql, [])[0]

    def _all(self, sql: str, binds: Sequence[str]) -> list[Any]:
        with self._cursor() as cursor:
            cursor.execute(sql, list(binds))
            return list(cursor)

    @contextmanager
    def _cursor(self) -> Iterator[oracledb.Cursor]:
        try:
            with self._connection.cursor() as cursor:
                yield cursor
        except oracledb.Error as error:
            raise from_driver(error) from error


def _found(info: Any) -> FoundColumn:
    name = info.type_code.name.removeprefix("DB_TYPE_")
    type_name = {"VARCHAR": "VARCHAR2", "NVARCHAR": "NVARCHAR2"}.get(name, name)
    return FoundColumn(info.name, type_name, info.internal_size or 0, info.scale or 0, bool(info.null_ok))
