"""Finding the rows of a table that a condition selects, by key where the condition names keys."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import TypeVar

from oracle_stand_in.data.column_types import PADDED, Kind
from oracle_stand_in.data.fit import padded, without_blanks
from oracle_stand_in.data.rows import Row, pack_row
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.engine.storage.transactions import Transaction, TransactionLog
from oracle_stand_in.sql.evaluation.conditions import Predicate, common_type, compile_condition
from oracle_stand_in.sql.evaluation.evaluate import Compiled, Scope, compile_expression, convert_to
from oracle_stand_in.sql.syntax import All, Any, Comparison, Condition, Expression, InList, Name, Subquery
from oracle_stand_in.sql.walk import walk

#: rows looked at before other sessions get a turn
CHUNK = 5_000
T = TypeVar("T")
#: a stored row with its key
Item = tuple[bytes, bytes]


def key_lookup(condition: Condition | None, table: Table, scope: Scope) -> tuple[list[bytes], bool] | None:
    """Return the only keys that the condition can select, and whether it asks for nothing but these keys.

    None: the condition does not fix the whole primary key, so that every row must be looked at.
    """
    if condition is None or not table.primary:
        return None
    keys = []
    exact = True
    for term in condition.conditions if isinstance(condition, Any) else (condition,):
        found = _keys_of_term(term, table, scope)
        if found is None:
            return None
        keys += found[0]
        exact &= found[1]
    return list(dict.fromkeys(keys)), exact


def _keys_of_term(term: Condition, table: Table, scope: Scope) -> tuple[list[bytes], bool] | None:
    """Return the keys that one side of an OR can select."""
    if isinstance(term, InList):
        index = _column_of(term.value, scope)
        if index is None or table.primary != (index,):
            return None
        values = [_constant_for(option, index, table, scope) for option in term.options]
        if any(value is None for value in values):
            return None
        return [pack_row([value]) for value in values if value], True
    equalities: dict[int, bytes] = {}
    parts = term.conditions if isinstance(term, All) else (term,)
    exact = len(parts) == len(table.primary)
    for part in parts:
        if not isinstance(part, Comparison) or part.operator != "=":
            exact = False
            continue
        for column, value in ((part.left, part.right), (part.right, part.left)):
            index = _column_of(column, scope)
            raw = None if index is None else _constant_for(value, index, table, scope)
            if index is not None and raw is not None:
                exact &= index not in equalities
                equalities[index] = raw
                break
        else:
            exact = False
    if any(index not in equalities for index in table.primary):
        return None
    return [pack_row([equalities[index] for index in table.primary])], exact


def _column_of(node: Expression, scope: Scope) -> int | None:
    found = scope.find(node) if isinstance(node, Name) else None
    return found[0] if found else None


def _constant_for(node: Expression, column: int, table: Table, scope: Scope) -> bytes | None:
    """Return a constant in the column's own form; None if it is none, or if the column would be converted instead."""
    if isinstance(node, Name) and scope.find(node):
        return None
    compiled: Compiled = compile_expression(node, scope)
    kind = table.columns[column].type
    if compiled.value is None or compiled.type is None:
        return None
    common = common_type(kind, compiled.type)
    if common is None or common.kind is not kind.kind or kind.kind is Kind.ZONED:
        return None  # the column is what gets converted
    raw = convert_to(compiled, kind, scope.context.nls).get(())
    if kind.kind not in PADDED or not raw:
        return raw
    # a CHAR compares without its blanks, and is stored with all of them
    return padded(without_blanks(raw, is_national=kind.is_national), kind)


async def in_chunks(items: Iterable[T]) -> AsyncIterator[list[T]]:
    """Yield the items in pieces, and let other sessions run in between."""
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
        if len(chunk) == CHUNK:
            await asyncio.sleep(0)


async def matching(
    log: TransactionLog, table: Table, txn: Transaction, where: Condition | None, scope: Scope
) -> AsyncIterator[list[tuple[bytes, bytes, Row]]]:
    """Yield the rows that the session sees and the condition selects: key, stored row, columns.

    The rows are those of the moment of the call, however long the reader takes.
    """
    if where is not None and not any(isinstance(node, Name | Subquery) for node in walk(where)):
        if compile_condition(where, scope)(()) is not True:
            return
        where = None  # the condition is the same for every row
    found = key_lookup(where, table, scope)
    if found is not None:
        stored = [(key, log.find(table, txn, key)) for key in found[0]]
        items: list[Item] = [(key, row) for key, row in stored if row is not None]
    else:
        items = list(log.visible(table, txn))
    predicate: Predicate | None = None
    if where is not None and not (found and found[1]):
        predicate = compile_condition(where, scope)
    unpack = table.unpack
    async for chunk in in_chunks(items):
        rows = [(key, stored_row, unpack(stored_row)) for key, stored_row in chunk]
        yield rows if predicate is None else [item for item in rows if predicate(item[2])]
