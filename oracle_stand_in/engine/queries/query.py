"""SELECT: sources, filter, groups, order, projection."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product

from oracle_stand_in.data.column_types import NUMBER_TYPE, Column, ColumnType, varchar
from oracle_stand_in.data.rows import Row, bulk_packer, unpacker
from oracle_stand_in.data.values import decode_number, encode_number
from oracle_stand_in.engine.client import Client
from oracle_stand_in.engine.dictionary.dictionary import Dictionary
from oracle_stand_in.engine.dictionary.views import VIEWS
from oracle_stand_in.engine.queries import correlated
from oracle_stand_in.engine.queries.aggregate import Groups, aggregate_calls
from oracle_stand_in.engine.queries.compound import as_columns, combine, combined_columns
from oracle_stand_in.engine.queries.neighbours import Neighbours, neighbours
from oracle_stand_in.engine.queries.projection import describe, expand, expression_of, order_target, project, sort
from oracle_stand_in.engine.queries.row_numbers import uses_row_number, with_row_limit
from oracle_stand_in.engine.queries.scan import CHUNK, matching
from oracle_stand_in.engine.queries.sources import FromItem, all_columns, check_size, joined, named
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql import syntax
from oracle_stand_in.sql.evaluation.conditions import Predicate, compile_condition
from oracle_stand_in.sql.evaluation.evaluate import Scope, Value, compile_expression
from oracle_stand_in.sql.syntax import (
    Call,
    Compound,
    Condition,
    Exists,
    InQuery,
    Join,
    Name,
    QueryRef,
    Select,
    SelectItem,
    Source,
    Subquery,
)
from oracle_stand_in.sql.walk import walk


@dataclass
class Result:
    """A query's answer: stored rows, ready to be sent."""

    columns: list[Column]
    rows: list[bytes]


