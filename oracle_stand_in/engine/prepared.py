"""A statement that has been parsed, and the binds that it is executed with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from oracle_stand_in.data.binds import BindType
from oracle_stand_in.data.rows import Row
from oracle_stand_in.engine.changes.plan import bind_types_as_columns, normalise_binds
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.evaluation.evaluate import Value
from oracle_stand_in.sql.parser.statement import parse_statement
from oracle_stand_in.sql.statements import AlterSession, Delete, Insert, InsertSelect, Statement, Update
from oracle_stand_in.sql.syntax import Compound, Select, TableRef


@dataclass(frozen=True)
class Prepared:
    """A parsed statement."""

    sql: str
    statement: Statement
    binds: int

    def check(self, binds: "Binds") -> None:
        """Raises: OracleError: 1008, 1036: it has more binds, or fewer."""
        if self.binds > len(binds.types):
            raise OracleError(1008)
        if self.binds < len(binds.types):
            raise OracleError(1036, text="illegal variable name/number")

    @property
    def is_query(self) -> bool:
        """Whether it answers with rows."""
        return isinstance(self.statement, Select | Compound)

    @property
    def is_setting(self) -> bool:
        """Whether it belongs to the session's beginning: faults that strike the next execution leave it alone."""
        return isinstance(self.statement, AlterSession)

    @property
    def target(self) -> str | None:
        """The table that a DML statement writes to, or the first that a query reads."""
        if isinstance(self.statement, Insert | InsertSelect | Delete | Update):
            return self.statement.table.name
        if isinstance(self.statement, Select) and isinstance(self.statement.sources[0], TableRef):
            return self.statement.sources[0].name
        return None

    @property
    def verb(self) -> str:
        """The word that the statement begins with."""
        return self.sql.split(None, 1)[0].upper() if self.sql.strip() else ""


@dataclass(frozen=True)
class Binds:
    """The binds of one call: their types, and a row of them for each execution."""

    types: Sequence[BindType]
    rows: list[Row]

    def values(self, offset: int) -> list[Value]:
        """Return one execution's binds as constants."""
        if not self.types:
            return []
        row = normalise_binds([self.rows[offset]], self.types)[0]
        slots = bind_types_as_columns(self.types)
        return [Value(raw, kind) for raw, (_, kind) in zip(row, slots.values(), strict=True)]


NO_BINDS = Binds((), [()])
#: statements that are known in their parsed form, as a server's shared pool knows them
PARSED = 200


@lru_cache(maxsize=PARSED)
def prepare(sql: str) -> Prepared:
    """Parse a statement. Raises: OracleError: it is none, or none that the stand-in knows."""
    statement, binds = parse_statement(sql)
    return Prepared(sql, statement, binds)
