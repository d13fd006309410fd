"""The calls of a logged-on session: execute, fetch, commit and the rest, and the faults that strike in them."""

from oracle_stand_in.data.binds import BindType
from oracle_stand_in.data.column_types import Column
from oracle_stand_in.data.rows import Row
from oracle_stand_in.engine.changes.insert import Outcome
from oracle_stand_in.engine.client import Client
from oracle_stand_in.engine.prepared import Binds, prepare
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.faults.state import Cut, CutFault, fires
from oracle_stand_in.protocol import answers
from oracle_stand_in.protocol.requests import (
    Execute,
    Function,
    Option,
    UnknownFunctionError,
    in_bind_order,
    read_end_pipeline,
    read_execute,
    read_fetch,
    read_reexecute,
    read_release,
    read_version,
)
from oracle_stand_in.server.connection import EndSession
from oracle_stand_in.server.cursors import Cursor, Cursors
from oracle_stand_in.server.dialogue import Dialogue
from oracle_stand_in.server.instance import Instance
from oracle_stand_in.sql.parser.lexer import returning_binds
from oracle_stand_in.sql.statements import Commit, Insert, InsertSelect, Rollback


class Calls:
    """Runs a session's calls; every method returns the answer's items."""

    def __init__(self, instance: Instance, dialogue: Dialogue, client: Client) -> None:
        self.instance = instance
        self.engine = instance.engine
        self.dialogue = dialogue
        self.client = client
        #: as V$SESSTAT counts them
        self.parses = 0
        self.half_answer = False
        self.cursors = Cursors()

    async def run(self, function: int) -> bytes:
        """Read the rest of a request, do what it asks, and return the answer.

        Raises: OracleError: the call failed; EndSession: a fault cut the connection.
        """
        if function == Function.EXECUTE:
            return await self._execute()
        if function in (Function.REEXECUTE, Function.REEXECUTE_AND_FETCH):
            return await self._reexecute(is_query=function == Function.REEXECUTE_AND_FETCH)
        if function == Function.FETCH:
            cursor_id, count = await self.dialogue.parse(read_fetch)
            await self._hang()
            return self._rows(self.cursors.cursor(cursor_id), count)
        if function == Function.VERSION:
            version = self.dialogue.negotiated.field_version
            await self.dialogue.parse(lambda reader: read_version(reader, version))
            has_lengths = self.dialogue.negotiated.has_lengths
            return answers.version(self.instance.flavour, has_lengths=has_lengths) + self.dialogue.status()
        if function == Function.RELEASE:
            await self.dialogue.parse(read_release)
            return b""
        if function == Function.END_PIPELINE:
            await self.dialogue.parse(read_end_pipeline)
            self.dialogue.in_pipeline = self.dialogue.pipeline_aborts = False
        else:
            await self._simple(function)
        return self.dialogue.status()

    async def _simple(self, function: int) -> None:
        """Do what has no arguments and no result. Raises: UnknownFunctionError."""
        simple = {
            Function.COMMIT: self._commit,
            Function.ROLLBACK: self._rollback,
            Function.PING: self._ping,
            Function.LOGOFF: self._log_off,
        }
        if function not in simple:
            raise UnknownFunctionError(function)
        await self._hang()
        simple[Function(function)]()

    def _ping(self) -> None:
        self.instance.counters.pings += 1

    def _log_off(self) -> None:
        self.engine.rollback(self.client)

    def _commit(self) -> None:
        self.engine.commit(self.client)
        self.instance.counters.commits += 1
        self._cut(self.instance.faults.after_commit)

    def _rollback(self) -> None:
        self.engine.rollback(self.client)
        self.instance.counters.rollbacks += 1

    async def _hang(self) -> None:
        """Wait where a fault says so; a request is read by then. Raises: OracleError: it is not to be done."""
        if self.dialogue.pipeline_aborts and self.dialogue.has_failed:
            raise OracleError(1013)
        gate = self.instance.faults.calls.hold("before")
        if gate is not None:
            await self.dialogue.connection.wait(gate)

    def _cut(self, fault: CutFault | None) -> None:
        """Cut the connection if the fault strikes now. Raises: EndSession."""
        if fault is not None and fires(fault):
            self._end(fault.how)

    def _end(self, how: Cut) -> None:
        self.dialogue.connection.cut(how)
        raise EndSession

    async def _execute(self) -> bytes:
        version, has_lengths = self.dialogue.negotiated.field_version, self.dialogue.negotiated.has_lengths
        request = await self.dialogue.parse(lambda reader: read_execute(reader, version, has_lengths=has_lengths))
        sent = request.bind_types
        if refusal := next((bind.refusal for bind in sent if bind.refusal), None):
            raise UnreadableError(refusal)
        if request.sql is not None and (outputs := returning_binds(request.sql)):
            # what a RETURNING clause puts out has a type, but no value
            sent = sent[:-outputs]
        rows = await self._bind_rows(sent, request.executions)
        if request.is_scrollable:
            raise unsupported("scrollable cursors")
        await self._hang()
        if request.sql is None:
            cursor = self.cursors.cursor(request.cursor_id)
        elif request.cursor_id:
            cursor = Cursor(request.cursor_id, prepare(request.sql))
        else:
            self.parses += 1
            cursor = Cursor(self.cursors.new_id(), prepare(request.sql))
        if request.options & Option.EXECUTE and not cursor.prepared.is_setting:
            self._cut(self.instance.faults.before_execute)
        cursor.bind_types = request.bind_types
        if not request.options & Option.EXECUTE:
            return await self._parse_only(cursor)
        if cursor.prepared.is_query:
            # go-ora names the rows that it wants without the option
            wanted = request.prefetch_rows if request.options & Option.FETCH or request.prefetch_rows else None
            return await self._query(cursor, rows, wanted, commit=bool(request.options & Option.COMMIT))
        return await self._dml(cursor, rows, request)

    async def _bind_rows(self, bind_types: tuple[BindType, ...], count: int) -> list[Row]:
        rows = await self.dialogue.read_rows(len(bind_types), count)
        reorder = in_bind_order(bind_types)
        return rows if reorder is None else list(map(reorder, rows))

    async def _reexecute(self, *, is_query: bool) -> bytes:
        request = await self.dialogue.parse(read_reexecute)
        cursor = self.cursors.get(request.cursor_id)
        if cursor is None:
            # without the cursor nobody knows how wide its rows are, nor where the request ends
            raise UnknownCursorError
        rows = await self._bind_rows(cursor.bind_types, 1 if is_query else request.count)
        await self._hang()
        self._cut(self.instance.faults.before_execute)
        if cursor.prepared.is_query:
            return await self._query(cursor, rows, request.count if is_query else None, commit=request.commit)
        options = Option.COMMIT if request.commit else Option(0)
        again = Execute(
            options=options,
            cursor_id=cursor.id,
            sql=None,
            prefetch_rows=0,
            executions=request.count,
            is_query=False,
            wants_row_counts=False,
            is_scrollable=False,
            bind_types=cursor.bind_types,
        )
        return await self._dml(cursor, rows, again)

    async def _parse_only(self, cursor: Cursor) -> bytes:
        parts = []
        if cursor.prepared.is_query:
            columns = await self.engine.describe(cursor.prepared, self.client)
            cursor.described = columns
            parts.append(self._describe(columns))
        self.cursors.keep(cursor)
        return b"".join((*parts, self._end_item(cursor)))

    async def _query(self, cursor: Cursor, rows: list[Row], wanted: int | None, *, commit: bool) -> bytes:
        self._before(cursor)
        result = await self.engine.query(cursor.prepared, self.client, Binds(cursor.bind_types, rows))
        if commit and self.client.txn.is_open:
            self._commit()
        self.cursors.keep(cursor)
        cursor.rows, cursor.sent = result.rows, 0
        parts = []
        if cursor.described != result.columns:
            cursor.described = result.columns
            parts.append(self._describe(result.columns))
        self._arm_half_answer()
        parameters = answers.execution_parameters(cursor.id)
        if wanted is None:
            return b"".join((*parts, parameters, self._end_item(cursor)))
        return b"".join((*parts, self._rows(cursor, wanted, parameters)))

    def _describe(self, columns: list[Column]) -> bytes:
        negotiated = self.dialogue.negotiated
        return answers.describe(columns, negotiated.field_version, universal_scale=negotiated.universal_scale)

    def _rows(self, cursor: Cursor, wanted: int, parameters: bytes = b"") -> bytes:
        rows = cursor.rows[cursor.sent : cursor.sent + wanted]
        cursor.sent += len(rows)
        header = answers.row_header(len(cursor.described or ()), len(rows))
        if len(rows) == wanted:
            return header + answers.data_rows(rows) + parameters + self._end_item(cursor, row_count=cursor.sent)
        cursor.rows, cursor.sent, total = [], 0, cursor.sent
        end = self.dialogue.end(OracleError(answers.NO_DATA_FOUND), cursor_id=cursor.id, row_count=total)
        return header + answers.data_rows(rows) + parameters + end

    async def _dml(self, cursor: Cursor, rows: list[Row], request: Execute) -> bytes:
        self._before(cursor)
        collect = bool(request.options & Option.BATCH_ERRORS)
        binds = Binds(cursor.bind_types, rows)
        outcome = await self.engine.run(cursor.prepared, self.client, binds, collect_errors=collect)
        self.cursors.keep(cursor)
        statement = cursor.prepared.statement
        if isinstance(statement, Insert | InsertSelect):
            self.instance.counters.rows_inserted += outcome.row_count
        if not cursor.prepared.is_setting:
            self._arm_half_answer()
        # with batch errors nothing is committed if any row failed; DDL has committed by itself
        wants_commit = request.options & Option.COMMIT and cursor.prepared.target is not None
        commits = isinstance(statement, Commit) or (wants_commit and not _failed(outcome))
        if commits and not self.half_answer:
            self._commit()
        if isinstance(statement, Rollback):
            self.instance.counters.rollbacks += 1
        item = answers.execution_parameters(cursor.id, outcome.row_counts if request.wants_row_counts else None)
        if outcome.failure is not None:
            return item + self.dialogue.error(outcome.failure, cursor.id, outcome.row_count)
        return item + self._end_item(cursor, outcome)

    def _before(self, cursor: Cursor) -> None:
        self.instance.counters.executions += 1
        self.instance.faults.check_execute(cursor.prepared.verb, cursor.prepared.target)

    def _arm_half_answer(self) -> None:
        """Let the fault that strikes in mid-call take effect: cut now, or after half of the answer."""
        fault = self.instance.faults.mid_call
        if fault is None or not fires(fault):
            return
        if not fault.half_answer:
            self._end(fault.how)
        self.half_answer = True

    def _end_item(self, cursor: Cursor, outcome: Outcome | None = None, row_count: int = 0) -> bytes:
        """Build the ERROR item of a call that succeeded, batch errors included."""
        errors = outcome.errors if outcome else []
        count = outcome.row_count if outcome else row_count
        error = OracleError(answers.ARRAY_DML_ERRORS) if errors else None
        return self.dialogue.end(error, cursor_id=cursor.id, row_count=count, row_errors=errors)


class UnreadableError(Exception):
    """A request with values whose form is not known here: where it ends is unknown."""

    def __init__(self, error: OracleError) -> None:
        super().__init__(error.text)
        self.error = error


class UnknownCursorError(Exception):
    """RE-EXECUTE of a cursor that is not open."""


def _failed(outcome: Outcome) -> bool:
    return outcome.failure is not None or bool(outcome.errors)