class Query:
    """Runs SELECT statements for one client."""

    def __init__(self, dictionary: Dictionary, client: Client, binds: Sequence[Value]) -> None:
        self.dictionary = dictionary
        self.names = dictionary.names
        self.log = self.names.schemas.log
        self.client = client
        self.binds = binds

    async def run(self, query: syntax.Query, *, describe_only: bool = False) -> Result:
        """Answer a query; with `describe_only` its columns alone.

        Raises: OracleError: it makes no sense, or a value in it cannot be converted.
        """
        if isinstance(query, Compound):
            return await self._compound(query, describe_only)
        select = query
        sources = [await self._source(ref, describe_only) for ref in select.sources]
        select = replace(select, items=expand(select.items, sources))
        if not describe_only:
            select, sources = await self._without_correlation(select, sources)
        scope = self.scope(list(all_columns(sources)))
        if not describe_only:
            await self.answer_subqueries(select, scope)
        else:
            scope.answers = _Anything()
        select = with_row_limit(select)
        quick = None if describe_only else self._quick(select, sources)
        if quick is not None:
            return quick
        calls = aggregate_calls(select)
        if calls or select.group_by or select.having:
            return await self._grouped(select, sources, scope, calls, describe_only)
        return await self._plain(select, sources, scope, describe_only)

    async def _without_correlation(self, select: Select, sources: list[FromItem]) -> tuple[Select, list[FromItem]]:
        """Answer the subqueries that depend on the row, for each row; they are columns of the rows then."""
        columns = list(all_columns(sources))
        nodes = correlated.correlated(select, columns)
        if not nodes:
            return select, sources
        lists = [self._all_rows(source) for source in sources]
        check_size(*lists)
        rows: list[Row] = [sum(parts, ()) for parts in product(*lists)]
        if len(rows) > correlated.MOST_ROWS:
            raise unsupported(f"a correlated subquery for more than {correlated.MOST_ROWS} rows")
        scope = self.scope(columns)
        types: list[ColumnType] = []
        for node in nodes:
            kind, answers = await self._answer_by_row(node, scope, rows)
            types.append(kind)
            rows = [(*row, answer) for row, answer in zip(rows, answers, strict=True)]
        select, answered = correlated.as_columns(select, nodes, types)
        return select, [FromItem([*columns, *named(answered, correlated.ANSWERS)], None, rows)]

    async def _answer_by_row(
        self, node: Exists | Subquery, scope: Scope, rows: list[Row]
    ) -> tuple[ColumnType, list[bytes]]:
        aliases = {alias for alias, _ in scope.columns if alias}
        places = {name: found for name in correlated.outer_names(node.query, aliases) if (found := scope.find(name))}
        kind: ColumnType = NUMBER_TYPE
        answers: list[bytes] = []
        for row in rows:
            result = await self.run(correlated.with_values(node.query, places, row))
            if isinstance(node, Exists):
                answers.append(correlated.YES if result.rows else correlated.NO)
                continue
            if len(result.columns) != 1:
                raise OracleError(913)
            if len(result.rows) > 1:
                raise OracleError(1427)
            kind = result.columns[0].type
            answers.append(unpacker(1)(result.rows[0])[0] if result.rows else b"")
        return kind, answers

    async def _compound(self, query: Compound, describe_only: bool) -> Result:
        """Answer queries joined by set operators."""
        results = [await self.run(select, describe_only=describe_only) for _, select in query.parts]
        columns = combined_columns([result.columns for result in results])
        nls = self.client.context().nls
        rows: list[bytes] = []
        for (operator, _), result in zip(query.parts, results, strict=True):
            rows = combine(operator, rows, as_columns(result.rows, result.columns, columns, nls))
        scope = self.scope(named(columns, ""))
        select = Select(tuple(SelectItem(Name(column.name), column.name) for column in columns), (), fetch=query.fetch,
                        offset=query.offset, order_by=query.order_by)  # fmt: skip
        order = [(item, compile_expression(order_target(item, select), scope)) for item in query.order_by]
        if order:
            unpacked = list(map(unpacker(len(columns)), rows))
            sort(unpacked, order)
            rows = bulk_packer(len(columns))(unpacked)
        offset, limit = self._limits(select, scope)
        return Result(columns, rows[offset:] if limit is None else rows[offset : offset + limit])

    def scope(self, columns: list[tuple[str, Column]]) -> Scope:
        """Return the scope for a statement about these columns."""
        return Scope(self.client.context(), self.binds, columns)

    async def answer_subqueries(self, node: object, scope: Scope) -> None:
        """Run the queries inside a statement, whose answers its conditions then use."""
        for each in walk(node):
            if isinstance(each, Exists):
                found = await self.run(each.query)
                scope.answers[each.query] = (found.rows[:1], varchar(1))
            elif isinstance(each, (Subquery, InQuery)):
                result = await self.run(each.query)
                if len(result.columns) != 1:
                    raise OracleError(913)
                scope.answers[each.query] = ([unpacker(1)(row)[0] for row in result.rows], result.columns[0].type)

    async def _source(self, ref: Source, describe_only: bool) -> FromItem:
        if isinstance(ref, Join):
            sides = [await self._source(side, describe_only) for side in (ref.left, ref.right)]
            left, right = (FromItem(side.columns, None, self._all_rows(side)) for side in sides)
            scope = self.scope(list(all_columns([left, right])))
            if describe_only:
                scope.answers = _Anything()
            else:
                await self.answer_subqueries(ref.condition, scope)
            return joined(ref, left, right, scope)
        if isinstance(ref, QueryRef):
            inner = await self.run(ref.query, describe_only=describe_only)
            unpack = unpacker(len(inner.columns))
            return FromItem(named(inner.columns, ref.alias), None, [unpack(row) for row in inner.rows])
        view = VIEWS.get(ref.name)
        own = self.names.schemas.of(self.names.schema).tables
        if view is not None and ref.name not in own and ref.schema in (None, "SYS"):
            return FromItem(named(view.columns, ref.alias), None, view.raw_rows(self.dictionary, self.client.context()))
        table = self.names.table(ref, "SELECT")
        return FromItem(named(list(table.columns), ref.alias), table, [])

    def _quick(self, select: Select, sources: list[FromItem]) -> Result | None:
        """Answer SELECT COUNT(*) FROM table without looking at the rows."""
        bare = Select(select.items, select.sources)
        is_count = len(select.items) == 1 and select.items[0].expression == Call("COUNT", star=True)
        if select != bare or not is_count or len(sources) != 1 or sources[0].table is None:
            return None
        count = self.log.count(sources[0].table, self.client.txn)
        return Result([Column(select.items[0].name, NUMBER_TYPE)], bulk_packer(1)([(encode_number(Decimal(count)),)]))

    async def _rows(self, sources: list[FromItem], where: Condition | None, scope: Scope) -> AsyncIterator[list[Row]]:
        """Yield the rows that FROM and WHERE select, in pieces."""
        if len(sources) == 1 and sources[0].table is not None:
            async for items in matching(self.log, sources[0].table, self.client.txn, where, scope):
                yield [row for _, _, row in items]
            return
        predicate: Predicate | None = compile_condition(where, scope) if where else None
        lists = [self._all_rows(source) for source in sources]
        check_size(*lists)
        joined: list[Row] = lists[0] if len(lists) == 1 else [sum(parts, ()) for parts in product(*lists)]
        for start in range(0, len(joined), CHUNK):
            chunk = joined[start : start + CHUNK]
            yield chunk if predicate is None else [row for row in chunk if predicate(row)]

    def _all_rows(self, source: FromItem) -> list[Row]:
        if source.table is None:
            return source.rows
        unpack = source.table.unpack
        return [unpack(row) for _, row in self.log.visible(source.table, self.client.txn)]

    async def _plain(self, select: Select, sources: list[FromItem], scope: Scope, describe_only: bool) -> Result:
        numbered = uses_row_number(select)
        if numbered:
            # the number of a row stands behind its columns
            scope = replace(scope, columns=[*scope.columns, ("", Column("ROWNUM", NUMBER_TYPE))])
        others = Neighbours(neighbours(select), scope)
        scope = others.scope()
        compiled = [compile_expression(expression_of(item), scope) for item in select.items]
        columns = [describe(item.name, each, scope) for item, each in zip(select.items, compiled, strict=True)]
        order = [(item, compile_expression(order_target(item, select), scope)) for item in select.order_by]
        where = select.where
        if where is not None and describe_only:
            compile_condition(where, scope)
        if describe_only:
            return Result(columns, [])
        offset, limit = self._limits(select, scope)
        enough = None if order or select.distinct or others or limit is None else offset + limit
        rows: list[Row] = []
        async for chunk in self._rows(sources, where, scope):
            rows += chunk
            if enough is not None and len(rows) >= enough:
                break
        if numbered:
            rows = [(*row, encode_number(Decimal(number))) for number, row in enumerate(rows, 1)]
        if others:
            rows = others.added(rows)
        sort(rows, order)
        if not select.distinct:
            rows = rows[offset:] if limit is None else rows[offset : offset + limit]
            return Result(columns, await project(rows, compiled))
        stored = list(dict.fromkeys(await project(rows, compiled)))
        return Result(columns, stored[offset:] if limit is None else stored[offset : offset + limit])

    async def _grouped(
        self, select: Select, sources: list[FromItem], scope: Scope, calls: list[Call], describe_only: bool
    ) -> Result:
        groups = Groups(calls, list(select.group_by), scope)
        if not describe_only:
            async for chunk in self._rows(sources, select.where, scope):
                groups.add(chunk)
        grouped = groups.scope()
        grouped.answers = scope.answers
        compiled = [compile_expression(expression_of(item), grouped) for item in select.items]
        columns = [describe(item.name, each, grouped) for item, each in zip(select.items, compiled, strict=True)]
        order = [(item, compile_expression(order_target(item, select), grouped)) for item in select.order_by]
        having = compile_condition(select.having, grouped) if select.having else None
        if describe_only:
            return Result(columns, [])
        rows = [row for row in groups.rows() if having is None or having(row)]
        sort(rows, order)
        stored = await project(rows, compiled)
        if select.distinct:
            stored = list(dict.fromkeys(stored))
        offset, limit = self._limits(select, scope)
        return Result(columns, stored[offset:] if limit is None else stored[offset : offset + limit])

    def _limits(self, select: Select, scope: Scope) -> tuple[int, int | None]:
        numbers = []
        for node in (select.offset, select.fetch):
            raw = compile_expression(node, scope).get(()) if node is not None else b""
            numbers.append(max(0, int(decode_number(raw))) if raw else 0)
        return numbers[0], None if select.fetch is None else numbers[1]


class _Anything(dict[syntax.Query, tuple[list[bytes], ColumnType]]):
    """Stands for the answers of subqueries while a query is only described."""

    def __missing__(self, _key: syntax.Query) -> tuple[list[bytes], ColumnType]:
        return [b""], varchar(1)
