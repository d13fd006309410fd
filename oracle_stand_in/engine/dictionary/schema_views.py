"""Views of what is in the schema: tables, columns, constraints, indexes."""

from collections.abc import Iterator

from oracle_stand_in.data.column_types import MAX_VARCHAR, TIMESTAMPS, Kind
from oracle_stand_in.engine.dictionary.dictionary import Cells, Dictionary, none, owned, view
from oracle_stand_in.engine.storage.table import Table, TableColumn
from oracle_stand_in.sql.evaluation.context import Context


def _tables(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for table in d.tables:
        yield {
            "OWNER": table.schema, "TABLE_NAME": table.name, "TABLESPACE_NAME": "USERS", "STATUS": "VALID",
            "NUM_ROWS": len(table.rows), "TEMPORARY": "Y" if table.is_temporary else "N", "SECONDARY": "N",
            "PARTITIONED": "YES" if table.is_partitioned else "NO",
            "NESTED": "NO", "DROPPED": "NO", "COMPRESSION": "DISABLED", "LOGGING": "YES",
        }  # fmt: skip


owned(
    "TABLES",
    "TABLE_NAME TABLESPACE_NAME CLUSTER_NAME IOT_NAME STATUS LOGGING NUM_ROWS:n PARTITIONED IOT_TYPE TEMPORARY "
    "SECONDARY NESTED DURATION COMPRESSION COMPRESS_FOR DROPPED",
    _tables,
)


def _column(table: Table, number: int, column: TableColumn) -> Cells:
    kind = column.type
    has_scale = kind.kind in TIMESTAMPS or (kind.kind is Kind.NUMBER and not kind.is_decimal_float)
    return {
        "OWNER": table.schema, "TABLE_NAME": table.name, "COLUMN_NAME": column.name, "COLUMN_ID": number,
        "INTERNAL_COLUMN_ID": number, "SEGMENT_COLUMN_ID": number, "DATA_TYPE": kind.dictionary_name,
        "DATA_LENGTH": kind.max_bytes, "DATA_PRECISION": kind.precision,
        "DATA_SCALE": kind.scale if has_scale else None, "NULLABLE": "Y" if column.nullable else "N",
        "CHAR_LENGTH": kind.length if kind.is_text else 0,
        "CHAR_USED": ("C" if kind.in_chars or kind.is_national else "B") if kind.is_text else None,
        "CHARACTER_SET_NAME": ("NCHAR_CS" if kind.is_national else "CHAR_CS") if kind.is_text else None,
        "HIDDEN_COLUMN": "YES" if column.is_invisible else "NO",
        "VIRTUAL_COLUMN": "NO", "DEFAULT_ON_NULL": "NO", "IDENTITY_COLUMN": "NO",
        "USER_GENERATED": "YES",
    }  # fmt: skip


def _tab_columns(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for table in d.tables:
        for number, column in enumerate(table.columns, 1):
            yield _column(table, number, column)


owned(
    "TAB_COLUMNS TAB_COLS",
    "TABLE_NAME COLUMN_NAME DATA_TYPE DATA_TYPE_MOD DATA_TYPE_OWNER DATA_LENGTH:n DATA_PRECISION:n DATA_SCALE:n "
    "NULLABLE:1 COLUMN_ID:n DEFAULT_LENGTH:n DATA_DEFAULT:t NUM_DISTINCT:n CHARACTER_SET_NAME CHAR_COL_DECL_LENGTH:n "
    "CHAR_LENGTH:n CHAR_USED:1 HIDDEN_COLUMN:f VIRTUAL_COLUMN:f SEGMENT_COLUMN_ID:n INTERNAL_COLUMN_ID:n "
    "DEFAULT_ON_NULL:f IDENTITY_COLUMN:f USER_GENERATED:f COLLATION",
    _tab_columns,
)


def _constraints(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for table in d.tables:
        common: dict[str, str] = {
            "OWNER": table.schema, "TABLE_NAME": table.name, "STATUS": "ENABLED", "DEFERRABLE": "NOT DEFERRABLE",
            "DEFERRED": "IMMEDIATE", "VALIDATED": "VALIDATED", "GENERATED": "USER NAME",
        }  # fmt: skip
        if table.primary:
            yield {**common, "CONSTRAINT_NAME": table.primary_name, "CONSTRAINT_TYPE": "P",
                   "INDEX_NAME": table.primary_name}  # fmt: skip
        for unique in table.unique_keys:
            if unique.is_constraint:
                yield {
                    **common, "CONSTRAINT_NAME": unique.name, "CONSTRAINT_TYPE": "P" if unique.is_primary else "U",
                    "DEFERRABLE": "DEFERRABLE" if unique.deferrable else "NOT DEFERRABLE",
                    "DEFERRED": "DEFERRED" if unique.deferred else "IMMEDIATE", "INDEX_NAME": unique.name,
                }  # fmt: skip
        for foreign in table.foreign_keys:
            yield {**common, "CONSTRAINT_NAME": foreign.name, "CONSTRAINT_TYPE": "R", "R_OWNER": table.schema,
                   "R_CONSTRAINT_NAME": foreign.key_name, "DELETE_RULE": "NO ACTION"}  # fmt: skip
        for check in filter(lambda each: each.name, table.checks):
            yield {**common, "CONSTRAINT_NAME": check.name, "CONSTRAINT_TYPE": "C", "SEARCH_CONDITION": check.text,
                   "SEARCH_CONDITION_VC": check.text}  # fmt: skip


view(
    "USER_CONSTRAINTS ALL_CONSTRAINTS DBA_CONSTRAINTS",
    "OWNER CONSTRAINT_NAME CONSTRAINT_TYPE:1 TABLE_NAME SEARCH_CONDITION:t SEARCH_CONDITION_VC:t R_OWNER "
    "R_CONSTRAINT_NAME DELETE_RULE STATUS DEFERRABLE DEFERRED VALIDATED GENERATED BAD RELY INDEX_OWNER INDEX_NAME "
    "INVALID VIEW_RELATED",
    _constraints,
)


def _cons_columns(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for table in d.tables:
        keys = [(table.primary_name, table.primary)]
        keys += [(unique.name, unique.columns) for unique in table.unique_keys if unique.is_constraint]
        keys += [(foreign.name, foreign.columns) for foreign in table.foreign_keys]
        for name, columns in keys:
            for position, column in enumerate(columns, 1):
                yield {
                    "OWNER": table.schema, "CONSTRAINT_NAME": name, "TABLE_NAME": table.name,
                    "COLUMN_NAME": table.columns[column].name, "POSITION": position,
                }  # fmt: skip


view(
    "USER_CONS_COLUMNS ALL_CONS_COLUMNS DBA_CONS_COLUMNS", "OWNER CONSTRAINT_NAME TABLE_NAME COLUMN_NAME POSITION:n",
    _cons_columns,
)  # fmt: skip


def _indexes(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for table in d.tables:
        for index in table.indexes:
            yield {
                "OWNER": table.schema, "INDEX_NAME": index.name, "TABLE_OWNER": table.schema, "TABLE_NAME": table.name,
                "INDEX_TYPE": "FUNCTION-BASED NORMAL" if index.is_functional else "NORMAL", "TABLE_TYPE": "TABLE",
                "UNIQUENESS": "UNIQUE" if index.unique else "NONUNIQUE", "STATUS": "VALID", "COMPRESSION": "DISABLED",
                "TABLESPACE_NAME": "USERS", "VISIBILITY": "VISIBLE", "PARTITIONED": "NO", "GENERATED": "N",
            }  # fmt: skip


owned(
    "INDEXES",
    "INDEX_NAME INDEX_TYPE TABLE_OWNER TABLE_NAME TABLE_TYPE UNIQUENESS COMPRESSION PREFIX_LENGTH:n TABLESPACE_NAME "
    "STATUS VISIBILITY PARTITIONED GENERATED",
    _indexes,
)


def _ind_columns(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for table in d.tables:
        for index in table.indexes:
            for position, column in enumerate(index.columns, 1):
                is_hidden = index.is_functional and table.columns[column].type.kind is Kind.ZONED
                name = f"SYS_NC{len(table.columns) + 1:05}$" if is_hidden else table.columns[column].name
                yield {
                    "INDEX_OWNER": table.schema, "INDEX_NAME": index.name, "TABLE_OWNER": table.schema,
                    "TABLE_NAME": table.name, "COLUMN_NAME": name, "COLUMN_POSITION": position, "DESCEND": "ASC",
                }  # fmt: skip


view("USER_IND_COLUMNS", "INDEX_NAME TABLE_NAME COLUMN_NAME COLUMN_POSITION:n DESCEND", _ind_columns)
view(
    "ALL_IND_COLUMNS DBA_IND_COLUMNS",
    "INDEX_OWNER INDEX_NAME TABLE_OWNER TABLE_NAME COLUMN_NAME COLUMN_POSITION:n DESCEND", _ind_columns,
)  # fmt: skip


def _objects(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for table in d.tables:
        names = [(table.name, "TABLE"), *((index.name, "INDEX") for index in table.indexes)]
        names += [(trigger.name, "TRIGGER") for trigger in table.triggers]
        for name, kind in names:
            yield {"OWNER": table.schema, "OBJECT_NAME": name, "OBJECT_TYPE": kind, "STATUS": "VALID"}


owned("OBJECTS", "OBJECT_NAME OBJECT_TYPE STATUS", _objects)


def _triggers(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for table in d.tables:
        for trigger in table.triggers:
            yield {
                "OWNER": table.schema, "TRIGGER_NAME": trigger.name, "TABLE_OWNER": table.schema,
                "TABLE_NAME": table.name, "BASE_OBJECT_TYPE": "TABLE", "STATUS": "ENABLED",
                "TRIGGER_TYPE": f"{'BEFORE' if trigger.is_before else 'AFTER'} EACH ROW", "TRIGGERING_EVENT": "INSERT",
                "TRIGGER_BODY": trigger.body[:MAX_VARCHAR],
            }  # fmt: skip


owned(
    "TRIGGERS",
    "TRIGGER_NAME TRIGGER_TYPE TRIGGERING_EVENT TABLE_OWNER BASE_OBJECT_TYPE TABLE_NAME STATUS TRIGGER_BODY:t",
    _triggers,
)


def _table_comments(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for table in d.tables:
        yield {"OWNER": table.schema, "TABLE_NAME": table.name, "TABLE_TYPE": "TABLE"}


def _column_comments(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for table in d.tables:
        for column in table.columns:
            yield {"OWNER": table.schema, "TABLE_NAME": table.name, "COLUMN_NAME": column.name}


owned("TAB_COMMENTS", "TABLE_NAME TABLE_TYPE COMMENTS:t", _table_comments)
owned("COL_COMMENTS", "TABLE_NAME COLUMN_NAME COMMENTS:t", _column_comments)


def _grants(d: Dictionary, context: Context) -> Iterator[Cells]:
    """Return rights to tables; who is no DBA sees those that concern him. All are the owner's, also if a DBA grants."""
    for table in (table for catalog in d.names.schemas for table in catalog.tables.values()):
        for user, privilege in ((user, each) for user, rights in table.grants.items() for each in sorted(rights)):
            if d.reach == "DBA" or context.user in (user, table.schema):
                yield {
                    "GRANTEE": user, "OWNER": table.schema, "TABLE_SCHEMA": table.schema, "TABLE_NAME": table.name,
                    "GRANTOR": table.schema, "PRIVILEGE": privilege, "GRANTABLE": "NO",
                }  # fmt: skip


view("USER_TAB_PRIVS DBA_TAB_PRIVS", "GRANTEE OWNER TABLE_NAME GRANTOR PRIVILEGE GRANTABLE", _grants)
view("ALL_TAB_PRIVS", "GRANTOR GRANTEE TABLE_SCHEMA TABLE_NAME PRIVILEGE GRANTABLE", _grants)


def _views(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for owner, name, alias in d.aliases:
        if alias.is_view:
            text = f"SELECT * FROM {alias.target.name}"  # noqa: S608 - shown, and run by nobody
            yield {"OWNER": owner, "VIEW_NAME": name, "TEXT": text, "TEXT_VC": text, "READ_ONLY": "N"}


def _synonyms(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for owner, name, alias in d.aliases:
        if not alias.is_view:
            yield {
                "OWNER": owner, "SYNONYM_NAME": name, "TABLE_OWNER": alias.target.schema or owner,
                "TABLE_NAME": alias.target.name,
            }  # fmt: skip


owned("VIEWS", "VIEW_NAME TEXT:t TEXT_VC:t READ_ONLY:f", _views)
owned("SYNONYMS", "SYNONYM_NAME TABLE_OWNER TABLE_NAME DB_LINK", _synonyms)
# what there is none of here, for those who ask
owned("MVIEWS", "MVIEW_NAME CONTAINER_NAME QUERY:t", none)
owned("MVIEW_COMMENTS", "MVIEW_NAME COMMENTS:t", none)
owned("DB_LINKS", "DB_LINK USERNAME HOST", none)
owned("TAB_IDENTITY_COLS", "TABLE_NAME COLUMN_NAME GENERATION_TYPE SEQUENCE_NAME IDENTITY_OPTIONS", none)
owned("PROCEDURES", "OBJECT_NAME PROCEDURE_NAME OBJECT_TYPE", none)
owned("SOURCE", "NAME TYPE LINE:n TEXT:t", none)
owned("TYPES", "TYPE_NAME TYPECODE ATTRIBUTES:n", none)
view("USER_SEQUENCES", "SEQUENCE_NAME MIN_VALUE:n MAX_VALUE:n INCREMENT_BY:n LAST_NUMBER:n", none)
view("ALL_SEQUENCES", "SEQUENCE_OWNER SEQUENCE_NAME MIN_VALUE:n MAX_VALUE:n INCREMENT_BY:n LAST_NUMBER:n", none)
view(
    "ALL_IND_EXPRESSIONS USER_IND_EXPRESSIONS",
    "INDEX_OWNER INDEX_NAME TABLE_OWNER TABLE_NAME COLUMN_EXPRESSION:t COLUMN_POSITION:n", none,
)  # fmt: skip
