"""Expressions into functions of a row; everything is raw bytes (see values.py)."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from oracle_stand_in.data.column_types import (
    DATE_TYPE,
    INTERVAL_TYPE,
    MOMENTS,
    NUMBER_TYPE,
    TIMESTAMP_TYPE,
    ZONED_TYPE,
    Column,
    ColumnType,
    Kind,
    varchar,
)
from oracle_stand_in.data.convert import at_zone, converter
from oracle_stand_in.data.fit import fit, shortened
from oracle_stand_in.data.nls import DATABASE_ZONE, Nls, offset_at
from oracle_stand_in.data.rows import Row
from oracle_stand_in.data.values import (
    decode_interval,
    decode_timestamp,
    encode_date,
    encode_number,
    encode_timestamp,
    encode_zoned,
)
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.evaluation.arithmetic import arithmetic, days, days_between, interval_between, shift
from oracle_stand_in.sql.evaluation.context import USERENV, Context
from oracle_stand_in.sql.evaluation.functions import AGGREGATES, FUNCTIONS, Argument, within_a_text
from oracle_stand_in.sql.evaluation.plain_functions import PLAIN
from oracle_stand_in.sql.syntax import (
    AtZone,
    Bind,
    Call,
    Cast,
    Expression,
    Literal,
    Name,
    Operation,
    Query,
    Subquery,
)

Getter = Callable[[Row], bytes]


@dataclass(frozen=True)
class Value:
    """A constant with its type; without a type it is an untyped NULL."""

    raw: bytes
    type: ColumnType | None


@dataclass
class Scope:
    """What names mean inside a statement."""

    context: Context
    binds: Sequence[Value]
    #: alias and column, in the order of the row
    columns: list[tuple[str, Column]] = field(default_factory=list)
    #: expressions that are columns of the row already, as after GROUP BY
    slots: Mapping[Expression, tuple[int, ColumnType]] = field(default_factory=dict)
    #: the same for plain columns, by their place before grouping, however they are qualified
    column_slots: Mapping[int, tuple[int, ColumnType]] = field(default_factory=dict)
    #: queries inside the statement, answered beforehand
    answers: dict[Query, tuple[list[bytes], ColumnType]] = field(default_factory=dict)
    is_grouped: bool = False
    #: whether the groups come from GROUP BY, rather than from an aggregate alone
    has_keys: bool = False

    def find(self, name: Name) -> tuple[int, Column] | None:
        """Return a column's place and type. Raises: OracleError: 918, there are two of this name."""
        found = [
            (index, column)
            for index, (alias, column) in enumerate(self.columns)
            if column.name == name.name and name.qualifier in (None, alias)
        ]
        if len(found) > 1:
            raise OracleError(918, name.name, position=name.position)
        return found[0] if found else None

    def column(self, index: int) -> "Compiled":
        """Return the row's column of this number, ready to run."""
        return _column(index, self.columns[index][1].type)


@dataclass(frozen=True)
class Compiled:
    """An expression ready to run; `column` or `value` tell what is known beforehand."""

    type: ColumnType | None
    get: Getter
    column: int | None = None
    value: Value | None = None


def constant(value: Value) -> Compiled:
    """Return the compiled form of a constant."""
    raw = value.raw
    return Compiled(value.type if raw or value.type else None, lambda _row: raw, value=value)


def compile_expression(node: Expression, scope: Scope) -> Compiled:
    """Compile a value. Raises: OracleError: it makes no sense (904, 932, 9xx)."""
    slot = scope.slots.get(node)
    if slot is not None:
        return _column(*slot)
    compiler = COMPILERS.get(type(node))
    if compiler is None:
        raise unsupported("an analytic function here")
    return compiler(node, scope)


def _column(index: int, kind: ColumnType) -> Compiled:
    return Compiled(kind, operator.itemgetter(index), column=index)


