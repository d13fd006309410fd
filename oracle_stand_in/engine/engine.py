"""Runs statements: the one place where parser, catalog, transactions and journal meet."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from oracle_stand_in.data.binds import BindType
from oracle_stand_in.data.column_types import Column
from oracle_stand_in.data.nls import Nls
from oracle_stand_in.data.rows import Row
from oracle_stand_in.engine.block import failed, texts
from oracle_stand_in.engine.changes.change import Changer
from oracle_stand_in.engine.changes.insert import Inserter, Outcome
from oracle_stand_in.engine.changes.plan import InsertPlan, bind_types_as_columns, normalise_binds
from oracle_stand_in.engine.changes.trigger import ready
from oracle_stand_in.engine.client import Client, give_way
from oracle_stand_in.engine.database import Database
from oracle_stand_in.engine.dictionary.dictionary import Dictionary
from oracle_stand_in.engine.names import Names
from oracle_stand_in.engine.prepared import NO_BINDS, Binds, Prepared, prepare
from oracle_stand_in.engine.queries.query import Query, Result
from oracle_stand_in.engine.settings import altered
from oracle_stand_in.engine.storage.journal import Journal
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.administration import Administration
from oracle_stand_in.sql.evaluation.evaluate import Scope, Value
from oracle_stand_in.sql.statements import (
    AlterSession,
    Block,
    Commit,
    CreateAlias,
    CreateTable,
    CreateTrigger,
    Ddl,
    Delete,
    Dml,
    GrantOn,
    Insert,
    InsertSelect,
    Rollback,
    Update,
)
from oracle_stand_in.sql.syntax import Compound, Select

#: the right to its table that a statement needs
PRIVILEGES = {Insert: "INSERT", InsertSelect: "INSERT", Update: "UPDATE", Delete: "DELETE"}


class Engine:
    """The database as a statement sees it."""

    def __init__(self, database: Database, journal: Journal | None = None) -> None:
        self.database = database
        self.schemas = database.schemas
        self.journal = journal
        #: what refuses rows that are inserted into a table of this name, if anything is switched on to
        self.row_fault: Callable[[str], Callable[[Row], None] | None] = lambda _table: None

    async def describe(self, prepared: Prepared, client: Client) -> list[Column]:
        """Return a query's columns without running it. Raises: OracleError: it makes no sense."""
        if not isinstance(prepared.statement, Select | Compound):
            return []
        unknown = [Value(b"", None)] * prepared.binds
        return (await self._query(client, unknown).run(prepared.statement, describe_only=True)).columns

    async def query(self, prepared: Prepared, client: Client, binds: Binds) -> Result:
        """Answer a query. Raises: OracleError."""
        if not isinstance(prepared.statement, Select | Compound):
            raise OracleError(900)
        prepared.check(binds)
        return await self._query(client, binds.values(0)).run(prepared.statement)

    def _names(self, client: Client) -> Names:
        return Names.of(self.schemas, client)

    def _query(self, client: Client, binds: Sequence[Value]) -> Query:
        return Query(Dictionary(self._names(client), self.database), client, binds)

    async def run(self, prepared: Prepared, client: Client, binds: Binds, *, collect_errors: bool) -> Outcome:
        """Run anything but a query.

        Raises: OracleError: the statement makes no sense; nothing is changed. What goes wrong with single rows is in
        the outcome.
        """
        statement = prepared.statement
        if isinstance(statement, Insert | Delete | Update | InsertSelect):
            prepared.check(binds)
            table = self._target(statement, client)
            if not isinstance(statement, Insert):
                return await self._change(statement, table, client, binds, collect_errors)
            scope = Scope(client.context(), [], slots=bind_types_as_columns(binds.types))
            plan = self._plan(table, statement, scope, binds.types)
            rows = normalise_binds(binds.rows, binds.types)
            return await self._inserter(client).run(plan, rows, collect_errors=collect_errors)
        if isinstance(statement, Ddl):
            self._define(statement, prepared.sql, client)
        elif isinstance(statement, Commit):
            self.commit(client)
        elif isinstance(statement, Rollback):
            self.rollback(client)
        elif isinstance(statement, Administration):
            self.commit(client)
            self.database.administer(statement, client.context().user, client.context().session_id)
        elif isinstance(statement, Block):
            await self._run_block(statement, client)
        elif isinstance(statement, GrantOn):
            self.commit(client)
            self._names(client).grant(statement, self.database.users)
        elif isinstance(statement, AlterSession):
            client.nls = altered(client.nls, statement, self.database.users)
        else:
            raise OracleError(900)
        return Outcome()

    def in_schema(self, nls: Nls, schema: str) -> Nls:
        """Return a session's settings with another current schema. Raises: OracleError: 1435, there is no such user."""
        return altered(nls, AlterSession((("CURRENT_SCHEMA", schema),)), self.database.users)

    def _define(self, statement: Ddl, sql: str, client: Client) -> None:
        names, user = self._names(client), self.database.users[client.context().user]
        schema = names.schema_of(statement)
        if isinstance(statement, CreateTable):
            user.check_may("CREATE TABLE")
        if isinstance(statement, CreateTrigger):
            user.check_may("CREATE TRIGGER")
            table = self.schemas.of(schema).table(statement.table)
            ready(statement, table, client.context(), self._trigger_plan)
        if isinstance(statement, CreateAlias):
            target = names.whole(statement.target)
            if statement.is_view:
                names.table(target, "SELECT")
            statement = replace(statement, target=target)
        self.commit(client)
        self.schemas.of(schema).run(statement, client.txn)
        if self.journal is not None:
            self.journal.write_ddl(sql, schema)

    async def _run_block(self, block: Block, client: Client) -> None:
        """Run what a block executes. Raises: OracleError: the first that fails; those before it stay: DDL commits."""
        async for text, step in texts(block, self._query(client, []), client):
            try:
                await self._execute_immediate(text, client)
            except OracleError as error:
                raise failed(error, step) from None

    async def _execute_immediate(self, text: str, client: Client) -> None:
        prepared = prepare(text)
        if not isinstance(prepared.statement, Ddl | Administration | GrantOn):
            raise unsupported("EXECUTE IMMEDIATE of anything but DDL")
        if text.rstrip().endswith(";"):
            raise OracleError(911)
        await self.run(prepared, client, NO_BINDS, collect_errors=False)

    def _target(self, statement: Dml, client: Client) -> Table:
        """Return the table that a statement changes. Raises: OracleError: the user can't, or nobody can."""
        names = self._names(client)
        table = names.table(statement.table, PRIVILEGES[type(statement)])
        self.database.users[names.user].check_writes()
        self.database.users[table.schema].tablespace.check_writable()
        return table

    def _inserter(self, client: Client) -> Inserter:
        return Inserter(self.schemas.log, client, self._trigger_plan)

    def _trigger_plan(self, statement: Insert, scope: Scope, owner: str) -> InsertPlan:
        """Plan an INSERT of a trigger, which has its owner's rights, whoever sets it off."""
        return self._plan(Names(self.schemas, owner, owner).table(statement.table, "INSERT"), statement, scope)

    def _plan(self, table: Table, statement: Insert, scope: Scope, bind_types: Sequence[BindType] = ()) -> InsertPlan:
        return InsertPlan(table, statement, scope, bind_types, self._row_check(table))

    def _row_check(self, table: Table) -> Callable[[Row], None] | None:
        """Return what each new row must pass: faults that are switched on, and the room in its tablespace."""
        fault, tablespace = self.row_fault(table.name), self.database.users[table.schema].tablespace
        if tablespace.size_bytes is None:
            return fault

        def check(row: Row) -> None:
            if fault is not None:
                fault(row)
            name = f"{table.schema}.{table.name}"
            tablespace.take(sum(map(len, row)), name, is_partitioned=table.is_partitioned)

        return check

    async def _change(
        self,
        statement: Delete | Update | InsertSelect,
        table: Table,
        client: Client,
        binds: Binds,
        collect_errors: bool,
    ) -> Outcome:
        outcome = Outcome()
        for offset in range(len(binds.rows)):
            await give_way(offset)
            query = self._query(client, binds.values(offset))
            try:
                outcome.add(await Changer(query, client, self._trigger_plan).run(statement, table))
            except OracleError as error:
                if not collect_errors:
                    outcome.failure = error
                    break
                outcome.refuse(offset, error)
                outcome.row_counts.append(0)
        return outcome

    def commit(self, client: Client) -> None:
        """Commit the client's transaction, on disk first. Raises: OracleError: 2091; it is rolled back instead."""
        if not client.txn.is_open:
            return
        try:
            self.schemas.log.check_deferred(client.txn)
        except OracleError as error:
            self.rollback(client)
            raise OracleError(2091, text=f"transaction rolled back\n{error.text}") from None
        if self.journal is not None:
            waits = (client.nls.commit_wait or self.database.commit_wait) != "NOWAIT"
            self.journal.write_commit(client.txn, waits=waits)
        self.schemas.log.commit(client.txn)

    def rollback(self, client: Client) -> None:
        """Roll the client's transaction back."""
        if client.txn.is_open:
            self.schemas.log.rollback(client.txn)
