"""Constraints of a table, and the storage clause that their indexes may have."""

from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.parser.condition import condition
from oracle_stand_in.sql.parser.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.parser.query import query, table_ref
from oracle_stand_in.sql.statements import CheckDef, Constraint, ForeignKeyDef, KeyDef

#: words of the storage clause, which means nothing in memory; a number or a name may follow each
STORAGE_WITH_VALUE = frozenset(("TABLESPACE", "PCTFREE", "PCTUSED", "INITRANS", "MAXTRANS", "COMPRESS", "PARALLEL"))
STORAGE_ALONE = frozenset((
    "LOGGING", "NOLOGGING", "NOCOMPRESS", "NOPARALLEL", "ONLINE", "LOCAL", "REVERSE", "SEGMENT", "CREATION",
    "IMMEDIATE", "DEFERRED", "ENABLE", "VALIDATE", "CACHE", "NOCACHE", "ORGANIZATION", "INDEX",
))  # fmt: skip


def at_constraint(stream: TokenStream) -> bool:
    """Whether a constraint of the table comes next, rather than a column."""
    following = stream.peek().text
    return (
        stream.at("CONSTRAINT")
        or stream.at("PRIMARY", "KEY")
        or stream.at("FOREIGN", "KEY")
        or (stream.at("UNIQUE") and following == "(")
        or (stream.at("CHECK") and following == "(")
    )


def constraint(stream: TokenStream, column: str | None) -> Constraint:
    """Parse a constraint; with `column` it is inline, without the columns are listed."""
    name = stream.name() if stream.accept("CONSTRAINT") else None
    position = stream.current.position
    if stream.accept("PRIMARY", "KEY") or stream.at("UNIQUE"):
        found: Constraint = _key(stream, column, name)
    elif stream.accept("CHECK"):
        found = _check(stream, name)
    elif column is None and stream.accept("FOREIGN", "KEY"):
        found = _foreign_key(stream, names(stream), name)
    elif column is not None and stream.at("REFERENCES"):
        found = _foreign_key(stream, (column,), name)
    else:
        raise unsupported(f"{stream.current.text} in CREATE TABLE", position)
    stream.accept("ENABLE")
    stream.accept("VALIDATE")
    return found


def _key(stream: TokenStream, column: str | None, name: str | None) -> KeyDef:
    primary = not stream.accept("UNIQUE")
    columns = (column,) if column else names(stream)
    deferrable, deferred = _deferrable(stream)
    if stream.accept("USING", "INDEX"):
        storage(stream)
    if not deferrable:
        deferrable, deferred = _deferrable(stream)
    return KeyDef(columns, primary, name, deferrable, deferred)


def _check(stream: TokenStream, name: str | None) -> CheckDef:
    stream.expect_symbol("(", 906)
    start = stream.current.position
    checked = condition(stream, query)
    text = stream.sql[start : stream.tokens[stream.index - 1].end]
    stream.expect_symbol(")")
    return CheckDef(checked, text, name)


def _foreign_key(stream: TokenStream, columns: tuple[str, ...], name: str | None) -> ForeignKeyDef:
    stream.expect("REFERENCES")
    parent = table_ref(stream)
    parent_columns = names(stream) if stream.at_symbol("(") else None
    if stream.at("ON", "DELETE"):
        # ON is not consumed: what follows says what it would have been
        raise unsupported(f"ON DELETE {stream.peek(2).text}", stream.current.position)
    if _deferrable(stream)[0]:
        raise unsupported("foreign keys that are checked at the commit", stream.current.position)
    return ForeignKeyDef(columns, parent, parent_columns, name)


def _deferrable(stream: TokenStream) -> tuple[bool, bool]:
    """Parse when a constraint is checked: whether it may be at the commit, and whether it is."""
    if stream.accept("NOT", "DEFERRABLE"):
        return False, False
    deferred = stream.accept("INITIALLY", "DEFERRED")
    if not deferred:
        stream.accept("INITIALLY", "IMMEDIATE")
    if not stream.accept("DEFERRABLE"):
        return deferred, deferred
    if stream.accept("INITIALLY", "DEFERRED"):
        return True, True
    stream.accept("INITIALLY", "IMMEDIATE")
    return True, deferred


def names(stream: TokenStream) -> tuple[str, ...]:
    """Parse the columns of a key or an index, in parentheses."""
    stream.expect_symbol("(", 906)
    found = [_key_column(stream)]
    while stream.accept_symbol(","):
        found.append(_key_column(stream))
    stream.expect_symbol(")")
    return tuple(found)


def _key_column(stream: TokenStream) -> str:
    name = stream.name(904)
    if stream.at_symbol("("):
        raise unsupported("indexes on expressions", stream.current.position)
    if not stream.accept("ASC"):
        stream.accept("DESC")
    return name


def storage(stream: TokenStream) -> None:
    """Skip the storage clause. Raises: OracleError: something in it is not of this kind."""
    while stream.current.kind is TokenKind.WORD and not (at_constraint(stream) or stream.at("PARTITION")):
        word = stream.next()
        if word.text == "STORAGE" and stream.accept_symbol("("):
            while not (stream.accept_symbol(")") or stream.at_end):
                stream.next()
        elif word.text in STORAGE_WITH_VALUE:
            following = stream.current
            is_option = following.text in STORAGE_WITH_VALUE or following.text in STORAGE_ALONE
            if following.kind is TokenKind.NUMBER or (stream.at_name() and not is_option):
                stream.next()
        elif word.text not in STORAGE_ALONE:
            raise OracleError(922, text="missing or invalid option", position=word.position)
