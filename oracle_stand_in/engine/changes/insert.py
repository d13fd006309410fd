"""INSERT, built for batches: all rows at once where nothing stands in the way, else row by row."""

from collections.abc import Callable
from dataclasses import dataclass, field

from oracle_stand_in.data.rows import Row, pack_row
from oracle_stand_in.engine.changes.foreign_keys import check_parents
from oracle_stand_in.engine.changes.plan import InsertPlan
from oracle_stand_in.engine.changes.trigger import Planner, RowTriggers
from oracle_stand_in.engine.client import Client, give_way, wait_for
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.engine.storage.transactions import BusyError, TransactionLog
from oracle_stand_in.errors import OracleError, RowError

#: what is found out when the row is in its table: by an index, then by a foreign key
AFTER_THE_ROW = (1, 2291)
#: INSERTs inside of triggers that an INSERT sets off, one by the other
MOST_DEEP = 50


@dataclass
class Outcome:
    """What became of the rows of a DML call."""

    #: rows inserted, changed or deleted
    row_count: int = 0
    #: the same per execution
    row_counts: list[int] = field(default_factory=list)
    #: rows refused, when errors are collected
    errors: list[RowError] = field(default_factory=list)
    #: what ended the call early, when they are not
    failure: OracleError | None = None

    def refuse(self, offset: int, error: OracleError) -> None:
        """Note a row that was refused."""
        self.errors.append(RowError(offset, error.code, error.text))

    def add(self, count: int) -> None:
        """Note one execution's rows."""
        self.row_count += count
        self.row_counts.append(count)


class Inserter:
    """Inserts rows for one client's statement."""

    def __init__(self, log: TransactionLog, client: Client, planner: Planner) -> None:
        self.log = log
        self.client = client
        self._planner = planner
        self._triggers: dict[Table, RowTriggers] = {}

    async def run(self, plan: InsertPlan, bind_rows: list[Row], *, collect_errors: bool) -> Outcome:
        """Insert a batch. Rows before one that fails stay; with `collect_errors` so do those after it."""
        table = plan.table
        if not bind_rows:
            return Outcome()
        self._triggers_of(table)
        rows = plan.rows(bind_rows)
        if rows is not None:
            keys = table.keys(rows)
            if self.log.insert_all(table, self.client.txn, keys, table.pack(rows)):
                return Outcome(len(rows), [1] * len(rows))
        if collect_errors:
            return await self._collecting(plan, bind_rows)
        return await self._until_failure(plan, bind_rows)

    async def _until_failure(self, plan: InsertPlan, bind_rows: list[Row]) -> Outcome:
        outcome = Outcome()
        try:
            for offset, binds in enumerate(bind_rows):
                await give_way(offset)
                await self.insert_new(plan.table, plan.row(binds), plan.check)
                outcome.add(1)
        except OracleError as error:
            outcome.failure = error
        return outcome

    async def _collecting(self, plan: InsertPlan, bind_rows: list[Row]) -> Outcome:
        """Insert what is sound; list what the row itself breaks before what an index refuses, each in the rows' order.

        Source: measured on a live 23ai by the authors of seerdb (`server/session.py`, `_INDEX_PHASE_ERRORS`).
        """
        outcome = Outcome()
        for offset, binds in enumerate(bind_rows):
            await give_way(offset)
            try:
                await self.insert_new(plan.table, plan.row(binds), plan.check)
                outcome.add(1)
            except OracleError as error:
                outcome.refuse(offset, error)
                outcome.row_counts.append(0)
        outcome.errors.sort(key=lambda error: error.code in AFTER_THE_ROW)
        return outcome

    async def insert_new(self, table: Table, row: Row, check: Callable[[Row], None]) -> None:
        """Insert one row as a statement of its own, with all that its triggers do: wholly or not at all.

        Args: check: what a row must pass before it is stored. Raises: OracleError.
        """
        done: list[tuple[Table, bytes, Row]] = []
        try:
            await self._insert_with_triggers(table, row, check, done)
        except BaseException:
            # also a break, which may come while it waits for another transaction
            for each, key, new in reversed(done):
                self.log.take_back(each, self.client.txn, key, new)
            raise

    async def _insert_with_triggers(
        self, table: Table, row: Row, check: Callable[[Row], None], done: list[tuple[Table, bytes, Row]], depth: int = 0
    ) -> None:
        if depth > MOST_DEEP:
            raise OracleError(36)

        async def by_a_trigger(plan: InsertPlan, source: Row) -> None:
            await self._insert_with_triggers(plan.table, plan.row(source), plan.check, done, depth + 1)

        triggers = self._triggers_of(table)
        if triggers is not None:
            await triggers.fire(row, by_a_trigger, before=True)
        check(row)
        done.append((table, await self.insert(table, row), row))
        if triggers is not None:
            await triggers.fire(row, by_a_trigger, before=False)
        await check_parents(self.log, self.client, table, [row])

    def _triggers_of(self, table: Table) -> RowTriggers | None:
        """Return a table's triggers, ready to fire. Raises: OracleError: 4098."""
        if table.triggers and table not in self._triggers:
            self._triggers[table] = RowTriggers(table, self.client.context(), self._planner)
        return self._triggers.get(table)

    async def insert(self, table: Table, row: Row, key: bytes | None = None) -> bytes:
        """Store one row, waiting for whoever holds its key; return the key. Raises: OracleError: 1 or 60."""
        key = table.keys([row])[0] if key is None else key
        stored = pack_row(row)
        while True:
            try:
                self.log.insert(table, self.client.txn, key, stored, row)
            except BusyError as busy:
                await wait_for(self.client, self.log, busy)
            else:
                return key
