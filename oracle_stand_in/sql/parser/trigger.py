"""Row triggers of INSERT, in the small form that raises errors and writes rows elsewhere; other PL/SQL is refused."""

import re

from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.parser.condition import condition
from oracle_stand_in.sql.parser.dml import insert
from oracle_stand_in.sql.parser.expression import expression
from oracle_stand_in.sql.parser.lexer import Token, TokenKind, TokenStream
from oracle_stand_in.sql.parser.query import query, table_ref
from oracle_stand_in.sql.statements import CreateTrigger, If, InsertRow, InsertSelect, RaiseError, Step
from oracle_stand_in.sql.syntax import Condition, Exists, Expression, InQuery, Subquery
from oracle_stand_in.sql.walk import walk

#: how the text of a trigger begins, whose body is PL/SQL
CREATE_TRIGGER = re.compile(
    r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:(?:NON)?EDITIONABLE\s+)?TRIGGER\b", re.IGNORECASE
)  # fmt: skip
#: what a body calls the new row; WHEN calls it NEW
NEW_ROW = ":NEW"
#: where the branch of an IF ends
BRANCH_ENDS = ("ELSIF", "ELSE", "END")


def create_trigger(sql: str) -> CreateTrigger:
    """Parse a trigger. Raises: OracleError: it does what is not known here; the text says what."""
    try:
        stream = TokenStream(sql)
    except OracleError as error:
        raise _unknown(f"{sql[error.position : error.position + 20].split(maxsplit=1)[0]!r}", error.position) from None
    stream.tokens = [_new_row_as_a_name(token) for token in stream.tokens]
    stream.expect("CREATE")
    replaces = stream.accept("OR", "REPLACE")
    if not stream.accept("EDITIONABLE"):
        stream.accept("NONEDITIONABLE")
    stream.expect("TRIGGER")
    name = table_ref(stream).name
    is_before = _is_before(stream)
    stream.expect("ON")
    table = table_ref(stream)
    if not stream.accept("FOR", "EACH", "ROW"):
        raise _unknown(f"{stream.current.text} where FOR EACH ROW belongs", stream.current.position)
    stream.accept("ENABLE")
    when = _when(stream) if stream.accept("WHEN") else None
    start = stream.current.position
    if not stream.accept("BEGIN"):
        raise _unknown_here(stream)
    steps = _steps(stream, start, ("END",))
    stream.expect("END")
    if stream.at_name():
        stream.name()
    stream.expect_symbol(";")
    stream.finish()
    return CreateTrigger(name, table, is_before, replaces, when, steps, sql[start:])


def _new_row_as_a_name(token: Token) -> Token:
    if token.kind is not TokenKind.BIND:
        return token
    text = token.text.replace(" ", "").upper()
    if text != NEW_ROW:
        raise _unknown(text, token.position)
    return Token(TokenKind.WORD, NEW_ROW, token.position, token.end)


def _unknown(what: str, position: int) -> OracleError:
    return unsupported(f"{what} in a trigger", position)


def _unknown_here(stream: TokenStream) -> OracleError:
    return _unknown(stream.current.text or "the end of the text", stream.current.position)


def _is_before(stream: TokenStream) -> bool:
    """Parse BEFORE INSERT or AFTER INSERT: whether it is the former."""
    is_before = stream.accept("BEFORE", "INSERT")
    if not (is_before or stream.accept("AFTER", "INSERT")) or stream.at("OR"):
        raise _unknown_here(stream)
    return is_before


def _when(stream: TokenStream) -> Condition:
    stream.expect_symbol("(")
    found = _plain(stream, condition(stream, query))
    stream.expect_symbol(")")
    return found


def _plain(stream: TokenStream, node: Condition) -> Condition:
    if any(isinstance(each, Subquery | Exists | InQuery) for each in walk(node)):
        raise _unknown("a query", stream.current.position)
    return node


def _steps(stream: TokenStream, start: int, ends: tuple[str, ...]) -> tuple[Step, ...]:
    """Parse steps up to one of these words, each with its place in the body, which begins at `start`."""
    steps: list[Step] = []
    if stream.at_any(*ends):
        raise _unknown_here(stream)
    while not stream.at_any(*ends):
        place = stream.current.position - start
        if stream.accept("IF"):
            steps.append(_if(stream, start))
        elif stream.accept("RAISE_APPLICATION_ERROR"):
            steps.append(_raise(stream, place))
        elif stream.at("INSERT"):
            steps.append(_insert(stream, place))
        elif not stream.accept("NULL"):
            raise _unknown_here(stream)
        stream.expect_symbol(";")
    return tuple(steps)


def _if(stream: TokenStream, start: int) -> If:
    branches: list[tuple[Condition, tuple[Step, ...]]] = []
    while True:
        asked = _plain(stream, condition(stream, query))
        stream.expect("THEN")
        branches.append((asked, _steps(stream, start, BRANCH_ENDS)))
        if not stream.accept("ELSIF"):
            break
    otherwise = _steps(stream, start, ("END",)) if stream.accept("ELSE") else ()
    stream.expect("END", "IF")
    return If(tuple(branches), otherwise)


def _raise(stream: TokenStream, place: int) -> RaiseError:
    stream.expect_symbol("(")
    code: Expression = expression(stream, query)
    stream.expect_symbol(",")
    text: Expression = expression(stream, query)
    stream.expect_symbol(")")
    return RaiseError(code, text, place)


def _insert(stream: TokenStream, place: int) -> InsertRow:
    position = stream.current.position
    statement = insert(stream)
    if isinstance(statement, InsertSelect):
        raise _unknown("INSERT ... SELECT", position)
    return InsertRow(statement, place)
