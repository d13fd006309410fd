"""The database: its tables by name, and the statements that make and change them."""

from collections.abc import Iterator
from dataclasses import replace

from oracle_stand_in.data.column_types import PADDED, Kind
from oracle_stand_in.engine.storage.table import Check, ForeignKey, Index, Table, TableColumn, UniqueKey
from oracle_stand_in.engine.storage.transactions import Transaction, TransactionLog
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.statements import (
    CheckDef,
    CreateAlias,
    CreateIndex,
    CreateTable,
    CreateTrigger,
    Ddl,
    DropAlias,
    DropIndex,
    DropTable,
    DropTrigger,
    ForeignKeyDef,
    KeyDef,
    RenameColumn,
    RenameTable,
    TruncateTable,
)
from oracle_stand_in.sql.syntax import Bind, Comparison, Name, TableRef
from oracle_stand_in.sql.walk import walk

#: where the numbers of constraints begin that have no name of their own (SYS_C...)
FIRST_CONSTRAINT = 8001


class Catalog:
    """One schema and what is in it."""

    def __init__(self, schema: str, log: TransactionLog | None = None) -> None:
        self.schema = schema
        self.tables: dict[str, Table] = {}
        #: views and synonyms, by name
        self.aliases: dict[str, CreateAlias] = {}
        self.log = log or TransactionLog()
        #: goes up with every DDL statement, so that plans know when they are out of date
        self.version = 0
        self._next_constraint = FIRST_CONSTRAINT

    def table(self, ref: TableRef) -> Table:
        """Return a table. Raises: OracleError: 942, there is none of this name in this schema."""
        alias = self.aliases.get(ref.name)
        meant = alias.target if alias else ref
        table = self.tables.get(meant.name)
        if table is None or not {ref.schema, meant.schema} <= {None, self.schema}:
            raise OracleError(942, position=ref.position)
        return table

    def run(self, statement: Ddl, txn: Transaction) -> None:
        """Run a DDL statement; the caller has committed `txn`. Raises: OracleError: nothing is changed then."""
        if isinstance(statement, CreateTable):
            self._create_table(statement)
        elif isinstance(statement, CreateIndex):
            self._create_index(statement, txn)
        elif isinstance(statement, DropIndex):
            self._drop_index(statement)
        elif isinstance(statement, CreateTrigger):
            self._create_trigger(statement)
        elif isinstance(statement, DropTrigger):
            self._drop_trigger(statement)
        elif isinstance(statement, CreateAlias):
            self._create_alias(statement)
        elif isinstance(statement, DropAlias):
            self._check_alias(statement)
            del self.aliases[statement.table.name]
        elif not (isinstance(statement, DropTable) and statement.if_exists and statement.table.name not in self.tables):
            if statement.table.name in self.aliases:
                raise OracleError(942, position=statement.table.position)
            table = self.table(statement.table)
            self.log.check_unused(table, txn)
            self._change_table(statement, table)
        self.version += 1

    def _change_table(self, statement: DropTable | TruncateTable | RenameTable | RenameColumn, table: Table) -> None:
        if isinstance(statement, DropTable):
            self._drop_table(table, cascade=statement.cascade)
        elif isinstance(statement, TruncateTable):
            if self.children(table):
                raise OracleError(2266)
            table.clear()
        elif isinstance(statement, RenameTable):
            self._check_new_name(statement.name)
            del self.tables[table.name]
            table.name = statement.name
            self.tables[table.name] = table
        else:
            index = table.column_index(statement.column)
            if any(column.name == statement.name for column in table.columns):
                raise OracleError(957)
            if table.checks:
                raise unsupported("RENAME COLUMN in a table with CHECK constraints")
            old = table.columns[index]
            table.columns[index] = replace(old, name=statement.name)

    def _create_alias(self, statement: CreateAlias) -> None:
        if statement.replaces and statement.table.name in self.aliases:
            self._check_alias(DropAlias(statement.table, statement.is_view))
        else:
            self._check_new_name(statement.table.name)
        self.aliases[statement.table.name] = statement

    def _check_alias(self, statement: DropAlias) -> None:
        """Check that there is such a view or synonym. Raises: OracleError: 942, 1434."""
        found = self.aliases.get(statement.table.name)
        if found is None or found.is_view != statement.is_view:
            raise OracleError(942) if statement.is_view else OracleError(1434, text="synonym does not exist")

    def children(self, parent: Table) -> list[tuple[Table, ForeignKey]]:
        """Return the foreign keys of other tables that refer to a table."""
        return [
            (table, foreign)
            for table in self.tables.values()
            for foreign in table.foreign_keys
            if foreign.parent is parent and table is not parent
        ]

    def _drop_table(self, table: Table, *, cascade: bool) -> None:
        children = self.children(table)
        if children and not cascade:
            raise OracleError(2449)
        for child, foreign in children:
            child.foreign_keys.remove(foreign)
        del self.tables[table.name]

    def _names(self) -> Iterator[str]:
        yield from self.aliases
        for table in self.tables.values():
            yield table.name
            yield from (index.name for index in table.indexes)

    def _constraint_names(self) -> Iterator[str]:
        for table in self.tables.values():
            yield table.primary_name
            yield from (unique.name for unique in table.unique_keys)
            yield from (check.name for check in table.checks if check.name)
            yield from (foreign.name for foreign in table.foreign_keys)

    def _check_new_name(self, name: str) -> None:
        if name in self._names():
            raise OracleError(955)

    def _constraint_name(self, name: str | None) -> str:
        if name is None:
            name = f"SYS_C{self._next_constraint:06}"
            self._next_constraint += 1
        elif name in self._constraint_names():
            raise OracleError(2264)
        return name

    def _create_table(self, statement: CreateTable) -> None:
        self._check_new_name(statement.table.name)
        names = [column.name for column in statement.columns]
        if len(set(names)) < len(names):
            raise OracleError(957)
        if any(isinstance(node, Bind) for column in statement.columns for node in walk(column)):
            raise OracleError(1027, text="bind variables not allowed for data definition operations")
        keys = [each for each in statement.constraints if isinstance(each, KeyDef)]
        primary = [key for key in keys if key.primary]
        if len(primary) > 1:
            raise OracleError(2260)
        in_key = set(primary[0].columns) if primary else set()
        columns = [
            TableColumn(
                c.name, c.type, not (c.not_null or c.name in in_key), c.default, c.default_on_null, c.is_invisible
            )
            for c in statement.columns
        ]
        table = Table(self.schema, statement.table.name, columns)
        for key in keys:
            self._add_key(table, key)
        for each in statement.constraints:
            if isinstance(each, CheckDef):
                table.checks.append(Check(self._constraint_name(each.name), each.condition, each.text))
            elif isinstance(each, ForeignKeyDef):
                table.foreign_keys.append(self._foreign_key(table, each))
        table.is_partitioned, table.is_temporary = statement.partition is not None, statement.is_temporary
        if statement.partition is not None and statement.partition.end is not None:
            column = table.columns[table.column_index(statement.partition.column)].name
            inside = Comparison("<", Name(column), statement.partition.end)
            table.checks.append(Check("", inside, "", code=14400))
        self.tables[table.name] = table

    def _add_key(self, table: Table, key: KeyDef) -> None:
        columns = tuple(table.column_index(name) for name in key.columns)
        if any(table.columns[column].type.kind is Kind.ZONED for column in columns):
            raise OracleError(2329, "TIME/TIMESTAMP WITH TIME ZONE")
        name = self._constraint_name(key.name)
        if key.primary and not key.deferrable:
            table.primary, table.primary_name = columns, name
        else:
            unique = UniqueKey(
                name, columns, is_constraint=True, is_primary=key.primary, deferrable=key.deferrable,
                deferred=key.deferred,
            )  # fmt: skip
            table.unique_keys.append(unique)
        # until a constraint is checked its index holds what is there twice
        table.indexes.append(Index(name, columns, unique=not key.deferrable))

    def _foreign_key(self, table: Table, wanted: ForeignKeyDef) -> ForeignKey:
        """Return a foreign key. Raises: OracleError: 942, 2256, 2267, 2268, 2270: the parent has no such key."""
        itself = wanted.parent.name == table.name and wanted.parent.schema in (None, self.schema)
        parent = table if itself else self.table(wanted.parent)
        columns = [table.column_index(name) for name in wanted.columns]
        primary = next((unique for unique in parent.unique_keys if unique.is_primary), None)
        if wanted.parent_columns is None:
            referred = primary.columns if primary else parent.primary
            if not referred:
                raise OracleError(2268)
        else:
            referred = tuple(parent.column_index(name) for name in wanted.parent_columns)
        if len(columns) != len(referred):
            raise OracleError(2256)
        for own, other in zip(columns, referred, strict=True):
            _check_comparable(table.columns[own], parent.columns[other])
        by_parent = dict(zip(referred, columns, strict=True))
        name = self._constraint_name(wanted.name)
        if by_parent.keys() == set(parent.primary):
            return ForeignKey(name, tuple(by_parent[place] for place in parent.primary), parent)
        for unique in parent.unique_keys:
            if unique.is_constraint and by_parent.keys() == set(unique.columns):
                return ForeignKey(name, tuple(by_parent[place] for place in unique.columns), parent, unique)
        raise OracleError(2270)

    def _trigger(self, name: str) -> tuple[Table, CreateTrigger] | None:
        found = ((table, each) for table in self.tables.values() for each in table.triggers if each.name == name)
        return next(found, None)

    def _create_trigger(self, statement: CreateTrigger) -> None:
        table = self.table(statement.table)
        found = self._trigger(statement.name)
        if found is not None:
            if not statement.replaces:
                raise OracleError(4081, statement.name)
            if found[0] is not table:
                raise OracleError(4095, statement.name)
            table.triggers.remove(found[1])
        table.triggers.append(statement)

    def _drop_trigger(self, statement: DropTrigger) -> None:
        found = self._trigger(statement.name)
        if found is None:
            raise OracleError(4080, statement.name)
        found[0].triggers.remove(found[1])

    def _create_index(self, statement: CreateIndex, txn: Transaction) -> None:
        table = self.table(statement.table)
        self._check_new_name(statement.name)
        columns = tuple(table.column_index(name) for name in statement.columns)
        if any(index.columns == columns for index in table.indexes):
            raise OracleError(1408)
        zoned = frozenset(column for column in columns if table.columns[column].type.kind is Kind.ZONED)
        if statement.unique:
            self.log.check_unused(table, txn)
            unique = UniqueKey(statement.name, columns, is_constraint=False, zoned=zoned)
            for key, stored in table.rows.items():
                value = unique.of(table.unpack(stored))
                if value and unique.owners.setdefault(value, key) != key:
                    raise OracleError(1452)
            table.unique_keys.append(unique)
        table.indexes.append(Index(statement.name, columns, statement.unique, is_functional=bool(zoned)))

    def _drop_index(self, statement: DropIndex) -> None:
        for table in self.tables.values():
            for index in table.indexes:
                if index.name != statement.name:
                    continue
                if index.name == table.primary_name or any(
                    unique.name == index.name and unique.is_constraint for unique in table.unique_keys
                ):
                    raise OracleError(2429, text="cannot drop index used for enforcement of unique/primary key")
                table.indexes.remove(index)
                table.unique_keys = [unique for unique in table.unique_keys if unique.name != index.name]
                return
        raise OracleError(1418)


def _check_comparable(column: TableColumn, referred: TableColumn) -> None:
    """Raises: OracleError: 2267, values of the two are never the same bytes."""
    if column.type.kind is not referred.type.kind:
        raise OracleError(2267)
    if column.type.kind in PADDED and column.type != referred.type:
        raise unsupported("foreign keys of CHAR columns of different lengths")
