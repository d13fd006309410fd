"""CREATE, DROP, TRUNCATE and ALTER of tables and indexes."""

from oracle_stand_in.data.rows import MOST_COLUMNS
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.parser.constraint import at_constraint, constraint, names, storage
from oracle_stand_in.sql.parser.expression import expression
from oracle_stand_in.sql.parser.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.parser.query import query, table_ref
from oracle_stand_in.sql.parser.type_name import data_type
from oracle_stand_in.sql.statements import (
    ColumnDef,
    Constraint,
    CreateAlias,
    CreateIndex,
    CreateTable,
    Ddl,
    DropAlias,
    DropIndex,
    DropTable,
    DropTrigger,
    RangePartition,
    RenameColumn,
    RenameTable,
    TruncateTable,
)
from oracle_stand_in.sql.syntax import Expression


def create(stream: TokenStream) -> Ddl:
    """Parse CREATE TABLE or CREATE INDEX."""
    stream.expect("CREATE")
    if stream.accept("TABLE"):
        return _create_table(stream)
    if stream.accept("GLOBAL", "TEMPORARY", "TABLE"):
        return _create_table(stream, is_temporary=True)
    replaces = stream.accept("OR", "REPLACE")
    if stream.at_any("VIEW", "SYNONYM"):
        return _create_alias(stream, replaces=replaces)
    unique = stream.accept("UNIQUE")
    if stream.accept("INDEX"):
        return _create_index(stream, unique)
    raise unsupported(f"CREATE {stream.current.text}", stream.current.position)


def drop(stream: TokenStream) -> Ddl:
    """Parse DROP TABLE, DROP INDEX or DROP TRIGGER."""
    stream.expect("DROP")
    if stream.accept("TABLE"):
        if_exists = stream.accept("IF", "EXISTS")
        table = table_ref(stream)
        cascade = stream.accept("CASCADE", "CONSTRAINTS")
        stream.accept("PURGE")
        return DropTable(table, if_exists, cascade)
    if stream.at_any("VIEW", "SYNONYM"):
        is_view = stream.next().text == "VIEW"
        return DropAlias(table_ref(stream), is_view)
    if stream.accept("INDEX"):
        index = table_ref(stream)
        return DropIndex(index.name, index.schema)
    if stream.accept("TRIGGER"):
        trigger = table_ref(stream)
        return DropTrigger(trigger.name, trigger.schema)
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


def _create_table(stream: TokenStream, *, is_temporary: bool = False) -> CreateTable:
    if stream.at("IF"):
        raise unsupported("CREATE TABLE IF NOT EXISTS", stream.current.position)
    table = table_ref(stream)
    columns: list[ColumnDef] = []
    constraints: list[Constraint] = []
    stream.expect_symbol("(", 906)
    while True:
        if at_constraint(stream):
            constraints.append(constraint(stream, None))
        else:
            columns.append(_column(stream, constraints))
        if not stream.accept_symbol(","):
            break
    if len(columns) > MOST_COLUMNS:
        raise OracleError(1792, position=table.position)
    stream.expect_symbol(")")
    if is_temporary and stream.accept("ON", "COMMIT") and not stream.accept("DELETE", "ROWS"):
        raise unsupported(f"ON COMMIT {stream.current.text}", stream.current.position)
    storage(stream)
    partition = _partition(stream) if stream.accept("PARTITION", "BY") else None
    storage(stream)
    return CreateTable(table, tuple(columns), tuple(constraints), partition, is_temporary)


def _create_alias(stream: TokenStream, *, replaces: bool) -> CreateAlias:
    """Parse VIEW name AS SELECT * FROM table, or SYNONYM name FOR table."""
    is_view = stream.next().text == "VIEW"
    name = table_ref(stream)
    if not is_view:
        stream.expect("FOR")
        return CreateAlias(name, table_ref(stream), is_view, replaces)
    stream.expect("AS", "SELECT")
    if not (stream.accept_symbol("*") and stream.accept("FROM")):
        raise unsupported("CREATE VIEW of more than SELECT * FROM a table", stream.current.position)
    return CreateAlias(name, table_ref(stream), is_view, replaces)


def _partition(stream: TokenStream) -> RangePartition:
    """Parse RANGE (column) [INTERVAL (...)] (PARTITION name VALUES LESS THAN (...), ...)."""
    stream.expect("RANGE", code=900)
    columns = names(stream)
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
        storage(stream)
        if not stream.accept_symbol(","):
            break
    stream.expect_symbol(")")
    return RangePartition(columns[0], None if grows else end)


def _column(stream: TokenStream, constraints: list[Constraint]) -> ColumnDef:
    name = stream.name(904)
    kind = data_type(stream)
    default: Expression | None = None
    not_null = on_null = is_invisible = False
    while not (stream.at_symbol(",") or stream.at_symbol(")") or stream.current.kind is TokenKind.END):
        if stream.accept("DEFAULT"):
            on_null = stream.accept("ON", "NULL")
            default = expression(stream, query)
        elif stream.accept("NOT", "NULL"):
            not_null = True
        elif stream.accept("NULL"):
            pass
        elif stream.accept("INVISIBLE"):
            is_invisible = True
        elif stream.at("CONSTRAINT") and stream.peek(2).text == "NOT":
            stream.next()
            stream.name()
        else:
            constraints.append(constraint(stream, name))
    return ColumnDef(name, kind, default, not_null or on_null, on_null, is_invisible)


def _create_index(stream: TokenStream, unique: bool) -> CreateIndex:
    name = table_ref(stream).name
    stream.expect("ON")
    table = table_ref(stream)
    columns = names(stream)
    storage(stream)
    return CreateIndex(name, table, columns, unique)
