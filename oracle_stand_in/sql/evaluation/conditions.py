"""Conditions into functions of a row that yield True, False or None, for "unknown"."""

import operator
import re
from collections.abc import Callable
from typing import Any as Anything

from oracle_stand_in.data.column_types import PADDED, ColumnType, Kind, varchar
from oracle_stand_in.data.convert import comparable, identity
from oracle_stand_in.data.rows import Row
from oracle_stand_in.errors import unsupported
from oracle_stand_in.sql.evaluation import evaluate
from oracle_stand_in.sql.evaluation.evaluate import Compiled, Scope, Value, compile_expression, constant, convert_to
from oracle_stand_in.sql.evaluation.functions import result_type
from oracle_stand_in.sql.syntax import (
    All,
    Any,
    Case,
    Comparison,
    Condition,
    Exists,
    InList,
    InQuery,
    IsNull,
    Like,
    Not,
    Same,
)

Predicate = Callable[[Row], bool | None]
OPERATORS: dict[str, Callable[[bytes, bytes], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


#: kinds other than texts, each before those that are converted to it for a comparison
ORDER = (
    Kind.DOUBLE,
    Kind.FLOAT,
    Kind.NUMBER,
    Kind.ZONED,
    Kind.LOCAL,
    Kind.TIMESTAMP,
    Kind.DATE,
    Kind.RAW,
    Kind.INTERVAL,
)


def common_type(left: ColumnType | None, right: ColumnType | None) -> ColumnType | None:
    """Return the type in which two values are compared; of texts only two CHARs compare without their blanks."""
    if left is None or right is None or left.kind is right.kind:
        return left or right
    if left.is_text and right.is_text:
        national = left.is_national or right.is_national
        padded = left.kind in PADDED and right.kind in PADDED
        kinds = (Kind.NCHAR, Kind.NVARCHAR) if national else (Kind.CHAR, Kind.VARCHAR)
        return ColumnType(kinds[0 if padded else 1], max(left.length, right.length))
    others = [each for each in (left, right) if not each.is_text]
    return min(others, key=lambda each: ORDER.index(each.kind))


def _constantly(answer: bool) -> Predicate:
    return lambda _row: answer


def compile_condition(node: Condition, scope: Scope) -> Predicate:
    """Compile a condition. Raises: OracleError: it makes no sense."""
    return COMPILERS[type(node)](node, scope)


def _not(node: Not, scope: Scope) -> Predicate:
    inner = compile_condition(node.condition, scope)

    def negated(row: Row) -> bool | None:
        result = inner(row)
        return None if result is None else not result

    return negated


def _is_null(node: IsNull, scope: Scope) -> Predicate:
    get = compile_expression(node.value, scope).get
    return lambda row: not get(row)


def _joined(node: All | Any, scope: Scope) -> Predicate:
    parts = [compile_condition(each, scope) for each in node.conditions]
    decides = isinstance(node, Any)  # the result that settles the matter: True for OR, False for AND

    def joined(row: Row) -> bool | None:
        result: bool | None = not decides
        for part in parts:
            each = part(row)
            if each is decides:
                return decides
            if each is None:
                result = None
        return result

    return joined


def _comparison(node: Comparison, scope: Scope) -> Predicate:
    left, right = compile_expression(node.left, scope), compile_expression(node.right, scope)
    kind = common_type(left.type, right.type)
    if kind is None:
        return lambda _row: None
    left, right = (_comparable(side, kind, scope) for side in (left, right))
    compare = OPERATORS[node.operator]
    if left.column is not None and right.value is not None:
        index, raw = left.column, right.value.raw
        if not raw:
            return lambda _row: None
        return lambda row: compare(row[index], raw) if row[index] else None
    get_left, get_right = left.get, right.get

    def compared(row: Row) -> bool | None:
        a, b = get_left(row), get_right(row)
        return compare(a, b) if a and b else None

    return compared


def _comparable(side: Compiled, kind: ColumnType, scope: Scope) -> Compiled:
    """Return a value in the form in which two of a type compare as bytes."""
    converted = convert_to(side, kind, scope.context.nls)
    change = comparable(kind.kind)
    if change is identity:
        return converted
    get = converted.get

    def changed(row: Row) -> bytes:
        raw = get(row)
        return change(raw) if raw else b""

    if converted.value is not None:
        return constant(Value(changed(()), kind))
    return Compiled(kind, changed)


def _same(node: Same, scope: Scope) -> Predicate:
    equal = _comparison(Comparison("=", node.left, node.right), scope)
    left, right = (compile_expression(side, scope).get for side in (node.left, node.right))
    return lambda row: bool(equal(row)) or not (left(row) or right(row))


def _like(node: Like, scope: Scope) -> Predicate:
    text = convert_to(compile_expression(node.value, scope), varchar(4000), scope.context.nls).get
    pattern = compile_expression(node.pattern, scope)
    escape = compile_expression(node.escape, scope).get(()).decode() if node.escape else None
    if pattern.value is None:
        raise unsupported("LIKE with a pattern that is not constant")
    expression = like_pattern(pattern.value.raw.decode(), escape)

    def matches(row: Row) -> bool | None:
        raw = text(row)
        return bool(expression.fullmatch(raw.decode("utf-8", "replace"))) if raw else None

    return matches


def like_pattern(pattern: str, escape: str | None) -> re.Pattern[str]:
    """Turn a LIKE pattern into a regular expression.

    What stands between two `%` is looked for once, and not again further on (?>...): the first place is as good as any,
    and to try all of them takes a time that doubles with each `%`.
    """
    pieces = [""]
    escaped = False
    for character in pattern:
        if escaped or character not in ("%", "_", escape):
            pieces[-1] += re.escape(character)
            escaped = False
        elif character == escape:
            escaped = True
        elif character == "_":
            pieces[-1] += "."
        else:
            pieces.append("")
    if len(pieces) == 1:
        return re.compile(pieces[0], re.DOTALL)
    first, *middle, last = pieces
    return re.compile(f"{first}{''.join(f'(?>.*?{piece})' for piece in middle)}.*{last}", re.DOTALL)


def _in(node: InList | InQuery, scope: Scope) -> Predicate:
    value = compile_expression(node.value, scope)
    if isinstance(node, InQuery):
        rows, kind = scope.answers[node.query]
        options = [constant(Value(raw, kind)) for raw in rows]
    else:
        options = [compile_expression(option, scope) for option in node.options]
    if isinstance(node, InList) and any(option.value is None for option in options):
        return _joined(Any(tuple(Comparison("=", node.value, option) for option in node.options)), scope)
    kinds = [option.type for option in options if option.type is not None]
    common = value.type
    for each in kinds:
        common = common_type(common, each)
    if common is None:
        return lambda _row: None
    wanted = {raw for o in options if (raw := _comparable(o, common, scope).get(()))}
    has_null = any(not o.get(()) for o in options)
    get = _comparable(value, common, scope).get

    def contained(row: Row) -> bool | None:
        raw = get(row)
        if not raw:
            return None
        return True if raw in wanted else None if has_null else False

    return contained


#: kind of condition -> its compiler
COMPILERS: dict[type, Callable[[Anything, Scope], Predicate]] = {
    Comparison: _comparison,
    All: _joined,
    Any: _joined,
    Not: _not,
    IsNull: _is_null,
    Like: _like,
    InList: _in,
    InQuery: _in,
    Same: _same,
    Exists: lambda node, scope: _constantly(bool(scope.answers[node.query][0])),
}


def _case(node: Case, scope: Scope) -> Compiled:
    values = [compile_expression(value, scope) for _, value in node.branches]
    default = compile_expression(node.default, scope)
    kind = result_type([each.type for each in (*values, default)]) or varchar(1)
    nls = scope.context.nls
    tests = [compile_condition(test, scope) for test, _ in node.branches]
    branches = [(test, convert_to(value, kind, nls).get) for test, value in zip(tests, values, strict=True)]
    otherwise = convert_to(default, kind, nls).get

    def chosen(row: Row) -> bytes:
        for test, get in branches:
            if test(row):
                return get(row)
        return otherwise(row)

    return Compiled(kind, chosen)


evaluate.COMPILERS[Case] = _case
