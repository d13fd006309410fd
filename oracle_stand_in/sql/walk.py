"""Visiting all of a syntax tree."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from oracle_stand_in.data.column_types import ColumnType
from oracle_stand_in.sql.syntax import Exists, InQuery, QueryRef, Subquery

#: what nothing is below, and nobody looks for: a statement has a hundred thousand of them
LEAVES = frozenset((str, bytes, int, bool, type(None), ColumnType))
#: by kind of node, the attributes that lead further down; other queries are not gone into
INSIDE: dict[type, tuple[str, ...]] = {InQuery: ("value",), Subquery: (), Exists: (), QueryRef: ()}


def walk(node: object) -> Iterator[object]:
    """Yield a node and all nodes below it, except what is inside other queries."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        below = node if isinstance(node, tuple) else [getattr(node, name) for name in _inside(node)]
        waiting += [each for each in reversed(below) if type(each) not in LEAVES]


def _inside(node: object) -> tuple[str, ...]:
    kind = type(node)
    if kind not in INSIDE:
        INSIDE[kind] = tuple(field.name for field in fields(node)) if is_dataclass(node) else ()
    return INSIDE[kind]
