"""LAG and LEAD: values of the rows before or behind, as further columns of the rows."""

from dataclasses import replace

from oracle_stand_in.data.column_types import NUMBER_TYPE, Column, ColumnType, varchar
from oracle_stand_in.data.rows import Row
from oracle_stand_in.data.values import decode_number
from oracle_stand_in.engine.queries.projection import sort
from oracle_stand_in.engine.queries.sources import named
from oracle_stand_in.errors import unsupported
from oracle_stand_in.sql.evaluation.evaluate import Compiled, Scope, compile_expression, convert_to
from oracle_stand_in.sql.syntax import Expression, Neighbour, Select
from oracle_stand_in.sql.walk import walk


def neighbours(select: Select) -> list[Neighbour]:
    """Return what a query shows or sorts by of other rows, each once."""
    return list(dict.fromkeys(each for each in walk((select.items, select.order_by)) if isinstance(each, Neighbour)))


class Neighbours:
    """What LAG and LEAD of one query need."""

    def __init__(self, nodes: list[Neighbour], scope: Scope) -> None:
        self._nodes = nodes
        self._scope = scope
        self._values = [self._compiled(node) for node in nodes]

    def __bool__(self) -> bool:
        return bool(self._nodes)

    def _compiled(self, node: Neighbour) -> tuple[Compiled, Compiled]:
        """Return the value, and what stands for it where there is no such row, in the value's type."""
        value = compile_expression(node.value, self._scope)
        default = compile_expression(node.default, self._scope)
        return value, convert_to(default, value.type or varchar(1), self._scope.context.nls)

    def _steps(self, node: Neighbour) -> int:
        """Return by how many rows the other one is behind. Raises: OracleError: that is another number for each row."""
        steps = convert_to(compile_expression(node.steps, self._scope), NUMBER_TYPE, self._scope.context.nls)
        if steps.value is None or not steps.value.raw:
            raise unsupported(f"{node.name} by anything but a number of rows")
        count = int(decode_number(steps.value.raw))
        return -count if node.name == "LAG" else count

    def scope(self) -> Scope:
        """Return the scope of rows that have these columns behind their own."""
        columns = [Column("", value.type or NUMBER_TYPE) for value, _ in self._values]
        begin = len(self._scope.columns)
        slots: dict[Expression, tuple[int, ColumnType]] = {
            node: (place, column.type)
            for place, (node, column) in enumerate(zip(self._nodes, columns, strict=True), begin)
        }
        return replace(self._scope, columns=[*self._scope.columns, *named(columns, "")], slots=slots)

    def added(self, rows: list[Row]) -> list[Row]:
        """Return the rows with these columns, in their order."""
        found: list[list[bytes]] = [[] for _ in rows]
        for node, (value, default) in zip(self._nodes, self._values, strict=True):
            steps = self._steps(node)
            for part in self._parts(node, rows):
                places = [place for place, _ in part]
                for at, place in enumerate(places):
                    other = at + steps
                    is_there = 0 <= other < len(part)
                    found[place].append(value.get(part[other][1]) if is_there else default.get(rows[place]))
        return [(*row, *more) for row, more in zip(rows, found, strict=True)]

    def _parts(self, node: Neighbour, rows: list[Row]) -> list[list[tuple[int, Row]]]:
        """Return the rows with their places, by PARTITION BY, each part in its order."""
        keys = [compile_expression(key, self._scope).get for key in node.partition_by]
        order = [(item, compile_expression(item.expression, self._scope)) for item in node.order_by]
        # a row's place stands behind its columns while it is sorted
        numbered = [(*row, place.to_bytes(8, "big")) for place, row in enumerate(rows)]
        sort(numbered, order)
        parts: dict[Row, list[tuple[int, Row]]] = {}
        for row in numbered:
            parts.setdefault(tuple(get(row) for get in keys), []).append((int.from_bytes(row[-1], "big"), row))
        return list(parts.values())
