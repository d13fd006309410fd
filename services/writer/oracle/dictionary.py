"""What Oracle's dictionary says of the table: whose it is, its unique keys, its indexes. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import oracledb

from services.writer.oracle.columns import FoundColumn, described
from services.writer.oracle.errors import oracle_error, translated
from services.writer.sink import SinkError, Verdict

#: There is no such column.
_NO_COLUMN = "ORA-00904"

_WHERE = "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA'), SYS_CONTEXT('USERENV', 'DATABASE_ROLE') FROM dual"

_CONSTRAINTS = """
SELECT c.owner, c.constraint_name, c.constraint_type, c.deferred, cc.column_name
FROM all_constraints c JOIN all_cons_columns cc ON cc.owner = c.owner AND cc.constraint_name = c.constraint_name
WHERE c.owner = :1 AND c.table_name = :2 AND c.constraint_type IN ('P', 'U') AND c.status = 'ENABLED'
ORDER BY c.constraint_name, cc.position
"""
_UNIQUE_INDEXES = """
SELECT ic.index_owner, i.index_name, ic.column_name
FROM all_indexes i JOIN all_ind_columns ic ON ic.index_name = i.index_name AND ic.table_owner = i.table_owner
WHERE i.table_owner = :1 AND i.table_name = :2 AND i.uniqueness = 'UNIQUE'
ORDER BY i.index_name, ic.column_position
"""


@dataclass(frozen=True)
class UniqueKey:
    """What refuses a row by ORA-00001: a constraint or a unique index; `name` as the error's text has it."""

    name: str  #: OWNER.NAME
    columns: tuple[str, ...]
    is_primary: bool = False
    is_deferred: bool = False  #: checked at the commit


def guards(keys: Sequence[UniqueKey], key: Sequence[str]) -> bool:
    """Tell whether one of them refuses what comes twice under a key: it is on these columns, or on fewer of them."""
    return any(set(unique.columns) <= set(key) for unique in keys)


class TableShape:
    """One table as its dictionary describes it. Raises: SinkError by every method."""

    def __init__(self, connection: oracledb.Connection, table: str) -> None:
        self._connection = connection
        self._table = table
        self._owner, self._name = "", ""
        #: Whether it is a table, as far as `locate` found it, and one whose rows are gone with the commit.
        self.is_table = self.is_temporary = False
        #: Whether its database is a standby that was opened for a trial: it will be put back to where it began.
        self.is_rewound = False

    def columns(self, wanted: Sequence[str] = ()) -> list[FoundColumn]:
        """Return the columns as Oracle describes them, which also shows that the user may SELECT.

        wanted: those that are asked for by name where `*` does not stand for them: they may be INVISIBLE.
        """
        found = self._described("*")
        for name in sorted(set(wanted) - {column.name.lower() for column in found}):
            try:
                found += self._described(name)
            except SinkError as error:
                if error.code != _NO_COLUMN:
                    raise
        return found

    def locate(self) -> bool:
        """Find out whose table it is, through a synonym too; False when it is none (a view): then no key is known."""
        schema, _, name = self._table.upper().rpartition(".")
        current, role = self._one(_WHERE)
        schema, self.is_rewound = schema or current, role == "SNAPSHOT STANDBY"
        if not self._found(schema, name):
            rows = self._all(
                "SELECT table_owner, table_name FROM all_synonyms WHERE synonym_name = :1 AND owner IN (:2, 'PUBLIC')",
                [name, schema],
            )
            schema, name = rows[0] if rows else (schema, name)
            self._found(schema, name)
        self._owner, self._name = schema, name
        return self.is_table

    @property
    def loss(self) -> SinkError | None:
        """Why no row stays that is committed, as far as `locate` found it; None where they stay."""
        if self.is_temporary:
            return oracle_error("TEMPORARY", f"{self._table} is a temporary table: rows are gone with the commit")
        if self.is_rewound:
            return oracle_error("SNAPSHOT_STANDBY", f"{self._table} is in a snapshot standby: rows go with its end")
        return None

    def check_keeps_rows(self) -> None:
        """Locate it, as far as the dictionary may be read. Raises: SinkError: no row stays, or the connection broke."""
        try:
            self.locate()
        except SinkError as error:
            # Whoever may not read the dictionary, or gets no answer of it in time, may write all the same.
            if error.verdict is Verdict.CONNECTION_LOST:
                raise
        if self.loss is not None:
            raise self.loss

    def unique_keys(self) -> list[UniqueKey]:
        """Return all that can refuse a row by ORA-00001, the primary key first."""
        keys: dict[str, UniqueKey] = {}
        for owner, name, kind, deferred, column in self._all(_CONSTRAINTS, [self._owner, self._name]):
            known = keys.get(f"{owner}.{name}")
            columns = (*(known.columns if known else ()), column.lower())
            keys[f"{owner}.{name}"] = UniqueKey(f"{owner}.{name}", columns, kind == "P", deferred == "DEFERRED")
        indexes: dict[str, tuple[str, ...]] = {}
        for owner, name, column in self._all(_UNIQUE_INDEXES, [self._owner, self._name]):
            indexes[f"{owner}.{name}"] = (*indexes.get(f"{owner}.{name}", ()), column.lower())
        for name, columns in indexes.items():
            keys.setdefault(name, UniqueKey(name, columns))
        return sorted(keys.values(), key=lambda key: not key.is_primary)

    def indexed_first(self) -> list[str]:
        """Return the first column of every index."""
        if self._owner == self._one("SELECT USER FROM dual")[0]:
            sql, binds = "SELECT column_name FROM user_ind_columns WHERE table_name = :1", [self._name]
        else:
            sql = "SELECT column_name FROM all_ind_columns WHERE table_name = :1 AND table_owner = :2"
            binds = [self._name, self._owner]
        return [row[0] for row in self._all(f"{sql} AND column_position = 1", binds)]

    def character_set(self) -> str:
        """Return the database's character set, in which VARCHAR2 columns hold their text; "" where it does not say."""
        found = self._all(
            "SELECT value FROM nls_database_parameters WHERE parameter = :1", ["NLS_CHARACTERSET"]
        )  # fmt: skip
        return str(found[0][0]) if found else ""

    def _found(self, owner: str, name: str) -> bool:
        rows = self._all("SELECT temporary FROM all_tables WHERE owner = :1 AND table_name = :2", [owner, name])
        self.is_table, self.is_temporary = bool(rows), rows == [("Y",)]
        return self.is_table

    def _described(self, what: str) -> list[FoundColumn]:
        with translated(), self._connection.cursor() as cursor:
            # Parsed anew each time: a statement that the driver knows may be described as the table was.
            sql = f"SELECT {what} FROM {self._table} WHERE 1 = 0"  # noqa: S608 - the names are ours, or checked in settings
            cursor.prepare(sql, cache_statement=False)
            cursor.execute(None)
            return [described(info) for info in cursor.description or ()]

    def _one(self, sql: str) -> Any:
        return self._all(sql, [])[0]

    def _all(self, sql: str, binds: Sequence[str]) -> list[Any]:
        with translated(), self._connection.cursor() as cursor:
            cursor.execute(sql, list(binds))
            return list(cursor)
