"""CREATE, DROP, TRUNCATE and ALTER of tables and indexes."""

from oracle_stand_in.data.rows import MOST_COLUMNS
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.parser.condition import condition
from oracle_stand_in.sql.parser.expression import expression
from oracle_stand_in.sql.parser.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.parser.query import query, table_ref
from oracle_stand_in.sql.parser.type_name import data_type
from oracle_stand_in.sql.statements import (
    CheckDef,
    ColumnDef,
    CreateIndex,
    CreateTable,
    Ddl,
    DropIndex,
    DropTable,
    KeyDef,
    RangePartition,
    RenameColumn,
    RenameTable,
    TruncateTable,
)
from oracle_stand_in.sql.syntax import Expression

#: words of the storage clause, which means nothing in memory; a number or a name may follow each
STORAGE_WITH_VALUE = frozenset(("TABLESPACE", "PCTFREE", "PCTUSED", "INITRANS", "MAXTRANS", "COMPRESS", "PARALLEL"))
STORAGE_ALONE = frozenset((
    "LOGGING", "NOLOGGING", "NOCOMPRESS", "NOPARALLEL", "ONLINE", "LOCAL", "REVERSE", "SEGMENT", "CREATION",
    "IMMEDIATE", "DEFERRED", "ENABLE", "VALIDATE", "CACHE", "NOCACHE", "ORGANIZATION", "INDEX",
))  # fmt: skip


def create(stream: TokenStream) -> Ddl:
    """Parse CREATE TABLE or CREATE INDEX."""
    stream.expect("CREATE")
    if stream.accept("TABLE"):
        return _create_table(stream)
    unique = stream.accept("UNIQUE")
    if stream.accept("INDEX"):
        return _create_index(stream, unique)
    raise unsupported(f"CREATE {stream.current.text}", stream.current.position)


def drop(stream: TokenStream) -> Ddl:
    """Parse DROP TABLE or DROP INDEX."""
    stream.expect("DROP")
    if stream.accept("TABLE"):
        if_exists = stream.accept("IF", "EXISTS")
        table = table_ref(stream)
        stream.accept("CASCADE", "CONSTRAINTS")
        stream.accept("PURGE")
        return DropTable(table, if_exists)
    if stream.accept("INDEX"):
        return DropIndex(table_ref(stream).name)
    raise unsupported(f"DROP {stream.current.text}", stream.current.position)


def truncate(stream: TokenStream) -> Ddl:
    """Parse TRUNCATE TABLE."""
    stream.expect("TRUNCATE")
    stream.expect("TABLE")
    table = table_ref(stream)
    for words in (("DROP", "STORAGE"), ("REUSE", "STORAGE")):
        stream.accept(*words)
    return TruncateTable(table)


def alter_table(stream: TokenStream) -> Ddl:
    """Parse ALTER TABLE ... RENAME."""
    table = table_ref(stream)
    if stream.accept("RENAME", "TO"):
        return RenameTable(table, stream.name())
    if stream.accept("RENAME", "COLUMN"):
        column = stream.name(904)
        stream.expect("TO")
        return RenameColumn(table, column, stream.name(904))
    raise unsupported(f"ALTER TABLE ... {stream.current.text}", stream.current.position)


def _create_table(stream: TokenStream) -> CreateTable:
    if stream.at("IF"):
        raise unsupported("CREATE TABLE IF NOT EXISTS", stream.current.position)
    table = table_ref(stream)
    columns: list[ColumnDef] = []
    keys: list[KeyDef] = []
    checks: list[CheckDef] = []
    stream.expect_symbol("(", 906)
    while True:
        if _at_table_constraint(stream):
            _constraint(stream, None, keys, checks)
        else:
            columns.append(_column(stream, keys, checks))
        if not stream.accept_symbol(","):
            break
    if len(columns) > MOST_COLUMNS:
        raise OracleError(1792, position=table.position)
    stream.expect_symbol(")")
    _storage(stream)
    partition = _partition(stream) if stream.accept("PARTITION", "BY") else None
    _storage(stream)
    return CreateTable(table, tuple(columns), tuple(keys), tuple(checks), partition)


