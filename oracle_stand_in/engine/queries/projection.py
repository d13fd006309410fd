"""What the select list and ORDER BY make of rows: which columns, in which order, packed to be sent."""

from collections.abc import Callable

from oracle_stand_in.data.column_types import BYTES_PER_UNIT, Column, ColumnType, Kind, varchar
from oracle_stand_in.data.rows import Row, bulk_packer
from oracle_stand_in.data.values import decode_number
from oracle_stand_in.engine.queries.scan import in_chunks
from oracle_stand_in.engine.queries.sources import FromItem, all_columns
from oracle_stand_in.engine.storage.table import TableColumn
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.evaluation.evaluate import Compiled, Getter, Scope
from oracle_stand_in.sql.syntax import (
    Expression,
    Literal,
    Name,
    OrderItem,
    Select,
    SelectItem,
)


def expression_of(item: SelectItem) -> Expression:
    """Return what a select item shows. Raises: OracleError: 936, it is a lone `*`."""
    if item.expression is None:
        raise OracleError(936)
    return item.expression


def expand(items: tuple[SelectItem, ...], sources: list[FromItem]) -> tuple[SelectItem, ...]:
    """Replace every * by the columns it stands for."""
    expanded: list[SelectItem] = []
    for item in items:
        if item.expression is not None:
            expanded.append(item)
            continue
        chosen = [
            (alias, column)
            for alias, column in all_columns(sources)
            if item.qualifier in (None, alias) and not (isinstance(column, TableColumn) and column.is_invisible)
        ]
        if not chosen:
            raise OracleError(904, f'"{item.qualifier}"')
        expanded += [SelectItem(Name(column.name, alias or None), column.name) for alias, column in chosen]
    return tuple(expanded)


def order_target(item: OrderItem, select: Select) -> Expression:
    """Return what an ORDER BY item means: a position, an alias, or an expression of its own."""
    node = item.expression
    if isinstance(node, Literal) and node.type is not None and node.type.kind is Kind.NUMBER:
        position = int(decode_number(node.value))
        if not 1 <= position <= len(select.items):
            raise OracleError(1785)
        return expression_of(select.items[position - 1])
    if isinstance(node, Name) and node.qualifier is None:
        for each in select.items:
            if each.name == node.name:
                return expression_of(each)
    return node


def sort(rows: list[Row], order: list[tuple[OrderItem, Compiled]]) -> None:
    """Sort in place; the last key first, since sorting is stable."""
    for item, compiled in reversed(order):
        nulls_high = item.nulls_first == item.descending

        rows.sort(key=_sort_key(compiled.get, nulls_high), reverse=item.descending)


def first_of(rows: list[Row], order: list[tuple[OrderItem, Compiled]]) -> list[Row]:
    """Return the first rows by an order: one, or several that it does not tell apart."""
    sort(rows, order)
    places = [[compiled.get(row) for _, compiled in order] for row in rows]
    return [row for row, place in zip(rows, places, strict=True) if place == places[0]]


def _sort_key(get: Getter, nulls_high: bool) -> Callable[[Row], tuple[bool, bytes]]:
    def key(row: Row) -> tuple[bool, bytes]:
        raw = get(row)
        return (not raw) is nulls_high, raw

    return key


async def project(rows: list[Row], compiled: list[Compiled]) -> list[bytes]:
    """Work out the select list for every row."""
    pack = bulk_packer(len(compiled))
    getters = [each.get for each in compiled]
    stored: list[bytes] = []
    async for chunk in in_chunks(rows):
        columns = [list(map(get, chunk)) for get in getters]
        stored += pack(zip(*columns, strict=True))
    return stored


def describe(name: str, compiled: Compiled, scope: Scope) -> Column:
    """Return how a select item is described."""
    kind = compiled.type or varchar(1)
    if compiled.column is not None and not scope.is_grouped:
        return Column(name, kind, scope.columns[compiled.column][1].nullable)
    if compiled.value is not None and kind.is_text and not scope.is_grouped:
        units = len(compiled.value.raw) // (BYTES_PER_UNIT if kind.is_national else 1)
        kind = ColumnType(kind.kind, max(units, 1))
    return Column(name, kind)