def _name(node: Name, scope: Scope) -> Compiled:
    found = scope.find(node)
    if found is not None:
        if not scope.is_grouped:
            return _column(found[0], found[1].type)
        if found[0] not in scope.column_slots:
            raise OracleError(979 if scope.has_keys else 937, position=node.position)
        return _column(*scope.column_slots[found[0]])
    if node.qualifier is None:
        value = _pseudo_column(node.name, scope.context)
        if value is not None:
            return constant(value)
    quoted = f'"{node.qualifier}"."{node.name}"' if node.qualifier else f'"{node.name}"'
    raise OracleError(904, quoted, position=node.position)


def _pseudo_column(name: str, context: Context) -> Value | None:
    now, offset = context.now, context.nls.zone_offset_at(context.now)
    nanoseconds = now.microsecond * 1000
    moments: dict[str, Callable[[], Value]] = {
        # the server's clock is in UTC
        "SYSTIMESTAMP": lambda: Value(encode_zoned(now, nanoseconds, timedelta()), ZONED_TYPE),
        "CURRENT_TIMESTAMP": lambda: Value(encode_zoned(now, nanoseconds, offset), ZONED_TYPE),
        "LOCALTIMESTAMP": lambda: Value(encode_timestamp(now + offset), TIMESTAMP_TYPE),
        "SYSDATE": lambda: Value(encode_date(now), DATE_TYPE),
        "CURRENT_DATE": lambda: Value(encode_date(now + offset), DATE_TYPE),
        "USER": lambda: Value(context.user.encode(), varchar(128)),
        "SESSIONTIMEZONE": lambda: Value(context.nls.time_zone.encode(), varchar(75)),
        "DBTIMEZONE": lambda: Value(DATABASE_ZONE.encode(), varchar(6)),
        "UID": lambda: Value(encode_number(Decimal(100)), NUMBER_TYPE),
    }
    return moments[name]() if name in moments else None


def _call(node: Call, scope: Scope) -> Compiled:
    if node.name in AGGREGATES:
        raise OracleError(937 if scope.is_grouped else 934, position=node.position)
    if node.keep:
        raise unsupported(f"{node.name} with KEEP", node.position)
    if node.name == "SYS_CONTEXT":
        arguments = [compile_expression(argument, scope) for argument in node.arguments]
        return constant(_sys_context(arguments, scope.context))
    function = FUNCTIONS.get(node.name) or PLAIN.get(node.name)
    if function is None:
        raise OracleError(904, f'"{node.name}"', position=node.position)
    compiled = [compile_expression(argument, scope) for argument in node.arguments]
    kind, run = function([Argument(c.type, c.value.raw if c.value else None) for c in compiled], scope.context)
    getters = [c.get for c in compiled]
    if all(c.value is not None for c in compiled):
        return constant(Value(run([get(()) for get in getters]), kind))
    return Compiled(kind, lambda row: run([get(row) for get in getters]))


def _sys_context(arguments: list[Compiled], context: Context) -> Value:
    if len(arguments) < 2 or any(a.value is None for a in arguments):
        raise OracleError(938)
    namespace, name = (a.get(()).decode().upper() for a in arguments[:2])
    if namespace != "USERENV":
        return Value(context.values.get((namespace, name), "").encode(), varchar(256))
    if name not in USERENV:
        raise OracleError(2003, text="invalid USERENV parameter")
    return Value(USERENV[name](context).encode(), varchar(256))


def _operation(node: Operation, scope: Scope) -> Compiled:
    left, right, nls = compile_expression(node.left, scope), compile_expression(node.right, scope), scope.context.nls
    if node.operator == "||":
        texts = [convert_to(side, varchar(4000), nls).get for side in (left, right)]
        return _folded(varchar(4000), lambda row: within_a_text(texts[0](row) + texts[1](row)), left, right)
    if left.type is not None and left.type.kind in MOMENTS and node.operator in "+-":
        if right.type is not None and right.type.kind in MOMENTS:
            return _difference(left, right, nls)
        if right.type is not None and right.type.kind is Kind.INTERVAL:
            return _shifted(node.operator, left, right, decode_interval)
        return _shifted(node.operator, convert_to(left, DATE_TYPE, nls), convert_to(right, NUMBER_TYPE, nls), days)
    run = arithmetic(node.operator)
    numbers = [convert_to(side, NUMBER_TYPE, nls).get for side in (left, right)]
    return _folded(NUMBER_TYPE, lambda row: run(numbers[0](row), numbers[1](row)), left, right)


