"""SELECT."""

import re
from dataclasses import replace

from oracle_stand_in.data.values import number_from_text
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.parser.condition import condition
from oracle_stand_in.sql.parser.expression import expression, order_by
from oracle_stand_in.sql.parser.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.syntax import (
    All,
    Compound,
    Condition,
    Expression,
    Join,
    Literal,
    Name,
    Query,
    QueryRef,
    Select,
    SelectItem,
    Source,
    TableRef,
)

#: words that end a table or a select item, so that they are no alias
CLAUSES = frozenset((
    "WHERE", "GROUP", "ORDER", "HAVING", "FETCH", "OFFSET", "ON", "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS",
    "NATURAL", "UNION", "MINUS", "INTERSECT", "FROM", "CONNECT", "START", "FOR", "SET", "VALUES", "AND", "OR",
    "USING", "EXCEPT",
))  # fmt: skip
ONE_ROW = "DUAL"


def query(stream: TokenStream) -> Query:
    """Parse a query with its set operators up to where it ends; the caller checks what follows."""
    if stream.accept("WITH"):
        _named_queries(stream)
    parts: list[tuple[str, Select]] = [("", _part(stream))]
    while operator := _set_operator(stream):
        parts.append((operator, _part(stream)))
    ordered = order_by(stream, query)
    offset, fetch = _limits(stream)
    for word in ("CONNECT", "FOR", "MODEL", "MATCH_RECOGNIZE"):
        if stream.at(word):
            raise unsupported(word, stream.current.position)
    first = parts[0][1]
    if len(parts) > 1:
        return Compound(tuple(parts), ordered, offset, fetch)
    if not ordered and offset is None and fetch is None:
        return first
    if first.order_by or first.fetch is not None or first.offset is not None:
        raise unsupported("ORDER BY behind a query in parentheses that has one", stream.current.position)
    return replace(first, order_by=ordered, offset=offset, fetch=fetch)


def _named_queries(stream: TokenStream) -> None:
    """Parse WITH name AS (query), ...: each name stands for its query from here on."""
    while True:
        name = stream.name()
        if stream.at_symbol("("):
            raise unsupported("columns in WITH", stream.current.position)
        stream.expect("AS")
        stream.expect_symbol("(", 906)
        stream.named_queries[name] = query(stream)
        stream.expect_symbol(")")
        if not stream.accept_symbol(","):
            return


def _set_operator(stream: TokenStream) -> str:
    for word in ("UNION", "INTERSECT", "MINUS", "EXCEPT"):
        if stream.accept(word):
            operator = "MINUS" if word == "EXCEPT" else word
            return f"{operator} ALL" if stream.accept("ALL") else operator
    return ""


def _part(stream: TokenStream) -> Select:
    """Parse one query of those that set operators join, which may be in parentheses."""
    if not stream.accept_symbol("("):
        return _select(stream)
    inner = query(stream)
    stream.expect_symbol(")")
    if isinstance(inner, Select):
        return inner
    return Select((SelectItem(None, "*"),), (QueryRef(inner, ""),))


def _select(stream: TokenStream) -> Select:
    stream.expect("SELECT", code=900)
    distinct = stream.accept("DISTINCT") or stream.accept("UNIQUE")
    stream.accept("ALL")
    items = [_item(stream)]
    while stream.accept_symbol(","):
        items.append(_item(stream))
    conditions: list[Condition] = []
    sources: list[Source] = [TableRef(ONE_ROW, ONE_ROW)]
    if stream.accept("FROM"):
        sources = _sources(stream, conditions)
    elif not (stream.current.kind is TokenKind.END or stream.at_symbol(")") or stream.at_any("UNION", "MINUS")):
        raise OracleError(923, position=stream.current.position)
    if stream.accept("WHERE"):
        conditions.append(condition(stream, query))
    group_by: tuple[Expression, ...] = ()
    having = None
    if stream.accept("GROUP", "BY"):
        group_by = _expressions(stream)
    if stream.accept("HAVING"):
        having = condition(stream, query)
    where = None if not conditions else conditions[0] if len(conditions) == 1 else All(tuple(conditions))
    return Select(tuple(items), tuple(sources), distinct, where, group_by, having)


def _expressions(stream: TokenStream) -> tuple[Expression, ...]:
    found = [expression(stream, query)]
    while stream.accept_symbol(","):
        found.append(expression(stream, query))
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
    value = expression(stream, query)
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


def _sources(stream: TokenStream, conditions: list[Condition]) -> list[Source]:
    sources = [_source(stream)]
    while True:
        if stream.accept_symbol(",") or stream.accept("CROSS", "JOIN"):
            sources.append(_source(stream))
        elif stream.accept("JOIN") or stream.accept("INNER", "JOIN"):
            sources.append(_source(stream))
            conditions.append(_on(stream))
        elif stream.at_any("LEFT", "RIGHT", "FULL"):
            kind = stream.next().text
            stream.accept("OUTER")
            stream.expect("JOIN")
            right = _source(stream)
            if len(sources) > 1:
                sources = [_joined(sources, conditions)]
                conditions.clear()
            sources = [Join(kind, sources[0], right, _on(stream))]
        elif stream.at("NATURAL"):
            raise unsupported("natural joins", stream.current.position)
        else:
            return sources


def _joined(sources: list[Source], conditions: list[Condition]) -> Source:
    """Return the inner join before an outer one as one source: all of its columns keep their tables' names."""
    joined = sources[0]
    for place, source in enumerate(sources[1:], 1):
        is_last = place == len(sources) - 1
        joined = Join("INNER", joined, source, All(tuple(conditions)) if is_last else All(()))
    return joined


def _on(stream: TokenStream) -> Condition:
    if not stream.accept("ON"):
        raise unsupported("JOIN without ON", stream.current.position)
    return condition(stream, query)


def _source(stream: TokenStream) -> Source:
    if stream.accept_symbol("("):
        inner = query(stream)
        stream.expect_symbol(")")
        return QueryRef(inner, _alias(stream) or "")
    table = table_ref(stream)
    alias = _alias(stream)
    if table.schema is None and table.name in stream.named_queries:
        return QueryRef(stream.named_queries[table.name], alias or table.name)
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


def _limits(stream: TokenStream) -> tuple[Expression | None, Expression | None]:
    offset: Expression | None = None
    fetch: Expression | None = None
    if stream.accept("OFFSET"):
        offset = expression(stream, query)
        if not stream.accept("ROWS"):
            stream.expect("ROW")
    if stream.accept("FETCH"):
        if not stream.accept("FIRST"):
            stream.expect("NEXT")
        one = Literal(number_from_text("1"), None)
        fetch = one if stream.at("ROW") or stream.at("ROWS") else expression(stream, query)
        if stream.at("PERCENT"):
            raise unsupported("FETCH ... PERCENT", stream.current.position)
        if not stream.accept("ROWS"):
            stream.expect("ROW")
        stream.expect("ONLY")
    return offset, fetch
