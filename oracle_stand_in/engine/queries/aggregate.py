"""GROUP BY and the functions over many rows."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from oracle_stand_in.data.column_types import NUMBER_TYPE, ColumnType
from oracle_stand_in.data.rows import Row
from oracle_stand_in.data.values import DECIMALS, decode_number, encode_number
from oracle_stand_in.engine.queries.projection import first_of
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.evaluation.evaluate import Compiled, Scope, compile_expression, convert_to
from oracle_stand_in.sql.evaluation.functions import AGGREGATES
from oracle_stand_in.sql.syntax import Call, Expression, Select
from oracle_stand_in.sql.walk import walk


def aggregate_calls(select: Select) -> list[Call]:
    """Return the aggregates that a query uses, each once."""
    nodes = [select.items, select.having, select.order_by]
    found = [each for node in nodes for each in walk(node) if isinstance(each, Call) and each.name in AGGREGATES]
    return list(dict.fromkeys(found))


class _Accumulator:
    """One aggregate over one group."""

    __slots__ = ("best", "call", "count", "kept", "seen", "total")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.count = 0
        self.best = b""
        self.total = Decimal(0)
        self.seen: set[bytes] = set()
        #: of KEEP, the first rows by its order up to now
        self.kept: list[Row] = []

    def add(self, values: Sequence[bytes]) -> None:
        """Take in some rows' values; NULLs do not count."""
        if self.call.star:
            self.count += len(values)
            return
        present = [value for value in values if value]
        if not present:
            return
        if self.call.distinct:
            present = [value for value in dict.fromkeys(present) if value not in self.seen]
            self.seen.update(present)
        self.count += len(present)
        name = self.call.name
        if name in ("MIN", "MAX") and present:
            pick = min if name == "MIN" else max
            best = pick(present)
            self.best = pick(self.best, best) if self.best else best
        elif name in ("SUM", "AVG"):
            self.total = sum(map(decode_number, present), self.total)

    def result(self) -> bytes:
        """Return the aggregate's value."""
        name = self.call.name
        if name == "COUNT":
            return encode_number(Decimal(self.count))
        if name in ("MIN", "MAX"):
            return self.best
        if not self.count:
            return b""
        return encode_number(self.total if name == "SUM" else DECIMALS.divide(self.total, Decimal(self.count)))


class Groups:
    """Collects rows into groups and works out the aggregates of each."""

    def __init__(self, calls: list[Call], keys: list[Expression], scope: Scope) -> None:
        self._calls = calls
        self._key_nodes = keys
        self._scope = scope
        self._keys = [compile_expression(key, scope) for key in keys]
        self._arguments = [_argument(call, scope) for call in calls]
        self._orders = [[(item, compile_expression(item.expression, scope)) for item in call.keep] for call in calls]
        self._groups: dict[Row, list[_Accumulator]] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Take in some rows."""
        if not self._keys:
            self._add_to((), rows)
            return
        getters = [key.get for key in self._keys]
        parts: dict[Row, list[Row]] = {}
        for row in rows:
            parts.setdefault(tuple(get(row) for get in getters), []).append(row)
        for key, members in parts.items():
            self._add_to(key, members)

    def _add_to(self, key: Row, rows: Sequence[Row]) -> None:
        accumulators = self._groups.get(key)
        if accumulators is None:
            accumulators = self._groups[key] = [_Accumulator(call) for call in self._calls]
        for accumulator, argument, order in zip(accumulators, self._arguments, self._orders, strict=True):
            if order:
                accumulator.kept = first_of([*accumulator.kept, *rows], order)
            else:
                accumulator.add(_values(argument, rows))

    def rows(self) -> list[Row]:
        """Return one row per group: its keys, then its aggregates. Without GROUP BY there is always one."""
        if not self._keys and not self._groups:
            self._groups[()] = [_Accumulator(call) for call in self._calls]
        for group in self._groups.values():
            for accumulator, argument in zip(group, self._arguments, strict=True):
                if accumulator.kept:
                    accumulator.add(_values(argument, accumulator.kept))
        return [(*key, *(each.result() for each in group)) for key, group in self._groups.items()]

    def _types(self) -> list[ColumnType]:
        types = [key.type or NUMBER_TYPE for key in self._keys]
        for call, argument in zip(self._calls, self._arguments, strict=True):
            has_own = call.name in ("MIN", "MAX") and argument is not None and argument.type is not None
            types.append(argument.type if has_own and argument is not None and argument.type else NUMBER_TYPE)
        return types

    def scope(self) -> Scope:
        """Return the scope in which the select list of a grouped query is compiled."""
        nodes: list[Expression] = [*self._key_nodes, *self._calls]
        slots = {node: (index, kind) for index, (node, kind) in enumerate(zip(nodes, self._types(), strict=True))}
        plain = {
            key.column: slots[node]
            for node, key in zip(self._key_nodes, self._keys, strict=True)
            if key.column is not None
        }
        outer = self._scope
        return replace(outer, slots=slots, column_slots=plain, is_grouped=True, has_keys=bool(self._keys))


def _values(argument: Compiled | None, rows: Sequence[Row]) -> list[bytes]:
    return [b""] * len(rows) if argument is None else list(map(argument.get, rows))


def _argument(call: Call, scope: Scope) -> Compiled | None:
    if call.star:
        if call.name != "COUNT":
            raise OracleError(936, position=call.position)
        return None
    if len(call.arguments) != 1:
        raise OracleError(938 if not call.arguments else 939, position=call.position)
    compiled = compile_expression(call.arguments[0], scope)
    return convert_to(compiled, NUMBER_TYPE, scope.context.nls) if call.name in ("SUM", "AVG") else compiled