def _difference(left: Compiled, right: Compiled, nls: Nls) -> Compiled:
    """Return the days between two DATEs, or the interval between other moments."""
    if {left.type and left.type.kind, right.type and right.type.kind} == {Kind.DATE}:
        return _folded(NUMBER_TYPE, lambda row: days_between(left.get(row), right.get(row)), left, right)
    first, other = (convert_to(side, ZONED_TYPE, nls).get for side in (left, right))
    return _folded(INTERVAL_TYPE, lambda row: interval_between(first(row), other(row)), left, right)


def _shifted(operator: str, moment: Compiled, by: Compiled, read: Callable[[bytes], timedelta]) -> Compiled:
    """Return a moment later or earlier by an interval or a number of days."""
    sign = 1 if operator == "+" else -1

    def shifted(row: Row) -> bytes:
        raw, amount = moment.get(row), by.get(row)
        return shift(raw, read(amount) * sign) if raw and amount else b""

    return _folded(moment.type or DATE_TYPE, shifted, moment, by)


def _folded(kind: ColumnType, get: Getter, *sides: Compiled) -> Compiled:
    """Return the result of an operation, worked out now if its sides are constants."""
    if all(side.value is not None for side in sides):
        return constant(Value(get(()), kind))
    return Compiled(kind, get)


def convert_to(inner: Compiled, kind: ColumnType, nls: Nls) -> Compiled:
    """Return the same value in another type, by a session's settings.

    Raises: OracleError: 932, there is no such conversion.
    """
    if inner.type is None or inner.type.kind is kind.kind:
        return Compiled(kind, inner.get, inner.column, Value(inner.value.raw, kind) if inner.value else None)
    change = converter(inner.type.kind, kind.kind, nls)
    get = inner.get

    def converted(row: Row) -> bytes:
        raw = get(row)
        return change(raw) if raw else b""

    return _folded(kind, converted, inner)


def _cast(node: Cast, scope: Scope) -> Compiled:
    """Compile CAST, which cuts texts off and rounds numbers."""
    inner = convert_to(compile_expression(node.value, scope), node.type, scope.context.nls)
    get, kind = inner.get, node.type

    def cast(row: Row) -> bytes:
        raw = get(row)
        return fit(shortened(raw, kind) if kind.is_text else raw, kind, "CAST") if raw else b""

    return _folded(kind, cast, inner)


def _at_zone(node: AtZone, scope: Scope) -> Compiled:
    """Compile AT TIME ZONE and AT LOCAL: the same moment as clocks elsewhere show it."""
    nls = scope.context.nls
    inner = convert_to(compile_expression(node.value, scope), ZONED_TYPE, nls)
    named = compile_expression(node.zone, scope) if node.zone is not None else None

    def moved(row: Row) -> bytes:
        raw = inner.get(row)
        name = nls.time_zone if named is None else named.get(row).decode()
        return at_zone(raw, offset_at(name, decode_timestamp(raw)[0])) if raw and name else b""

    return _folded(ZONED_TYPE, moved, inner, *([named] if named is not None else []))


def _subquery(node: Subquery, scope: Scope) -> Compiled:
    rows, kind = scope.answers[node.query]
    if len(rows) > 1:
        raise OracleError(1427)
    return constant(Value(rows[0] if rows else b"", kind))


#: kind of expression -> its compiler; CASE, which is made of conditions, is added where those are known
COMPILERS: dict[type, Callable[[Any, Scope], Compiled]] = {
    Literal: lambda node, _scope: constant(Value(node.value, node.type)),
    Bind: lambda node, scope: constant(scope.binds[node.index]),
    Name: _name,
    Call: _call,
    Cast: _cast,
    AtZone: _at_zone,
    Operation: _operation,
    Subquery: _subquery,
}
