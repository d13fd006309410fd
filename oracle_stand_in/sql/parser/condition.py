"""Conditions."""

from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.parser.expression import CONSTRUCTS, QueryParser, expression
from oracle_stand_in.sql.parser.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.syntax import (
    All,
    Any,
    Case,
    Comparison,
    Condition,
    Exists,
    Expression,
    InList,
    InQuery,
    IsNull,
    Like,
    Literal,
    Not,
)

#: words that stand between a value and what is asked of it
WORDS_OF_CONDITIONS = frozenset(("LIKE", "LIKEC", "IN", "IS", "BETWEEN", "NOT"))
#: what a list of single values holds at most, before Oracle 23ai
MOST_OPTIONS = 1000
COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "^=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def condition(stream: TokenStream, query: QueryParser) -> Condition:
    """Parse a condition: OR, the loosest binding."""
    terms = [_conjunction(stream, query)]
    while stream.accept("OR"):
        terms.append(_conjunction(stream, query))
    return terms[0] if len(terms) == 1 else Any(tuple(terms))


def _conjunction(stream: TokenStream, query: QueryParser) -> Condition:
    terms = [_negation(stream, query)]
    while stream.accept("AND"):
        terms.append(_negation(stream, query))
    return terms[0] if len(terms) == 1 else All(tuple(terms))


def _negation(stream: TokenStream, query: QueryParser) -> Condition:
    if stream.accept("NOT"):
        return Not(_negation(stream, query))
    if stream.at_symbol("(") and not _is_value_in_parentheses(stream):
        stream.next()
        inner = condition(stream, query)
        stream.expect_symbol(")")
        return inner
    return _predicate(stream, query)


def _is_value_in_parentheses(stream: TokenStream) -> bool:
    """Look ahead: does the parenthesis hold a value (or a list of values) rather than a condition?"""
    depth, cases, ahead = 0, 0, 0
    while (token := stream.peek(ahead)).kind is not TokenKind.END:
        if token.kind is TokenKind.WORD and token.text in ("CASE", "END"):
            cases += 1 if token.text == "CASE" else -1
        elif token.kind is TokenKind.SYMBOL and token.text in "()":
            depth += 1 if token.text == "(" else -1
            if depth == 0:
                break
        elif depth == 1 and not cases and (token.text in COMPARISONS or token.text in WORDS_OF_CONDITIONS):
            return token.kind is TokenKind.STRING
        elif depth == 1 and token.text == "SELECT":
            return True
        ahead += 1
    following = stream.peek(ahead + 1)
    is_operator = following.kind is TokenKind.SYMBOL and (following.text in COMPARISONS or following.text in "+-*/||")
    return is_operator or following.text in WORDS_OF_CONDITIONS


def _predicate(stream: TokenStream, query: QueryParser) -> Condition:
    if stream.accept("EXISTS"):
        stream.expect_symbol("(")
        inner = query(stream)
        stream.expect_symbol(")")
        return Exists(inner)
    left = _row(stream, query)
    if stream.accept("IS"):
        negated = stream.accept("NOT")
        stream.expect("NULL", code=908)
        return _maybe_not(IsNull(_single(left, stream)), negated)
    negated = stream.accept("NOT")
    if stream.accept("BETWEEN"):
        value = _single(left, stream)
        low = expression(stream, query)
        stream.expect("AND")
        high = expression(stream, query)
        return _maybe_not(All((Comparison(">=", value, low), Comparison("<=", value, high))), negated)
    if stream.accept("LIKE") or stream.accept("LIKEC"):
        pattern = expression(stream, query)
        escape = expression(stream, query) if stream.accept("ESCAPE") else None
        return _maybe_not(Like(_single(left, stream), pattern, escape), negated)
    if stream.accept("IN"):
        return _maybe_not(_in(left, stream, query), negated)
    token = stream.next()
    if negated or token.kind is not TokenKind.SYMBOL or token.text not in COMPARISONS:
        raise OracleError(920, text="invalid relational operator", position=token.position)
    return Comparison(COMPARISONS[token.text], _single(left, stream), expression(stream, query))


def _maybe_not(inner: Condition, negated: bool) -> Condition:
    return Not(inner) if negated else inner


def _row(stream: TokenStream, query: QueryParser) -> tuple[Expression, ...]:
    """Parse a value, or several in parentheses: (a, b) IN ((1, 2), (3, 4))."""
    if not stream.at_symbol("(") or stream.peek().text in ("SELECT", "WITH"):
        return (expression(stream, query),)
    stream.next()
    values = [expression(stream, query)]
    while stream.accept_symbol(","):
        values.append(expression(stream, query))
    stream.expect_symbol(")")
    return tuple(values) if len(values) > 1 else (expression(stream, query, values[0]),)


def _single(values: tuple[Expression, ...], stream: TokenStream) -> Expression:
    if len(values) > 1:
        raise unsupported("a row of values here", stream.current.position)
    return values[0]


def _in(left: tuple[Expression, ...], stream: TokenStream, query: QueryParser) -> Condition:
    stream.expect_symbol("(")
    if stream.at_any("SELECT", "WITH"):
        inner = query(stream)
        stream.expect_symbol(")")
        return InQuery(_single(left, stream), inner)
    options = [_row(stream, query)]
    while stream.accept_symbol(","):
        options.append(_row(stream, query))
    stream.expect_symbol(")")
    if len(left) == 1:
        if len(options) > MOST_OPTIONS:
            raise OracleError(1795, position=stream.current.position)
        return InList(left[0], tuple(_single(option, stream) for option in options))
    if any(len(option) != len(left) for option in options):
        raise OracleError(947, position=stream.current.position)
    return Any(
        tuple(All(tuple(Comparison("=", a, b) for a, b in zip(left, option, strict=True))) for option in options)
    )


def _case(stream: TokenStream, query: QueryParser) -> Case:
    """Parse CASE in both of its forms."""
    stream.expect("CASE")
    selector = None if stream.at("WHEN") else expression(stream, query)
    branches: list[tuple[Condition, Expression]] = []
    while stream.accept("WHEN"):
        if selector is None:
            test: Condition = condition(stream, query)
        else:
            test = Comparison("=", selector, expression(stream, query))
        stream.expect("THEN")
        branches.append((test, expression(stream, query)))
    default: Expression = expression(stream, query) if stream.accept("ELSE") else Literal(b"", None)
    stream.expect("END")
    return Case(tuple(branches), default)


CONSTRUCTS["CASE"] = _case
