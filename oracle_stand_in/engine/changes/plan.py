"""How the values of an INSERT become rows of its table: column by column for a batch, row by row where one is wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oracle_stand_in.data.binds import BindType, bind_kind
from oracle_stand_in.data.column_types import NATIONAL, PADDED, TIMESTAMP, TIMESTAMPS, ColumnType, Kind
from oracle_stand_in.data.convert import Converter, identity
from oracle_stand_in.data.fit import fit
from oracle_stand_in.data.rows import Row
from oracle_stand_in.engine.storage.table import Check, Table
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.evaluation.conditions import Predicate, compile_condition
from oracle_stand_in.sql.evaluation.context import Context
from oracle_stand_in.sql.evaluation.evaluate import Compiled, Scope, Value, compile_expression, constant, convert_to
from oracle_stand_in.sql.statements import Insert
from oracle_stand_in.sql.syntax import Bind, Call, Expression, Name

#: four zero bytes occur in no encoded TIMESTAMP but one whose fraction is zero (every other byte is 1 or more, and
#: the fraction's bytes are followed by a century)
ZERO_FRACTION = bytes(4)
#: lengths that the types of binds have
BIND_LENGTHS = {Kind.VARCHAR: 4000, Kind.CHAR: 2000, Kind.NVARCHAR: 2000, Kind.NCHAR: 1000, Kind.RAW: 2000}
#: fraction digits that every driver's TIMESTAMP binds stay within
MICROSECOND_DIGITS = 6


@dataclass(frozen=True)
class _Source:
    """Where one column's values come from: a bind as it is, a constant, or a function of the binds."""

    type: ColumnType
    #: the column's name as error messages have it
    column: str
    nullable: bool
    compiled: Compiled
    #: whether values need `fit` to change them; otherwise it would only check them
    reshapes: bool

    @property
    def most_bytes(self) -> int:
        """Bytes up to which a text fits for certain; 0 for other types."""
        if self.type.kind in NATIONAL:
            return self.type.max_bytes
        return self.type.length if self.type.kind in (Kind.VARCHAR, Kind.RAW) else 0

    def value(self, binds: Row) -> bytes:
        """Return one row's value. Raises: OracleError: it cannot be converted, or does not fit."""
        raw = self.compiled.get(binds)
        return fit(raw, self.type, self.column) if raw else raw

    def values(self, rows: Sequence[Row], columns: Sequence[Sequence[bytes]]) -> Sequence[bytes] | None:
        """Return all rows' values, or None if something is wrong with any of them."""
        values: Sequence[bytes]
        if self.compiled.value is not None:
            values = [self.value(())] * len(rows)
        elif self.compiled.column is not None and not self.reshapes:
            values = columns[self.compiled.column]
            if self.most_bytes and max(map(len, values)) > self.most_bytes:
                return None
        else:
            values = [self.value(row) for row in rows]
        return values if self.nullable or b"" not in values else None


def _reshapes(compiled: Compiled, kind: ColumnType, bind_types: Sequence[BindType]) -> bool:
    if kind.kind is Kind.NUMBER:
        return kind.is_rounded
    if kind.kind in PADDED:
        return True
    if kind.kind in TIMESTAMPS:
        from_bind = bind_types and compiled.column is not None and bind_types[compiled.column].wire_type == TIMESTAMP
        return not from_bind or (kind.scale or 0) < MICROSECOND_DIGITS
    return False


def bind_types_as_columns(bind_types: Sequence[BindType]) -> dict[Expression, tuple[int, ColumnType]]:
    """Return the slots that make a row of binds the row that expressions are functions of."""
    slots: dict[Expression, tuple[int, ColumnType]] = {}
    for index, bind in enumerate(bind_types):
        kind = bind_kind(bind)[0]
        slots[Bind(index)] = (index, ColumnType(kind, BIND_LENGTHS.get(kind, 0)))
    return slots


