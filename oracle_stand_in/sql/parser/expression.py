"""Expressions and conditions."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

from oracle_stand_in.data.clock import now
from oracle_stand_in.data.column_types import (
    DATE_TYPE,
    INTERVAL_TYPE,
    MAX_VARCHAR,
    NUMBER_TYPE,
    ZONED_TYPE,
    ColumnType,
    Kind,
)
from oracle_stand_in.data.datetimes import parse, parse_zoned
from oracle_stand_in.data.nls import DEFAULT_NLS
from oracle_stand_in.data.values import encode_interval, number_from_text
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.parser.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.parser.type_name import data_type
from oracle_stand_in.sql.syntax import (
    AtZone,
    Bind,
    Call,
    Case,
    Cast,
    Expression,
    Literal,
    Name,
    Neighbour,
    Operation,
    OrderItem,
    Query,
    Same,
    Subquery,
)

#: parses the query inside parentheses; the statement parser passes itself, which keeps the imports a line
QueryParser: TypeAlias = Callable[[TokenStream], Query]

#: words of values that are made of conditions, which are parsed elsewhere
CONSTRUCTS: dict[str, Callable[[TokenStream, QueryParser], Expression]] = {}

NULL = Literal(b"", None)
#: TO_NUMBER(... DEFAULT ... ON CONVERSION ERROR), under a name that nobody can write
LENIENT_NUMBER = "TO_NUMBER DEFAULT"
INTERVAL_UNITS = {"DAY": "days", "HOUR": "hours", "MINUTE": "minutes", "SECOND": "seconds"}
#: formats of ANSI literals: DATE '...' and TIMESTAMP '...'
ANSI_DATE, ANSI_TIMESTAMP = "YYYY-MM-DD", "YYYY-MM-DD HH24:MI:SSXFF"
ANSI_ZONED = re.compile(r"[^ ]+ [\d:.]+ ?([+-]|[A-Za-z]).*")


def expression(stream: TokenStream, query: QueryParser, begun: Expression | None = None) -> Expression:
    """Parse a value: `+ - ||`, the loosest binding. `begun`: its first operand, where that has been read already."""
    left = _product(stream, query, begun)
    while stream.current.kind is TokenKind.SYMBOL and stream.current.text in ("+", "-", "||"):
        operator = stream.next().text
        left = Operation(operator, left, _product(stream, query))
    return left


def _product(stream: TokenStream, query: QueryParser, begun: Expression | None = None) -> Expression:
    left = _operand(stream, query, begun)
    while stream.current.kind is TokenKind.SYMBOL and stream.current.text in ("*", "/"):
        operator = stream.next().text
        left = Operation(operator, left, _operand(stream, query))
    return left


def _operand(stream: TokenStream, query: QueryParser, begun: Expression | None = None) -> Expression:
    value = begun or _plain_operand(stream, query)
    while stream.accept("AT"):
        if stream.accept("LOCAL"):
            value = AtZone(value, None)
        else:
            stream.expect("TIME", "ZONE")
            value = AtZone(value, _plain_operand(stream, query))
    return value


def _plain_operand(stream: TokenStream, query: QueryParser) -> Expression:
    token = stream.current
    constants: dict[TokenKind, Callable[[], Expression]] = {
        TokenKind.STRING: lambda: text_literal(token.text, token.position),
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
        inner = Subquery(query(stream)) if stream.at_any("SELECT", "WITH") else expression(stream, query)
        stream.expect_symbol(")")
        return inner
    return _word(stream, query)


def text_literal(text: str, position: int = 0) -> Literal:
    """Return a string constant; the empty one is NULL. Raises: OracleError: 1704, it is longer than a VARCHAR2."""
    raw = text.encode()
    if len(raw) > MAX_VARCHAR:
        raise OracleError(1704, position=position)
    return Literal(raw, ColumnType(Kind.CHAR, len(raw)) if raw else None)


def national_literal(text: str) -> Literal:
    """Return a constant of the national character set: N'text'."""
    raw = text.encode("utf-16-be", "replace")
    return Literal(raw, ColumnType(Kind.NCHAR, len(raw) // 2) if raw else None)


def _word(stream: TokenStream, query: QueryParser) -> Expression:
    token = stream.current
    if stream.accept("NULL"):
        return NULL
    if token.text in ("DATE", "TIMESTAMP", "INTERVAL") and stream.peek().kind is TokenKind.STRING:
        stream.next()
        return _typed_literal(token.text, stream)
    if token.text == "N" and stream.peek().kind is TokenKind.STRING and stream.peek().position == token.end:
        stream.next()
        return national_literal(stream.next().text)
    if stream.at("CAST"):
        return _cast(stream, query)
    if token.kind is TokenKind.WORD and token.text in CONSTRUCTS:
        return CONSTRUCTS[token.text](stream, query)
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
            return Literal(encode_interval(timedelta(**{unit or "": float(text)})), INTERVAL_TYPE)
        except (TypeError, ValueError):
            raise unsupported("this INTERVAL", stream.current.position) from None
    zoned = ANSI_ZONED.fullmatch(text)
    if word == "TIMESTAMP" and zoned:
        # a literal with a zone of its own does not look at the session's
        return Literal(parse_zoned(text, f"{ANSI_TIMESTAMP} TZR", now(), DEFAULT_NLS), ZONED_TYPE)
    picture = ANSI_DATE if word == "DATE" else ANSI_TIMESTAMP
    raw = parse(text, picture, now())
    return Literal(raw, DATE_TYPE if word == "DATE" else ColumnType(Kind.TIMESTAMP, scale=9))


def _call(name: str, position: int, stream: TokenStream, query: QueryParser) -> Expression:
    stream.expect_symbol("(")
    star = stream.accept_symbol("*")
    distinct = stream.accept("DISTINCT")
    arguments: list[Expression] = []
    if name == "EXTRACT" and stream.peek().text == "FROM":
        arguments.append(text_literal(stream.next().text))
        stream.next()
    if not star and not stream.at_symbol(")"):
        arguments.append(expression(stream, query))
        while stream.accept_symbol(","):
            arguments.append(expression(stream, query))
    if name == "TO_NUMBER" and stream.accept("DEFAULT"):
        arguments.append(expression(stream, query))
        stream.expect("ON", "CONVERSION", "ERROR")
        name = LENIENT_NUMBER
    stream.expect_symbol(")")
    if name == "DECODE" and len(arguments) > 2:
        return _decode(arguments)
    if name in ("LAG", "LEAD"):
        return _neighbour(name, arguments, stream, query)
    keep = _keep(stream, query) if stream.accept("KEEP") else ()
    if stream.at("OVER") or stream.at("WITHIN"):
        raise unsupported("analytic functions but LAG and LEAD", position)
    return Call(name, tuple(arguments), distinct, star, position, keep)


def _keep(stream: TokenStream, query: QueryParser) -> tuple[OrderItem, ...]:
    """Parse (DENSE_RANK FIRST|LAST ORDER BY ...); the last ones are the first ones of the opposite order."""
    stream.expect_symbol("(")
    stream.expect("DENSE_RANK")
    is_last = stream.accept("LAST")
    if not is_last:
        stream.expect("FIRST")
    items = order_by(stream, query)
    stream.expect_symbol(")")
    if not is_last:
        return items
    return tuple(OrderItem(item.expression, not item.descending, not item.nulls_first) for item in items)


def _neighbour(name: str, arguments: list[Expression], stream: TokenStream, query: QueryParser) -> Neighbour:
    if not 1 <= len(arguments) <= 3:
        raise OracleError(938 if not arguments else 939, position=stream.current.position)
    defaults: list[Expression] = [Literal(number_from_text("1"), NUMBER_TYPE), NULL]
    value, steps, default = arguments + defaults[len(arguments) - 1 :]
    stream.expect("OVER", code=30484)
    stream.expect_symbol("(")
    partition_by: list[Expression] = []
    if stream.accept("PARTITION", "BY"):
        partition_by.append(expression(stream, query))
        while stream.accept_symbol(","):
            partition_by.append(expression(stream, query))
    items = order_by(stream, query)
    stream.expect_symbol(")", 907)
    if not items:
        raise OracleError(30485, position=stream.current.position)
    return Neighbour(name, value, steps, default, tuple(partition_by), items)


def order_by(stream: TokenStream, query: QueryParser) -> tuple[OrderItem, ...]:
    """Parse ORDER BY, where there is one."""
    items: list[OrderItem] = []
    more = stream.accept("ORDER", "BY")
    while more:
        value = expression(stream, query)
        descending = stream.accept("DESC")
        if not descending:
            stream.accept("ASC")
        nulls_first = descending
        if stream.accept("NULLS", "FIRST"):
            nulls_first = True
        elif stream.accept("NULLS", "LAST"):
            nulls_first = False
        items.append(OrderItem(value, descending, nulls_first))
        more = stream.accept_symbol(",")
    return tuple(items)


def _decode(arguments: list[Expression]) -> Case:
    """DECODE(value, search, result, ..., default): a CASE in which NULL is the same as NULL."""
    value, *rest = arguments
    default = rest.pop() if len(rest) % 2 else NULL
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return Case(tuple((Same(value, search), result) for search, result in pairs), default)


def _cast(stream: TokenStream, query: QueryParser) -> Expression:
    stream.expect("CAST")
    stream.expect_symbol("(")
    value = expression(stream, query)
    stream.expect("AS")
    kind = data_type(stream)
    stream.expect_symbol(")")
    return Cast(value, kind)
