"""The entry to the parser: one statement of any kind."""

import re
from functools import lru_cache

from oracle_stand_in.errors import unsupported
from oracle_stand_in.sql.parser.administration import administration, at_administration
from oracle_stand_in.sql.parser.block import BEGIN, block
from oracle_stand_in.sql.parser.ddl import alter_table, create, drop, truncate
from oracle_stand_in.sql.parser.dml import delete, insert, update
from oracle_stand_in.sql.parser.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.parser.query import query
from oracle_stand_in.sql.parser.trigger import CREATE_TRIGGER, create_trigger
from oracle_stand_in.sql.statements import AlterSession, Commit, Rollback, Statement

#: what begins PL/SQL, whose words are not looked at
PLSQL = re.compile(
    r"\s*(?:DECLARE|CALL|CREATE\s+(?:OR\s+REPLACE\s+)?(?:EDITIONABLE\s+)?"
    r"(?:PROCEDURE|FUNCTION|PACKAGE|TYPE))\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=128)
def parse_statement(sql: str) -> tuple[Statement, int]:
    """Parse a statement; return it and the number of its binds.

    Raises: OracleError: it is not SQL, or none that the stand-in knows.
    """
    if CREATE_TRIGGER.match(sql):
        return create_trigger(sql), 0
    if BEGIN.match(sql):
        return block(sql), 0
    if match := PLSQL.match(sql):
        raise unsupported(f"PL/SQL ({' '.join(match[0].split()).upper()})")
    stream = TokenStream(sql)
    statement = _statement(stream)
    stream.finish()
    return statement, stream.binds


def _statement(stream: TokenStream) -> Statement:
    word = stream.current.text if stream.current.kind is TokenKind.WORD else ""
    if word in ("SELECT", "WITH") or stream.at_symbol("("):
        return query(stream)
    if at_administration(stream):
        return administration(stream)
    parsers = {
        "INSERT": insert,
        "DELETE": delete,
        "UPDATE": update,
        "CREATE": create,
        "DROP": drop,
        "TRUNCATE": truncate,
        "ALTER": _alter,
        "COMMIT": _commit,
        "ROLLBACK": _rollback,
    }
    if word not in parsers:
        raise unsupported(f"statements that begin with {word or stream.current.text!r}", stream.current.position)
    return parsers[word](stream)


def _commit(stream: TokenStream) -> Commit:
    stream.expect("COMMIT")
    stream.accept("WORK")
    return Commit()


def _rollback(stream: TokenStream) -> Rollback:
    stream.expect("ROLLBACK")
    stream.accept("WORK")
    if stream.at("TO"):
        raise unsupported("savepoints", stream.current.position)
    return Rollback()


def _alter(stream: TokenStream) -> Statement:
    stream.expect("ALTER")
    if stream.accept("TABLE"):
        return alter_table(stream)
    if stream.accept("SESSION"):
        stream.expect("SET")
        return AlterSession(_settings(stream))
    raise unsupported(f"ALTER {stream.current.text}", stream.current.position)


def _settings(stream: TokenStream) -> tuple[tuple[str, str], ...]:
    """Parse NAME = value, as often as there are any; a value is a string, a word, a number or READ COMMITTED."""
    settings = []
    while True:
        name = stream.name(922)
        stream.expect_symbol("=", 927)
        value = stream.next().text
        if value == "READ" and stream.accept("COMMITTED"):
            value = "READ COMMITTED"
        settings.append((name, value))
        if stream.current.kind is TokenKind.END or stream.at_symbol(";"):
            return tuple(settings)
