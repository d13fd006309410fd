"""The entry to the parser: one statement of any kind."""

import re
from functools import lru_cache

from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.parser.administration import administration, at_administration
from oracle_stand_in.sql.parser.condition import condition
from oracle_stand_in.sql.parser.ddl import alter_table, create, drop, truncate
from oracle_stand_in.sql.parser.expression import expression
from oracle_stand_in.sql.parser.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.parser.query import CLAUSES, query, table_ref
from oracle_stand_in.sql.statements import (
    AlterSession,
    Commit,
    Delete,
    Insert,
    InsertSelect,
    Rollback,
    Statement,
    Update,
)
from oracle_stand_in.sql.syntax import Expression, Name, TableRef

#: what begins PL/SQL, whose words are not looked at
PLSQL = re.compile(
    r"\s*(?:BEGIN|DECLARE|CALL|CREATE\s+(?:OR\s+REPLACE\s+)?(?:EDITIONABLE\s+)?"
    r"(?:TRIGGER|PROCEDURE|FUNCTION|PACKAGE|TYPE))\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=128)
def parse_statement(sql: str) -> tuple[Statement, int]:
    """Parse a statement; return it and the number of its binds.

    Raises: OracleError: it is not SQL, or none that the stand-in knows.
    """
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
        "INSERT": _insert,
        "DELETE": _delete,
        "UPDATE": _update,
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
    """Parse NAME = value, as often as there are any; a value is a string, a word or a number."""
    settings = []
    while True:
        name = stream.name(922)
        stream.expect_symbol("=", 927)
        settings.append((name, stream.next().text))
        if stream.current.kind is TokenKind.END or stream.at_symbol(";"):
            return tuple(settings)


def _insert(stream: TokenStream) -> Insert | InsertSelect:
    stream.expect("INSERT")
    if not stream.accept("INTO"):
        raise unsupported("this kind of INSERT", stream.current.position)
    table = table_ref(stream)
    if stream.at_name() and stream.current.text not in CLAUSES:
        stream.next()
    columns: tuple[Name, ...] | None = None
    if stream.accept_symbol("("):
        columns = _column_names(stream)
    if stream.at_any("SELECT", "WITH"):
        return InsertSelect(table, columns, query(stream))
    stream.expect("VALUES", code=926)
    stream.expect_symbol("(", 906)
    values = [_value(stream)]
    while stream.accept_symbol(","):
        values.append(_value(stream))
    stream.expect_symbol(")")
    _no_returning(stream)
    if columns is not None and len(columns) != len(values):
        raise OracleError(947 if len(values) < len(columns) else 913, position=table.position)
    return Insert(table, columns, tuple(values))


def _no_returning(stream: TokenStream) -> None:
    if stream.current.text in ("RETURNING", "RETURN", "LOG"):
        raise unsupported(stream.current.text, stream.current.position)


def _column_names(stream: TokenStream) -> tuple[Name, ...]:
    names = [_column_name(stream)]
    while stream.accept_symbol(","):
        names.append(_column_name(stream))
    stream.expect_symbol(")")
    return tuple(names)


def _column_name(stream: TokenStream) -> Name:
    position = stream.current.position
    return Name(stream.name(904), None, position)


def _value(stream: TokenStream) -> Expression | None:
    return None if stream.accept("DEFAULT") else expression(stream, query)


def _target(stream: TokenStream) -> TableRef:
    table = table_ref(stream)
    alias = table.name
    if stream.at_name() and stream.current.text not in CLAUSES:
        alias = stream.name()
    return TableRef(table.name, alias, table.schema, table.position)


def _delete(stream: TokenStream) -> Delete:
    stream.expect("DELETE")
    stream.accept("FROM")
    table = _target(stream)
    where = condition(stream, query) if stream.accept("WHERE") else None
    _no_returning(stream)
    return Delete(table, where)


def _update(stream: TokenStream) -> Update:
    stream.expect("UPDATE")
    table = _target(stream)
    stream.expect("SET", code=971)
    changes = [_change(stream)]
    while stream.accept_symbol(","):
        changes.append(_change(stream))
    where = condition(stream, query) if stream.accept("WHERE") else None
    _no_returning(stream)
    return Update(table, tuple(changes), where)


def _change(stream: TokenStream) -> tuple[Name, Expression]:
    column = _column_name(stream)
    stream.expect_symbol("=", 927)
    return column, expression(stream, query)
