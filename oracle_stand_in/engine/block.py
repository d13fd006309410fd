"""A block of PL/SQL: what it executes is put together from the rows of its query."""

from collections.abc import AsyncIterator

from oracle_stand_in.data.column_types import ColumnType, varchar
from oracle_stand_in.data.rows import Row, unpacker
from oracle_stand_in.engine.client import Client
from oracle_stand_in.engine.queries.query import Query
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.evaluation.evaluate import Scope, compile_expression, convert_to
from oracle_stand_in.sql.statements import Block, ExecuteText
from oracle_stand_in.sql.syntax import Expression, Name

LONGEST = 4000


async def texts(block: Block, query: Query, client: Client) -> AsyncIterator[tuple[str, ExecuteText]]:
    """Yield the statements that a block executes, each with its step; the rows are those of the beginning.

    Raises: OracleError: 6550, the block names what is not there; 6535, a statement is empty.
    """
    try:
        answer = await query.run(block.query)
        slots: dict[Expression, tuple[int, ColumnType]] = {
            Name(column.name, block.row): (place, column.type) for place, column in enumerate(answer.columns)
        }
        scope = Scope(client.context(), [], slots=slots)
        steps = [
            (convert_to(compile_expression(step.text, scope), varchar(LONGEST), scope.context.nls).get, step)
            for step in block.steps
        ]
    except OracleError as error:
        raise OracleError(6550, text=f"line {block.line}, column 1:\nPL/SQL: {error.text}") from None
    unpack = unpacker(len(answer.columns))
    rows: list[Row] = [unpack(stored) for stored in answer.rows]
    for row in rows:
        for text, step in steps:
            if not (raw := text(row)):
                raise failed(OracleError(6535), step)
            yield raw.decode(), step


def failed(error: OracleError, step: ExecuteText) -> OracleError:
    """Return an error with the place in the block where it was raised."""
    return OracleError(error.code, text=f"{error.text}\nORA-06512: at line {step.line}")
