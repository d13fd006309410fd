"""Visiting all of a syntax tree."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from oracle_stand_in.sql.syntax import Exists, InQuery, QueryRef, Subquery


def walk(node: object) -> Iterator[object]:
    """Yield a node and all below it, except what is inside other queries."""
    yield node
    if isinstance(node, tuple):
        for each in node:
            yield from walk(each)
    elif isinstance(node, InQuery):
        yield from walk(node.value)
    elif is_dataclass(node) and not isinstance(node, Subquery | Exists | QueryRef):
        for field in fields(node):
            yield from walk(getattr(node, field.name))
