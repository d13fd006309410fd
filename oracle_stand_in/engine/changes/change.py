"""DELETE, UPDATE and INSERT ... SELECT: one statement changes all of its rows or none."""

from oracle_stand_in.data.fit import fit
from oracle_stand_in.data.rows import Row, unpacker
from oracle_stand_in.engine.changes.foreign_keys import check_children, check_parents
from oracle_stand_in.engine.changes.insert import Inserter
from oracle_stand_in.engine.changes.plan import check_row, compile_checks, insert_targets
from oracle_stand_in.engine.changes.trigger import Planner
from oracle_stand_in.engine.client import Client, wait_for
from oracle_stand_in.engine.queries.query import Query
from oracle_stand_in.engine.queries.scan import matching
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.engine.storage.transactions import BusyError, TransactionLog
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.evaluation.evaluate import Scope, Value, compile_expression, constant, convert_to
from oracle_stand_in.sql.statements import Delete, InsertSelect, Update
from oracle_stand_in.sql.syntax import Condition


class Changer:
    """Runs one execution of a DML statement for one client."""

    def __init__(self, query: Query, client: Client, planner: Planner) -> None:
        self.query = query
        self.planner = planner
        self.log: TransactionLog = query.log
        self.client = client

    async def run(self, statement: Delete | Update | InsertSelect, table: Table) -> int:
        """Run the statement and return how many rows it touched. Raises: OracleError: nothing is changed then.

        Args: table: what it changes.
        """
        txn = self.client.txn

        def touched() -> list[Table]:
            return [each for each in txn.overlays if each is table or table.triggers]

        before = {each: txn.overlays[each].copy() for each in touched()}
        try:
            if isinstance(statement, Delete):
                return await self._delete(table, statement)
            if isinstance(statement, Update):
                return await self._update(table, statement)
            return await self._insert(table, statement)
        except BaseException:
            # also a break, which may come while the statement waits for another transaction
            for each in touched():
                self.log.restore(each, txn, before.get(each))
            raise

    def _scope(self, table: Table, alias: str) -> Scope:
        return self.query.scope([(alias, column) for column in table.columns])

    async def _delete(self, table: Table, statement: Delete) -> int:
        scope = self._scope(table, statement.table.alias)
        await self.query.answer_subqueries(statement.where, scope)
        taken = await self._take_out(table, statement.where, scope)
        await check_children(self.query.names.schemas.of(table.schema), self.client, table, [row for _, row in taken])
        return len(taken)

    async def _take_out(self, table: Table, where: Condition | None, scope: Scope) -> list[tuple[bytes, Row]]:
        """Delete the rows that a condition selects and return them with their keys.

        Where another transaction holds one, wait until it has ended and look again: the row may be gone by then.
        """
        txn = self.client.txn
        taken: list[tuple[bytes, Row]] = []
        while True:
            holder: BusyError | None = None
            async for items in matching(self.log, table, txn, where, scope):
                for key, _, row in items:
                    try:
                        if self.log.find(table, txn, key) is not None:
                            self.log.delete(table, txn, key)
                            taken.append((key, row))
                    except BusyError as busy:
                        holder = busy
            if holder is None:
                return taken
            await wait_for(self.client, self.log, holder)

    async def _update(self, table: Table, statement: Update) -> int:
        scope = self._scope(table, statement.table.alias)
        await self.query.answer_subqueries((statement.where, statement.changes), scope)
        changes = []
        for name, node in statement.changes:
            index = table.column_index(name.name, name.position)
            compiled = convert_to(compile_expression(node, scope), table.columns[index].type, scope.context.nls)
            changes.append((index, compiled.get))
        checks = compile_checks(table, scope.context)
        touched = await self._take_out(table, statement.where, scope)
        renewed = []
        for key, row in touched:
            cells = list(row)
            for index, get in changes:
                raw = get(row)
                cells[index] = fit(raw, table.columns[index].type, table.qualified(index)) if raw else raw
            new = tuple(cells)
            check_row(table, checks, new, null_code=1407)
            renewed.append((key, new))
        inserter = Inserter(self.log, self.client, self.planner)
        for key, new in renewed:
            await inserter.insert(table, new, key if not table.primary else None)
        await check_parents(self.log, self.client, table, [new for _, new in renewed])
        await check_children(self.query.names.schemas.of(table.schema), self.client, table, [row for _, row in touched])
        return len(renewed)

    async def _insert(self, table: Table, statement: InsertSelect) -> int:
        result = await self.query.run(statement.query)
        targets = insert_targets(table, statement.columns, len(result.columns))
        if len(targets) != len(result.columns):
            raise OracleError(947 if len(result.columns) < len(targets) else 913)
        scope = self._scope(table, table.name)
        defaults = [
            compile_expression(column.default, scope) if column.default else constant(Value(b"", None))
            for column in table.columns
        ]
        source = Scope(scope.context, scope.binds, [("", column) for column in result.columns])
        nls = scope.context.nls
        getters = [convert_to(each, column.type, nls).get for each, column in zip(defaults, table.columns, strict=True)]
        for place, target in enumerate(targets):
            getters[target] = convert_to(source.column(place), table.columns[target].type, nls).get
        checks = compile_checks(table, scope.context)
        inserter = Inserter(self.log, self.client, self.planner)

        def check(row: Row) -> None:
            check_row(table, checks, row)

        unpack = unpacker(len(result.columns))
        for stored in result.rows:
            row = unpack(stored)
            raws = [get(row) for get in getters]
            new = tuple(
                fit(raw, column.type, table.qualified(index)) if raw else raw
                for index, (raw, column) in enumerate(zip(raws, table.columns, strict=True))
            )
            await inserter.insert_new(table, new, check)
        return len(result.rows)