def normalise_binds(rows: list[Row], bind_types: Sequence[BindType]) -> list[Row]:
    """Bring binds from their form on the wire to the form they are stored in."""
    changes: dict[int, Converter] = {}
    for index, bind in enumerate(bind_types):
        change = bind_kind(bind)[1]
        if change is identity:
            continue
        # drivers leave out a fraction of zero themselves, so look at all values at once before going through them
        if bind.wire_type != TIMESTAMP or ZERO_FRACTION in b"".join([row[index] for row in rows]):
            changes[index] = change
    if not changes:
        return rows
    columns = [list(column) for column in zip(*rows, strict=True)]
    for index, change in changes.items():
        columns[index] = [change(raw) if raw else b"" for raw in columns[index]]
    return list(zip(*columns, strict=True))


class InsertPlan:
    """How one INSERT statement turns the rows of a scope into table rows: binds, or the row that a trigger is for."""

    def __init__(
        self,
        table: Table,
        statement: Insert,
        scope: Scope,
        bind_types: Sequence[BindType] = (),
        further_check: Callable[[Row], None] | None = None,
    ) -> None:
        """Make the plan. Args: bind_types: of the scope's rows where these are binds. Raises: OracleError."""
        self.table = table
        self.further_check = further_check
        targets = insert_targets(table, statement.columns, len(statement.values))
        context = scope.context
        given = dict(zip(targets, statement.values, strict=True))
        self.sources: list[_Source] = []
        for index, column in enumerate(table.columns):
            node = given.get(index)
            if node is None:
                node = column.default
            elif column.default is not None and column.default_on_null:
                node = Call("NVL", (node, column.default))
            compiled = constant(Value(b"", None)) if node is None else compile_expression(node, scope)
            compiled = convert_to(compiled, column.type, context.nls)
            reshapes = _reshapes(compiled, column.type, bind_types)
            self.sources.append(_Source(column.type, table.qualified(index), column.nullable, compiled, reshapes))
        self.checks = compile_checks(table, context)

    def rows(self, bind_rows: list[Row]) -> list[Row] | None:
        """Return all table rows, or None if any of them is not as it should be."""
        if self.further_check is not None or self.table.triggers:
            return None
        columns = list(zip(*bind_rows, strict=True))
        values = []
        try:
            for source in self.sources:
                column = source.values(bind_rows, columns)
                if column is None:
                    return None
                values.append(column)
        except OracleError:
            return None
        rows = list(zip(*values, strict=True))
        for _, predicate in self.checks:
            if False in map(predicate, rows):
                return None
        return rows

    def row(self, binds: Row) -> Row:
        """Return one table row. Raises: OracleError: a value cannot be converted, or does not fit."""
        return tuple(source.value(binds) for source in self.sources)

    def check(self, row: Row) -> None:
        """Check a row against NOT NULL, CHECK and what else is to be checked. Raises: OracleError."""
        check_row(self.table, self.checks, row)
        if self.further_check is not None:
            self.further_check(row)


def insert_targets(table: Table, names: tuple[Name, ...] | None, values: int) -> list[int]:
    """Return the columns that an INSERT names. Raises: OracleError: 904, 913, 947, 957."""
    if names is None:
        visible = [index for index, column in enumerate(table.columns) if not column.is_invisible]
        if values != len(visible):
            raise OracleError(947 if values < len(visible) else 913)
        return visible
    targets = [table.column_index(name.name, name.position) for name in names]
    if len(set(targets)) < len(targets):
        raise OracleError(957)
    return targets


def compile_checks(table: Table, context: Context) -> list[tuple[Check, Predicate]]:
    """Return the table's check constraints, ready to run on its rows."""
    scope = Scope(context, [], [(table.name, column) for column in table.columns])
    return [(check, compile_condition(check.condition, scope)) for check in table.checks]


def check_row(table: Table, checks: list[tuple[Check, Predicate]], row: Row, null_code: int = 1400) -> None:
    """Check a row against NOT NULL and CHECK. Raises: OracleError: 1400 (1407 for an update) or 2290."""
    if b"" in row:
        for index, column in enumerate(table.columns):
            if not row[index] and not column.nullable:
                raise OracleError(null_code, table.qualified(index))
    for check, predicate in checks:
        if predicate(row) is False:
            raise OracleError(check.code, *([table.constraint(check.name)] if check.name else []))
