"""Subqueries that name columns of the query around them: answered once for each of its rows, as columns of these."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from oracle_stand_in.data.column_types import NUMBER_TYPE, Column, ColumnType
from oracle_stand_in.data.rows import Row
from oracle_stand_in.data.values import encode_number
from oracle_stand_in.errors import unsupported
from oracle_stand_in.sql.syntax import (
    Comparison,
    Exists,
    InQuery,
    Literal,
    Name,
    Query,
    QueryRef,
    Select,
    Subquery,
    TableRef,
)
from oracle_stand_in.sql.walk import walk

T = TypeVar("T")
#: rows for which a subquery is answered, one after the other
MOST_ROWS = 10_000
#: the table to which the answers belong, under a name that nobody can write
ANSWERS = "."
YES, NO = encode_number(Decimal(1)), encode_number(Decimal(0))


def correlated(select: Select, columns: Sequence[tuple[str, Column]]) -> list[Exists | Subquery]:
    """Return the subqueries of a query that name its columns, each once. Raises: OracleError: IN (...) does."""
    outer = {alias for alias, _ in columns if alias}
    found: dict[Exists | Subquery, None] = {}
    for node in walk(select):
        if isinstance(node, Exists | Subquery | InQuery) and outer_names(node.query, outer):
            if isinstance(node, InQuery):
                raise unsupported("IN with a correlated subquery; EXISTS would do")
            found[node] = None
    return list(found)


def outer_names(query: Query, outer: set[str]) -> set[Name]:
    """Return the columns of outer tables that a query names; a table of its own goes before one of the same name."""
    nodes = list(_all_of(query))
    own = {node.alias for node in nodes if isinstance(node, TableRef | QueryRef)}
    return {node for node in nodes if isinstance(node, Name) and node.qualifier in outer - own}


def with_values(query: Query, values: Mapping[Name, tuple[int, Column]], row: Row) -> Query:
    """Return a query in which outer columns are what they are in one outer row."""
    constants: dict[object, object] = {
        name: Literal(row[index], column.type if row[index] else None) for name, (index, column) in values.items()
    }
    return _replaced(query, constants)


def as_columns(
    select: Select, nodes: Sequence[Exists | Subquery], types: Sequence[ColumnType]
) -> tuple[Select, list[Column]]:
    """Return a query that reads the answers from columns, and these columns."""
    columns = [Column(f"{ANSWERS}{place}", kind) for place, kind in enumerate(types)]
    reads: dict[object, object] = {}
    for node, column in zip(nodes, columns, strict=True):
        name = Name(column.name, ANSWERS)
        reads[node] = Comparison("=", name, Literal(YES, NUMBER_TYPE)) if isinstance(node, Exists) else name
    return _replaced(select, reads), columns


def _all_of(node: object) -> Iterator[object]:
    """Yield a node and all below it, other queries included."""
    yield node
    if isinstance(node, tuple):
        for each in node:
            yield from _all_of(each)
    elif is_dataclass(node):
        for field in fields(node):
            yield from _all_of(getattr(node, field.name))


def _replaced(node: T, by: Mapping[object, object]) -> T:
    """Return a tree in which nodes are others."""
    new: Any = node
    if isinstance(node, tuple):
        new = tuple(_replaced(each, by) for each in node)
    elif is_dataclass(node) and not isinstance(node, type | ColumnType):
        if node in by:
            new = by[node]
        else:
            changes = {field.name: _replaced(getattr(node, field.name), by) for field in fields(node)}
            new = replace(node, **changes)
    return new  # type: ignore[no-any-return]
