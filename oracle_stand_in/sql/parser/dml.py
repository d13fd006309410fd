"""INSERT, DELETE and UPDATE."""

from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.parser.condition import condition
from oracle_stand_in.sql.parser.expression import expression
from oracle_stand_in.sql.parser.lexer import TokenStream
from oracle_stand_in.sql.parser.query import CLAUSES, query, table_ref
from oracle_stand_in.sql.statements import Delete, Insert, InsertSelect, Update
from oracle_stand_in.sql.syntax import Expression, Name, TableRef


def insert(stream: TokenStream) -> Insert | InsertSelect:
    """Parse INSERT."""
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


def delete(stream: TokenStream) -> Delete:
    """Parse DELETE."""
    stream.expect("DELETE")
    stream.accept("FROM")
    table = _target(stream)
    where = condition(stream, query) if stream.accept("WHERE") else None
    _no_returning(stream)
    return Delete(table, where)


def update(stream: TokenStream) -> Update:
    """Parse UPDATE."""
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
