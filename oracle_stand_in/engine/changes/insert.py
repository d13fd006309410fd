"""INSERT, built for batches: all rows at once where nothing stands in the way, else row by row."""

from dataclasses import dataclass, field

from oracle_stand_in.data.rows import Row, pack_row
from oracle_stand_in.engine.changes.plan import InsertPlan
from oracle_stand_in.engine.client import Client
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.engine.storage.transactions import BusyError, TransactionLog
from oracle_stand_in.errors import OracleError, RowError


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
    """Inserts rows for one client."""

    def __init__(self, log: TransactionLog, client: Client) -> None:
        self.log = log
        self.client = client

    async def run(self, plan: InsertPlan, bind_rows: list[Row], *, collect_errors: bool) -> Outcome:
        """Insert a batch. Rows before one that fails stay; with `collect_errors` so do those after it."""
        table = plan.table
        if not bind_rows:
            return Outcome()
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
            for binds in bind_rows:
                await self.insert(plan.table, self._checked(plan, plan.row(binds)))
                outcome.add(1)
        except OracleError as error:
            outcome.failure = error
        return outcome

    async def _collecting(self, plan: InsertPlan, bind_rows: list[Row]) -> Outcome:
        """Insert what is sound; list what the row itself breaks before what an index refuses, each in the rows' order.

        Source: measured on a live 23ai by the authors of seerdb (`server/session.py`, `_INDEX_PHASE_ERRORS`).
        """
        outcome = Outcome()
        counts = [0] * len(bind_rows)
        converted: list[tuple[int, Row]] = []
        for offset, binds in enumerate(bind_rows):
            try:
                converted.append((offset, self._checked(plan, plan.row(binds))))
            except OracleError as error:
                outcome.refuse(offset, error)
        for offset, row in converted:
            try:
                await self.insert(plan.table, row)
                counts[offset] = 1
            except OracleError as error:
                outcome.refuse(offset, error)
        outcome.row_counts, outcome.row_count = counts, sum(counts)
        return outcome

    @staticmethod
    def _checked(plan: InsertPlan, row: Row) -> Row:
        plan.check(row)
        return row

    async def insert(self, table: Table, row: Row, key: bytes | None = None) -> None:
        """Insert one row, waiting for whoever holds its key. Raises: OracleError: 1 or 60."""
        key = table.keys([row])[0] if key is None else key
        stored = pack_row(row)
        txn = self.client.txn
        while True:
            try:
                self.log.insert(table, txn, key, stored, row)
            except BusyError as busy:
                try:
                    await self.client.wait(self.log.wait_for(txn, busy.holder))
                finally:
                    txn.waiting_for = None
            else:
                return
