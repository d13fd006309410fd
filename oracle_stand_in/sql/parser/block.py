"""A block of PL/SQL in its one form here: statements that are put together from the rows of a query."""

import re

from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.parser.expression import expression
from oracle_stand_in.sql.parser.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.parser.query import query
from oracle_stand_in.sql.statements import Block, ExecuteText
from oracle_stand_in.sql.syntax import Exists, InQuery, Subquery
from oracle_stand_in.sql.walk import walk

#: how the text of a block begins, whose words are looked at
BEGIN = re.compile(r"\s*(?:--[^\n]*\n\s*)*BEGIN\b", re.IGNORECASE)


def block(sql: str) -> Block:
    """Parse a loop over the rows of a query, in which EXECUTE IMMEDIATE is all that is done.

    Raises: OracleError: it does what is not known here; the text says what.
    """
    try:
        stream = TokenStream(sql)
    except OracleError as error:
        raise _unknown(f"{sql[error.position : error.position + 20].split(maxsplit=1)[0]!r}", error.position) from None
    if bind := next((token for token in stream.tokens if token.kind is TokenKind.BIND), None):
        raise _unknown(f"a bind ({bind.text})", bind.position)
    _expect(stream, "BEGIN")
    _expect(stream, "FOR")
    row = stream.name()
    _expect(stream, "IN")
    if not stream.accept_symbol("("):
        raise _unknown_here(stream)
    place = stream.current.position
    rows = query(stream)
    stream.expect_symbol(")")
    _expect(stream, "LOOP")
    steps: list[ExecuteText] = []
    while not steps or not stream.at("END"):
        steps.append(_step(stream, sql))
    for words in (("END", "LOOP"), ("END",)):
        _expect(stream, *words)
        stream.expect_symbol(";")
    stream.finish()
    return Block(row, rows, _line(sql, place), tuple(steps))


def _step(stream: TokenStream, sql: str) -> ExecuteText:
    line = _line(sql, stream.current.position)
    _expect(stream, "EXECUTE", "IMMEDIATE")
    text = expression(stream, query)
    if any(isinstance(each, Subquery | Exists | InQuery) for each in walk(text)):
        raise _unknown("a query in EXECUTE IMMEDIATE", stream.current.position)
    if not stream.accept_symbol(";"):
        raise _unknown_here(stream)
    return ExecuteText(text, line)


def _line(sql: str, position: int) -> int:
    return sql.count("\n", 0, position) + 1


def _expect(stream: TokenStream, *words: str) -> None:
    if not stream.accept(*words):
        raise _unknown_here(stream)


def _unknown_here(stream: TokenStream) -> OracleError:
    return _unknown(stream.current.text or "the end of the text", stream.current.position)


def _unknown(what: str, position: int) -> OracleError:
    return unsupported(f"PL/SQL (BEGIN): {what} in a block", position)
