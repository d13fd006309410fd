"""FROM: tables, views, queries and joins as rows with named columns."""

from collections.abc import Iterator
from dataclasses import dataclass

from oracle_stand_in.data.column_types import Column
from oracle_stand_in.data.rows import Row
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.errors import unsupported
from oracle_stand_in.sql.evaluation.conditions import compile_condition
from oracle_stand_in.sql.evaluation.evaluate import Scope
from oracle_stand_in.sql.syntax import Join

#: a join of more combinations than this would take minutes here
MAX_JOIN = 5_000_000


@dataclass(frozen=True)
class FromItem:
    """One source in FROM: its columns with the names of their tables, and its rows; those of a table are left there."""

    columns: list[tuple[str, Column]]
    table: Table | None
    rows: list[Row]


def check_size(*lists: list[Row]) -> None:
    """Refuse joins that would take minutes. Raises: OracleError."""
    size = 1
    for rows in lists:
        size *= max(1, len(rows))
    if size > MAX_JOIN:
        raise unsupported(f"joins of {size} combinations")


def joined(join: Join, left: FromItem, right: FromItem, scope: Scope) -> FromItem:
    """Return an explicit join's rows; what an outer one finds no partner for gets NULLs."""
    check_size(left.rows, right.rows)
    columns = [*left.columns, *right.columns]
    on = compile_condition(join.condition, scope)
    lonely = {id(row) for row in right.rows}
    rows: list[Row] = []
    no_left, no_right = (b"",) * len(left.columns), (b"",) * len(right.columns)
    for row in left.rows:
        partners = [other for other in right.rows if on(row + other)]
        rows += [row + other for other in partners]
        lonely.difference_update(map(id, partners))
        if not partners and join.kind in ("LEFT", "FULL"):
            rows.append(row + no_right)
    if join.kind in ("RIGHT", "FULL"):
        rows += [no_left + other for other in right.rows if id(other) in lonely]
    return FromItem([(alias, _nullable(column)) for alias, column in columns], None, rows)


def _nullable(column: Column) -> Column:
    return Column(column.name, column.type)


def named(columns: list[Column], alias: str) -> list[tuple[str, Column]]:
    """Return columns with the name of their table."""
    return [(alias, column) for column in columns]


def all_columns(items: list[FromItem]) -> Iterator[tuple[str, Column]]:
    """Return the columns of all sources, in the order of a row."""
    for item in items:
        yield from item.columns
