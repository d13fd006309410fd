"""A table's row triggers, made ready to fire for new rows."""

from collections.abc import Awaitable, Callable, Sequence

from oracle_stand_in.data.column_types import ColumnType, varchar
from oracle_stand_in.data.rows import Row
from oracle_stand_in.data.values import decode_number
from oracle_stand_in.engine.changes.plan import InsertPlan
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.evaluation.conditions import Predicate, compile_condition
from oracle_stand_in.sql.evaluation.context import Context
from oracle_stand_in.sql.evaluation.evaluate import Scope, compile_expression, convert_to
from oracle_stand_in.sql.statements import CreateTrigger, If, Insert, InsertRow, RaiseError, Step
from oracle_stand_in.sql.syntax import Expression, Name

#: plans an INSERT of a user's, whose values are functions of the rows of a scope
Planner = Callable[[Insert, Scope, str], InsertPlan]
#: inserts a row of a plan, from the row that the trigger fires for
InsertInto = Callable[[InsertPlan, Row], Awaitable[None]]
#: one step of a body, ready to run
Run = Callable[[Row, InsertInto], Awaitable[None]]
#: codes of RAISE_APPLICATION_ERROR
OWN_CODES = range(-20_999, -19_999)
#: bytes of its text
MOST_TEXT = 2048


class RowTriggers:
    """The triggers of one table, for one statement of one session."""

    def __init__(self, table: Table, context: Context, planner: Planner) -> None:
        """Raises: OracleError: 4098, a trigger names what is not there any more."""
        self._owner = table.schema
        self._ready: list[tuple[CreateTrigger, Predicate | None, Run]] = []
        for trigger in table.triggers:
            try:
                self._ready.append((trigger, *ready(trigger, table, context, planner)))
            except OracleError:
                raise OracleError(4098, f"{table.schema}.{trigger.name}") from None

    async def fire(self, row: Row, insert: InsertInto, *, before: bool) -> None:
        """Fire those that fire before the row is stored, or those after it. Raises: OracleError: one refuses it."""
        for trigger, applies, run in self._ready:
            if trigger.is_before is before and (applies is None or applies(row)):
                try:
                    await run(row, insert)
                except OracleError as error:
                    name = f"{self._owner}.{trigger.name}"
                    text = f"{error.text}\nORA-04088: error during execution of trigger '{name}'"
                    raise OracleError(error.code, text=text) from None


def ready(trigger: CreateTrigger, table: Table, context: Context, planner: Planner) -> tuple[Predicate | None, Run]:
    """Return a trigger's condition and its body, ready to run. Raises: OracleError: it names what is not there."""

    def scope(new: str) -> Scope:
        slots: dict[Expression, tuple[int, ColumnType]] = {
            Name(column.name, new): (place, column.type) for place, column in enumerate(table.columns)
        }
        return Scope(context, [], slots=slots)

    applies = compile_condition(trigger.when, scope("NEW")) if trigger.when else None
    return applies, _Body(scope(":NEW"), planner, table.schema, trigger).steps(trigger.steps)


class _Body:
    """Compiles the body of a trigger."""

    def __init__(self, scope: Scope, planner: Planner, owner: str, trigger: CreateTrigger) -> None:
        self._scope = scope
        self._planner = planner
        self._owner = owner
        self._trigger = trigger

    def steps(self, steps: Sequence[Step]) -> Run:
        runs = [self._traced(step) for step in steps]

        async def run(row: Row, insert: InsertInto) -> None:
            for each in runs:
                await each(row, insert)

        return run

    def _traced(self, step: Step) -> Run:
        """Let a step say where it failed; what is inside an IF has said so itself."""
        if isinstance(step, If):
            return self._if(step)
        compiled = self._raise(step) if isinstance(step, RaiseError) else self._insert(step)

        async def run(row: Row, insert: InsertInto) -> None:
            try:
                await compiled(row, insert)
            except OracleError as error:
                line = self._trigger.body.count("\n", 0, step.place) + 1
                text = f'{error.text}\nORA-06512: at "{self._owner}.{self._trigger.name}", line {line}'
                raise OracleError(error.code, text=text) from None

        return run

    def _if(self, step: If) -> Run:
        branches = [(compile_condition(asked, self._scope), self.steps(steps)) for asked, steps in step.branches]
        otherwise = self.steps(step.otherwise)

        async def run(row: Row, insert: InsertInto) -> None:
            for applies, then in branches:
                if applies(row):
                    await then(row, insert)
                    return
            await otherwise(row, insert)

        return run

    def _raise(self, step: RaiseError) -> Run:
        code = compile_expression(step.code, self._scope)
        text = convert_to(compile_expression(step.text, self._scope), varchar(4000), self._scope.context.nls)

        async def run(row: Row, _insert: InsertInto) -> None:
            number = int(decode_number(code.get(row)))
            if number not in OWN_CODES:
                said = f"error number argument to raise_application_error of {number} is out of range"
                raise OracleError(21000, text=said)
            said = text.get(row)[:MOST_TEXT].decode("utf-8", "ignore")
            raise OracleError(-number, text=f"ORA-{-number}: {said}")

        return run

    def _insert(self, step: InsertRow) -> Run:
        plan = self._planner(step.insert, self._scope, self._owner)

        async def run(row: Row, insert: InsertInto) -> None:
            await insert(plan, row)

        return run
