"""The data dictionary: views worked out from the catalog whenever they are asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from oracle_stand_in.data.column_types import NUMBER_TYPE, TIMESTAMPS, Column, ColumnType, Kind, varchar
from oracle_stand_in.data.rows import Row
from oracle_stand_in.data.values import encode_number
from oracle_stand_in.engine.catalog import Catalog
from oracle_stand_in.flavour import Flavour

NAME = varchar(128)
TEXT = varchar(4000)

#: what a view's column can hold before it is encoded
Cell = str | int | None


@dataclass(frozen=True)
class Dictionary:
    """What the views are worked out from."""

    catalog: Catalog
    flavour: Flavour


@dataclass(frozen=True)
class View:
    """A dictionary view: its columns, and the function that works out its rows."""

    columns: list[Column]
    rows: Callable[[Dictionary], Iterator[tuple[Cell, ...]]]

    def raw_rows(self, dictionary: Dictionary) -> list[Row]:
        """Return the rows as raw bytes."""
        return [tuple(map(_raw, row)) for row in self.rows(dictionary)]


def _raw(cell: Cell) -> bytes:
    if cell is None:
        return b""
    return encode_number(Decimal(cell)) if isinstance(cell, int) else cell.encode()


def _columns(**types: ColumnType) -> list[Column]:
    return [Column(name.upper().replace("__", "$"), kind) for name, kind in types.items()]


def _tables(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    for table in d.catalog.tables.values():
        yield table.schema, table.name, "USERS", "VALID", len(table.rows)


def _tab_columns(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    for table in d.catalog.tables.values():
        for number, column in enumerate(table.columns, 1):
            kind = column.type
            has_scale = kind.kind in TIMESTAMPS or (kind.kind is Kind.NUMBER and not kind.is_decimal_float)
            scale = kind.scale if has_scale else None
            nullable = "Y" if column.nullable else "N"
            char_used = ("C" if kind.in_chars or kind.is_national else "B") if kind.is_text else None
            charset = ("NCHAR_CS" if kind.is_national else "CHAR_CS") if kind.is_text else None
            yield (
                *(table.schema, table.name, column.name, kind.dictionary_name, kind.max_bytes, kind.precision, scale),
                *(nullable, number, kind.length if kind.is_text else 0, char_used, charset),
            )


def _constraints(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    for table in d.catalog.tables.values():
        state = ("ENABLED", "NOT DEFERRABLE", "IMMEDIATE", "VALIDATED")
        if table.primary:
            yield table.schema, table.primary_name, "P", table.name, None, *state, table.primary_name
        for unique in table.unique_keys:
            if unique.is_constraint:
                deferrable = "DEFERRABLE" if unique.deferrable else "NOT DEFERRABLE"
                deferred = "DEFERRED" if unique.deferred else "IMMEDIATE"
                yield (
                    *(table.schema, unique.name, "P" if unique.is_primary else "U", table.name, None),
                    *("ENABLED", deferrable, deferred, "VALIDATED", unique.name),
                )
        for check in table.checks:
            yield table.schema, check.name, "C", table.name, check.text, *state, None


def _cons_columns(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    for table in d.catalog.tables.values():
        keys = [(table.primary_name, table.primary)]
        keys += [(unique.name, unique.columns) for unique in table.unique_keys if unique.is_constraint]
        for name, columns in keys:
            for position, column in enumerate(columns, 1):
                yield table.schema, name, table.name, table.columns[column].name, position


def _indexes(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    for table in d.catalog.tables.values():
        for index in table.indexes:
            uniqueness = "UNIQUE" if index.unique else "NONUNIQUE"
            kind = "FUNCTION-BASED NORMAL" if index.is_functional else "NORMAL"
            yield table.schema, index.name, kind, table.schema, table.name, uniqueness, "VALID"


def _ind_columns(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    for table in d.catalog.tables.values():
        for index in table.indexes:
            for position, column in enumerate(index.columns, 1):
                is_hidden = index.is_functional and table.columns[column].type.kind is Kind.ZONED
                name = f"SYS_NC{len(table.columns) + 1:05}$" if is_hidden else table.columns[column].name
                yield index.name, table.name, name, position, "ASC"


def _all_ind_columns(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    schema = d.catalog.schema
    return ((schema, index, schema, *rest) for index, *rest in _ind_columns(d))


def _nls_parameters(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    yield from (("NLS_CHARACTERSET", d.catalog.character_set), ("NLS_NCHAR_CHARACTERSET", "AL16UTF16"))


def _objects(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    for table in d.catalog.tables.values():
        yield table.schema, table.name, "TABLE", "VALID"
        yield from ((table.schema, index.name, "INDEX", "VALID") for index in table.indexes)


def _none(_d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    return iter(())


def _session_privs(_d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    yield from (("CREATE SESSION",), ("CREATE TABLE",), ("UNLIMITED TABLESPACE",))


def _version(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    text = f"Oracle stand-in {d.flavour.name} Release {d.flavour.version_text} - a test double, not Oracle Database"
    yield text, text, text, 0


def _product(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    version = d.flavour.version_text
    yield f"Oracle stand-in {d.flavour.name}", f"{d.flavour.version[0]}.0.0.0.0", version, "Test double"


def _instance(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    yield 1, "STANDIN", "localhost", d.flavour.version_text, "OPEN"


def _users(d: Dictionary) -> Iterator[tuple[Cell, ...]]:
    yield d.catalog.schema, "OPEN", "USERS"


OWNED_COLUMNS = {"owner": NAME}
VIEWS: dict[str, View] = {}


def _add(names: str, rows: Callable[[Dictionary], Iterator[tuple[Cell, ...]]], **types: ColumnType) -> None:
    for name in names.split():
        VIEWS[name] = View(_columns(**types), rows)


def _without_owner(
    rows: Callable[[Dictionary], Iterator[tuple[Cell, ...]]],
) -> Callable[[Dictionary], Iterator[tuple[Cell, ...]]]:
    return lambda d: (row[1:] for row in rows(d))


def _add_owned(
    names: str, all_names: str, rows: Callable[[Dictionary], Iterator[tuple[Cell, ...]]], **types: ColumnType
) -> None:
    """Add the USER_ form of a view, and the ALL_ form, which has the owner in front."""
    _add(names, _without_owner(rows), **types)
    _add(all_names, rows, **OWNED_COLUMNS, **types)


_add_owned(
    "USER_TABLES TABS", "ALL_TABLES", _tables, table_name=NAME, tablespace_name=NAME, status=NAME, num_rows=NUMBER_TYPE
)
_add_owned(
    "USER_TAB_COLUMNS USER_TAB_COLS COLS",
    "ALL_TAB_COLUMNS ALL_TAB_COLS",
    _tab_columns,
    table_name=NAME,
    column_name=NAME,
    data_type=NAME,
    data_length=NUMBER_TYPE,
    data_precision=NUMBER_TYPE,
    data_scale=NUMBER_TYPE,
    nullable=varchar(1),
    column_id=NUMBER_TYPE,
    char_length=NUMBER_TYPE,
    char_used=varchar(1),
    character_set_name=NAME,
)
CONSTRAINT_COLUMNS = {
    "constraint_name": NAME,
    "constraint_type": varchar(1),
    "table_name": NAME,
    "search_condition": TEXT,
    "status": NAME,
    "deferrable": NAME,
    "deferred": NAME,
    "validated": NAME,
    "index_name": NAME,
}
_add("USER_CONSTRAINTS ALL_CONSTRAINTS", _constraints, **OWNED_COLUMNS, **CONSTRAINT_COLUMNS)
_add(
    "USER_CONS_COLUMNS ALL_CONS_COLUMNS",
    _cons_columns,
    **OWNED_COLUMNS,
    constraint_name=NAME,
    table_name=NAME,
    column_name=NAME,
    position=NUMBER_TYPE,
)
_add_owned(
    "USER_INDEXES IND",
    "ALL_INDEXES",
    _indexes,
    index_name=NAME,
    index_type=NAME,
    table_owner=NAME,
    table_name=NAME,
    uniqueness=NAME,
    status=NAME,
)
_add(
    "USER_IND_COLUMNS",
    _ind_columns,
    index_name=NAME,
    table_name=NAME,
    column_name=NAME,
    column_position=NUMBER_TYPE,
    descend=NAME,
)
_add(
    "ALL_IND_COLUMNS",
    _all_ind_columns,
    index_owner=NAME,
    index_name=NAME,
    table_owner=NAME,
    table_name=NAME,
    column_name=NAME,
    column_position=NUMBER_TYPE,
    descend=NAME,
)
_add("NLS_DATABASE_PARAMETERS", _nls_parameters, parameter=NAME, value=NAME)
_add_owned("USER_OBJECTS", "ALL_OBJECTS", _objects, object_name=NAME, object_type=NAME, status=NAME)
_add(
    "USER_TAB_PRIVS ALL_TAB_PRIVS",
    _none,
    grantee=NAME,
    owner=NAME,
    table_schema=NAME,
    table_name=NAME,
    grantor=NAME,
    privilege=NAME,
    grantable=NAME,
)
_add("SESSION_PRIVS", _session_privs, privilege=NAME)
_add("USER_SYS_PRIVS", _none, username=NAME, privilege=NAME, admin_option=NAME)
_add("V$VERSION", _version, banner=TEXT, banner_full=TEXT, banner_legacy=TEXT, con_id=NUMBER_TYPE)
_add("PRODUCT_COMPONENT_VERSION", _product, product=NAME, version=NAME, version_full=NAME, status=NAME)
_add(
    "V$INSTANCE", _instance, instance_number=NUMBER_TYPE, instance_name=NAME, host_name=NAME, version=NAME, status=NAME
)
_add("USER_USERS", _users, username=NAME, account_status=NAME, default_tablespace=NAME)
_add("DUAL", lambda _d: iter((("X",),)), dummy=varchar(1))
