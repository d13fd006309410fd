"""Expressions and conditions."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

from oracle_stand_in.data.column_types import (
    DATE_TYPE,
    DOUBLE_TYPE,
    FLOATING_SCALE,
    MAX_BITS,
    MAX_PRECISION,
    NUMBER_TYPE,
    TIMESTAMP_TYPE,
    ColumnType,
    Kind,
    varchar,
)
from oracle_stand_in.data.convert import now
from oracle_stand_in.data.datetimes import parse
from oracle_stand_in.data.values import number_from_text
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.syntax import (
    Bind,
    Call,
    Cast,
    Expression,
    IntervalLiteral,
    Literal,
    Name,
    Operation,
    Select,
    Subquery,
)

#: parses the query inside parentheses; the statement parser passes itself, which keeps the imports a line
QueryParser: TypeAlias = Callable[[TokenStream], Select]

INTERVAL_UNITS = {"DAY": "days", "HOUR": "hours", "MINUTE": "minutes", "SECOND": "seconds"}
#: formats of ANSI literals: DATE '...' and TIMESTAMP '...'
ANSI_DATE, ANSI_TIMESTAMP = "YYYY-MM-DD", "YYYY-MM-DD HH24:MI:SSXFF"


def expression(stream: TokenStream, query: QueryParser) -> Expression:
    """Parse a value: `+ - ||`, the loosest binding."""
    left = _product(stream, query)
    while stream.current.kind is TokenKind.SYMBOL and stream.current.text in ("+", "-", "||"):
        operator = stream.next().text
        left = Operation(operator, left, _product(stream, query))
    return left


def _product(stream: TokenStream, query: QueryParser) -> Expression:
    left = _operand(stream, query)
    while stream.current.kind is TokenKind.SYMBOL and stream.current.text in ("*", "/"):
        operator = stream.next().text
        left = Operation(operator, left, _operand(stream, query))
    return left


def _operand(stream: TokenStream, query: QueryParser) -> Expression:
    token = stream.current
    constants: dict[TokenKind, Callable[[], Expression]] = {
        TokenKind.STRING: lambda: text_literal(token.text),
        TokenKind.NUMBER: lambda: Literal(number_from_text(token.text), NUMBER_TYPE),
        TokenKind.BIND: lambda: Bind(stream.binds - 1),
    }
    if token.kind in constants:
        stream.next()
        return constants[token.kind]()
    if stream.accept_symbol("-"):
        return Operation("-", Literal(number_from_text("0"), NUMBER_TYPE), _operand(stream, query))
    if stream.accept_symbol("+"):
        return _operand(stream, query)
    if stream.accept_symbol("("):
        inner = Subquery(query(stream)) if stream.at("SELECT") else expression(stream, query)
        stream.expect_symbol(")")
        return inner
    return _word(stream, query)


def text_literal(text: str) -> Literal:
    """Return a string constant; the empty one is NULL."""
    raw = text.encode()
    return Literal(raw, varchar(len(raw)) if raw else None)


def _word(stream: TokenStream, query: QueryParser) -> Expression:
    token = stream.current
    if stream.accept("NULL"):
        return Literal(b"", None)
    if token.text in ("DATE", "TIMESTAMP", "INTERVAL") and stream.peek().kind is TokenKind.STRING:
        stream.next()
        return _typed_literal(token.text, stream)
    if stream.at("CAST"):
        return _cast(stream, query)
    if stream.at("CASE") or stream.at("EXISTS"):
        raise unsupported(token.text, token.position)
    return _name_or_call(stream, query)


def _name_or_call(stream: TokenStream, query: QueryParser) -> Expression:
    token = stream.current
    first = stream.name(936)
    if stream.at_symbol("(") and token.kind is TokenKind.WORD:
        return _call(first, token.position, stream, query)
    if not stream.accept_symbol("."):
        return Name(first, None, token.position)
    second = stream.name(1747)
    if stream.accept_symbol("."):  # schema.table.column: the schema adds nothing here
        return Name(stream.name(1747), second, token.position)
    return Name(second, first, token.position)


def _typed_literal(word: str, stream: TokenStream) -> Expression:
    text = stream.next().text
    if word == "INTERVAL":
        unit = INTERVAL_UNITS.get(stream.next().text)
        try:
            return IntervalLiteral(timedelta(**{unit or "": float(text)}))
        except (TypeError, ValueError):
            raise unsupported("this INTERVAL", stream.current.position) from None
    picture = ANSI_DATE if word == "DATE" else ANSI_TIMESTAMP
    raw = parse(text, picture, now())
    return Literal(raw, DATE_TYPE if word == "DATE" else TIMESTAMP_TYPE)


def _call(name: str, position: int, stream: TokenStream, query: QueryParser) -> Expression:
    stream.expect_symbol("(")
    if stream.accept_symbol("*"):
        stream.expect_symbol(")")
        return Call(name, star=True, position=position)
    distinct = stream.accept("DISTINCT")
    arguments = []
    if not stream.at_symbol(")"):
        arguments.append(expression(stream, query))
        while stream.accept_symbol(","):
            arguments.append(expression(stream, query))
    stream.expect_symbol(")")
    if stream.at("OVER"):
        raise unsupported("analytic functions", position)
    return Call(name, tuple(arguments), distinct, position=position)


def _cast(stream: TokenStream, query: QueryParser) -> Expression:
    stream.expect("CAST")
    stream.expect_symbol("(")
    value = expression(stream, query)
    stream.expect("AS")
    kind = data_type(stream)
    stream.expect_symbol(")")
    return Cast(value, kind)


_INTEGER = ColumnType(Kind.NUMBER, precision=MAX_PRECISION, scale=0)
_PLAIN_TYPES = {
    "INTEGER": _INTEGER, "INT": _INTEGER, "SMALLINT": _INTEGER, "DATE": DATE_TYPE, "BINARY_DOUBLE": DOUBLE_TYPE,
}  # fmt: skip


def data_type(stream: TokenStream) -> ColumnType:
    """Parse a data type. Raises: OracleError: 902 for one that the stand-in does not have."""
    token = stream.next()
    name = token.text
    if name in ("VARCHAR2", "VARCHAR"):
        return _varchar_type(stream)
    if name in ("NUMBER", "NUMERIC", "DECIMAL"):
        return _number_type(stream)
    if name in ("FLOAT", "REAL"):
        return _float_type(stream, name)
    if name in _PLAIN_TYPES:
        return _PLAIN_TYPES[name]
    if name == "TIMESTAMP":
        scale = 6
        if stream.accept_symbol("("):
            scale = stream.integer()
            stream.expect_symbol(")")
        if stream.at("WITH"):
            raise unsupported("TIMESTAMP WITH TIME ZONE columns", token.position)
        if scale > 9:
            raise OracleError(30088, text="datetime/interval precision is out of range", position=token.position)
        return ColumnType(Kind.TIMESTAMP, scale=scale)
    raise OracleError(902, text=f"invalid datatype (the stand-in has no {name})", position=token.position)


def _float_type(stream: TokenStream, name: str) -> ColumnType:
    """FLOAT(b): a NUMBER of so many binary digits, described by its scale; REAL is FLOAT(63)."""
    bits = 63 if name == "REAL" else MAX_BITS
    if name == "FLOAT" and stream.accept_symbol("("):
        bits = stream.integer()
        stream.expect_symbol(")")
    return ColumnType(Kind.NUMBER, precision=bits, scale=FLOATING_SCALE)


def _varchar_type(stream: TokenStream) -> ColumnType:
    stream.expect_symbol("(", 906)
    length = stream.integer()
    in_chars = stream.accept("CHAR")
    if not in_chars:
        stream.accept("BYTE")
    stream.expect_symbol(")")
    if length > 4000:
        raise OracleError(910, text="specified length too long for its datatype", position=stream.current.position)
    return ColumnType(Kind.VARCHAR, length, in_chars)


def _number_type(stream: TokenStream) -> ColumnType:
    if not stream.accept_symbol("("):
        return NUMBER_TYPE
    precision = MAX_PRECISION if stream.accept_symbol("*") else stream.integer()
    scale = 0
    if stream.accept_symbol(","):
        sign = -1 if stream.accept_symbol("-") else 1
        scale = sign * stream.integer()
    stream.expect_symbol(")")
    if not 1 <= precision <= MAX_PRECISION:
        raise OracleError(1727, text="numeric precision specifier is out of range (1 to 38)")
    return ColumnType(Kind.NUMBER, precision=precision, scale=scale)
