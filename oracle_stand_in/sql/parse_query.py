"""SELECT."""

import re

from oracle_stand_in.data.values import number_from_text
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.parse_condition import condition
from oracle_stand_in.sql.parse_expression import expression
from oracle_stand_in.sql.syntax import (
    All,
    Condition,
    Expression,
    Literal,
    Name,
    OrderItem,
    QueryRef,
    Select,
    SelectItem,
    TableRef,
)

#: words that end a table or a select item, so that they are no alias
CLAUSES = frozenset((
    "WHERE", "GROUP", "ORDER", "HAVING", "FETCH", "OFFSET", "ON", "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS",
    "NATURAL", "UNION", "MINUS", "INTERSECT", "FROM", "CONNECT", "START", "FOR", "SET", "VALUES", "AND", "OR",
    "USING",
))  # fmt: skip
ONE_ROW = "DUAL"


def select(stream: TokenStream) -> Select:
    """Parse a query up to where it ends; the caller checks what follows."""
    stream.expect("SELECT", code=900)
    distinct = stream.accept("DISTINCT") or stream.accept("UNIQUE")
    stream.accept("ALL")
    items = [_item(stream)]
    while stream.accept_symbol(","):
        items.append(_item(stream))
    conditions: list[Condition] = []
    sources: list[TableRef | QueryRef] = [TableRef(ONE_ROW, ONE_ROW)]
    if stream.accept("FROM"):
        sources = _sources(stream, conditions)
    elif stream.current.kind is not TokenKind.END and not stream.at_symbol(")"):
        raise OracleError(923, position=stream.current.position)
    if stream.accept("WHERE"):
        conditions.append(condition(stream, select))
    group_by: tuple[Expression, ...] = ()
    having = None
    if stream.accept("GROUP", "BY"):
        group_by = _expressions(stream)
    if stream.accept("HAVING"):
        having = condition(stream, select)
    order_by = _order_by(stream)
    offset, fetch = _limits(stream)
    for word in ("UNION", "MINUS", "INTERSECT", "CONNECT", "FOR"):
        if stream.at(word):
            raise unsupported(word, stream.current.position)
    where = None if not conditions else conditions[0] if len(conditions) == 1 else All(tuple(conditions))
    return Select(
        tuple(items), tuple(sources), distinct, where, group_by, having, tuple(order_by), offset=offset, fetch=fetch
    )


def _expressions(stream: TokenStream) -> tuple[Expression, ...]:
    found = [expression(stream, select)]
    while stream.accept_symbol(","):
        found.append(expression(stream, select))
    return tuple(found)


def _item(stream: TokenStream) -> SelectItem:
    if stream.accept_symbol("*"):
        return SelectItem(None, "*")
    if stream.at_name() and stream.peek(1).text == "." and stream.peek(2).text == "*":
        qualifier = stream.name()
        stream.next()
        stream.next()
        return SelectItem(None, "*", qualifier)
    start = stream.current.position
    value = expression(stream, select)
    text = stream.sql[start : stream.tokens[stream.index - 1].end]
    name = value.name if isinstance(value, Name) else _implicit_name(text)
    if stream.accept("AS"):
        name = stream.name(923)
    elif stream.at_name() and (stream.current.kind is TokenKind.QUOTED or stream.current.text not in CLAUSES):
        name = stream.name()
    return SelectItem(value, name)


def _implicit_name(text: str) -> str:
    """Return the name of a column without alias: its text in upper case without blanks, strings excepted."""
    parts = re.split(r"('(?:[^']|'')*')", text)
    return "".join(part if part.startswith("'") else re.sub(r"\s+", "", part).upper() for part in parts)


def _sources(stream: TokenStream, conditions: list[Condition]) -> list[TableRef | QueryRef]:
    sources = [_source(stream)]
    while True:
        if stream.accept_symbol(",") or stream.accept("CROSS", "JOIN"):
            sources.append(_source(stream))
        elif stream.accept("JOIN") or stream.accept("INNER", "JOIN"):
            sources.append(_source(stream))
            if not stream.at("ON"):
                raise unsupported("JOIN without ON", stream.current.position)
            stream.next()
            conditions.append(condition(stream, select))
        elif stream.at("LEFT") or stream.at("RIGHT") or stream.at("FULL") or stream.at("NATURAL"):
            raise unsupported("outer and natural joins", stream.current.position)
        else:
            return sources


def _source(stream: TokenStream) -> TableRef | QueryRef:
    if stream.accept_symbol("("):
        inner = select(stream)
        stream.expect_symbol(")")
        return QueryRef(inner, _alias(stream) or "")
    table = table_ref(stream)
    alias = _alias(stream)
    return TableRef(table.name, alias or table.name, table.schema, table.position)


def _alias(stream: TokenStream) -> str | None:
    if stream.at_name() and (stream.current.kind is TokenKind.QUOTED or stream.current.text not in CLAUSES):
        return stream.name()
    return None


def table_ref(stream: TokenStream) -> TableRef:
    """Parse [schema.]table without an alias."""
    position = stream.current.position
    name = stream.name()
    if stream.accept_symbol("."):
        schema, name = name, stream.name()
        return TableRef(name, name, schema, position)
    return TableRef(name, name, None, position)


def _order_by(stream: TokenStream) -> list[OrderItem]:
    if not stream.accept("ORDER", "BY"):
        return []
    items = []
    while True:
        value = expression(stream, select)
        descending = stream.accept("DESC")
        if not descending:
            stream.accept("ASC")
        nulls_first = descending
        if stream.accept("NULLS", "FIRST"):
            nulls_first = True
        elif stream.accept("NULLS", "LAST"):
            nulls_first = False
        items.append(OrderItem(value, descending, nulls_first))
        if not stream.accept_symbol(","):
            return items


def _limits(stream: TokenStream) -> tuple[Expression | None, Expression | None]:
    offset: Expression | None = None
    fetch: Expression | None = None
    if stream.accept("OFFSET"):
        offset = expression(stream, select)
        if not stream.accept("ROWS"):
            stream.expect("ROW")
    if stream.accept("FETCH"):
        if not stream.accept("FIRST"):
            stream.expect("NEXT")
        one = Literal(number_from_text("1"), None)
        fetch = one if stream.at("ROW") or stream.at("ROWS") else expression(stream, select)
        if stream.at("PERCENT"):
            raise unsupported("FETCH ... PERCENT", stream.current.position)
        if not stream.accept("ROWS"):
            stream.expect("ROW")
        stream.expect("ONLY")
    return offset, fetch