def _partition(stream: TokenStream) -> RangePartition:
    """Parse RANGE (column) [INTERVAL (...)] (PARTITION name VALUES LESS THAN (...), ...)."""
    stream.expect("RANGE", code=900)
    columns = _names(stream)
    if len(columns) > 1:
        raise unsupported("partitions by several columns", stream.current.position)
    grows = stream.accept("INTERVAL")
    if grows:
        stream.expect_symbol("(")
        expression(stream, query)
        stream.expect_symbol(")")
    stream.expect_symbol("(")
    end: Expression | None = None
    while True:
        stream.expect("PARTITION")
        if stream.at_name() and not stream.at("VALUES"):
            stream.name()
        for word in ("VALUES", "LESS", "THAN"):
            stream.expect(word)
        stream.expect_symbol("(")
        end = None if stream.accept("MAXVALUE") else expression(stream, query)
        stream.expect_symbol(")")
        _storage(stream)
        if not stream.accept_symbol(","):
            break
    stream.expect_symbol(")")
    return RangePartition(columns[0], None if grows else end)


def _at_table_constraint(stream: TokenStream) -> bool:
    following = stream.peek().text
    return (
        stream.at("CONSTRAINT")
        or stream.at("PRIMARY", "KEY")
        or stream.at("FOREIGN", "KEY")
        or (stream.at("UNIQUE") and following == "(")
        or (stream.at("CHECK") and following == "(")
    )


def _column(stream: TokenStream, keys: list[KeyDef], checks: list[CheckDef]) -> ColumnDef:
    name = stream.name(904)
    kind = data_type(stream)
    default: Expression | None = None
    not_null = False
    while not (stream.at_symbol(",") or stream.at_symbol(")") or stream.current.kind is TokenKind.END):
        if stream.accept("DEFAULT"):
            default = expression(stream, query)
        elif stream.accept("NOT", "NULL"):
            not_null = True
        elif stream.accept("NULL"):
            pass
        elif stream.at("CONSTRAINT") and stream.peek(2).text == "NOT":
            stream.next()
            stream.name()
        else:
            _constraint(stream, name, keys, checks)
    return ColumnDef(name, kind, default, not_null)


def _constraint(stream: TokenStream, column: str | None, keys: list[KeyDef], checks: list[CheckDef]) -> None:
    """Parse a constraint; with `column` it is inline, without the columns are listed."""
    name = stream.name() if stream.accept("CONSTRAINT") else None
    position = stream.current.position
    if stream.accept("PRIMARY", "KEY") or stream.at("UNIQUE"):
        primary = not stream.accept("UNIQUE")
        columns = (column,) if column else _names(stream)
        deferrable, deferred = _deferrable(stream)
        _using_index(stream)
        if not deferrable:
            deferrable, deferred = _deferrable(stream)
        keys.append(KeyDef(columns, primary, name, deferrable, deferred))
    elif stream.accept("CHECK"):
        stream.expect_symbol("(", 906)
        start = stream.current.position
        checked = condition(stream, query)
        text = stream.sql[start : stream.tokens[stream.index - 1].end]
        stream.expect_symbol(")")
        checks.append(CheckDef(checked, text, name))
    else:
        raise unsupported(f"{stream.current.text} in CREATE TABLE", position)
    stream.accept("ENABLE")
    stream.accept("VALIDATE")


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


def _using_index(stream: TokenStream) -> None:
    if stream.accept("USING", "INDEX"):
        _storage(stream)


def _names(stream: TokenStream) -> tuple[str, ...]:
    stream.expect_symbol("(", 906)
    names = [_key_column(stream)]
    while stream.accept_symbol(","):
        names.append(_key_column(stream))
    stream.expect_symbol(")")
    return tuple(names)


def _key_column(stream: TokenStream) -> str:
    name = stream.name(904)
    if stream.at_symbol("("):
        raise unsupported("indexes on expressions", stream.current.position)
    if not stream.accept("ASC"):
        stream.accept("DESC")
    return name


def _create_index(stream: TokenStream, unique: bool) -> CreateIndex:
    name = table_ref(stream).name
    stream.expect("ON")
    table = table_ref(stream)
    columns = _names(stream)
    _storage(stream)
    return CreateIndex(name, table, columns, unique)


def _storage(stream: TokenStream) -> None:
    """Skip the storage clause. Raises: OracleError: something in it is not of this kind."""
    while stream.current.kind is TokenKind.WORD and not (_at_table_constraint(stream) or stream.at("PARTITION")):
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
