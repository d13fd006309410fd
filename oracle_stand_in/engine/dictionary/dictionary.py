"""The data dictionary: views worked out from the catalog whenever they are asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from oracle_stand_in.data.column_types import NUMBER_TYPE, Column, ColumnType, varchar
from oracle_stand_in.data.rows import Row
from oracle_stand_in.data.values import encode_number
from oracle_stand_in.engine.database import READS_ALL, Database
from oracle_stand_in.engine.names import Names
from oracle_stand_in.engine.storage.catalog import Catalog
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.errors import OracleError
from oracle_stand_in.flavour import Flavour
from oracle_stand_in.sql.evaluation.context import Context
from oracle_stand_in.sql.statements import CreateAlias

NAME, FLAG, TEXT = varchar(128), varchar(16), varchar(4000)

#: what a view's column can hold before it is encoded
Cell = str | int | None
#: one row of a view: columns that it does not name are NULL
Cells = Mapping[str, Cell]


@dataclass(frozen=True)
class Dictionary:
    """What the views are worked out from."""

    names: Names
    database: Database
    #: which of its rows a view shows: of the USER alone, of ALL that the user may see, or every one, for a DBA
    reach: str = "USER"

    @property
    def flavour(self) -> Flavour:
        """What kind of server this is."""
        return self.database.flavour

    @property
    def catalogs(self) -> list[Catalog]:
        """The schemas that the view may show something of."""
        schemas = self.names.schemas
        return [schemas.of(self.names.user)] if self.reach == "USER" else list(schemas)

    @property
    def tables(self) -> list[Table]:
        """The tables that the view shows."""
        tables = [table for catalog in self.catalogs for table in catalog.tables.values()]
        return tables if self.reach == "DBA" else list(filter(self.names.sees, tables))

    @property
    def aliases(self) -> list[tuple[str, str, CreateAlias]]:
        """The views and synonyms that the view shows: owner, name, what it stands for."""
        found = [(catalog.schema, *item) for catalog in self.catalogs for item in catalog.aliases.items()]
        return found if self.reach == "DBA" else [each for each in found if self._sees(*each[:2])]

    def _sees(self, owner: str, name: str) -> bool:
        table = self.names.schemas.find(owner, name)
        return self.names.rules(owner) or (table is not None and self.names.sees(table))


#: rows of a view, for whoever asks
Rows = Callable[[Dictionary, Context], Iterator[Cells]]


@dataclass(frozen=True)
class View:
    """A dictionary view: its columns, and the function that works out its rows."""

    columns: list[Column]
    rows: Rows
    reach: str

    def raw_rows(self, dictionary: Dictionary, context: Context) -> list[Row]:
        """Return the rows as raw bytes. Raises: OracleError: 942, the view is for those who may read all."""
        user = dictionary.database.users.get(context.user)
        if self.reach == "DBA" and (user is None or READS_ALL not in user.privileges):
            raise OracleError(942)
        names = [column.name for column in self.columns]
        rows = self.rows(replace(dictionary, reach=self.reach), context)
        return [tuple(_raw(row.get(name)) for name in names) for row in rows]


def _raw(cell: Cell) -> bytes:
    if cell is None:
        return b""
    return encode_number(Decimal(cell)) if isinstance(cell, int) else cell.encode()


VIEWS: dict[str, View] = {}


def view(names: str, columns: str, rows: Rows) -> None:
    """Add a view under all of its names.

    `columns`: their names in order; behind a colon `n` for a number, `t` for a long text, `f` for a short word, `1`
    for a letter, otherwise a name.
    """
    kinds: dict[str, ColumnType] = {"n": NUMBER_TYPE, "t": TEXT, "": NAME, "f": FLAG, "1": varchar(1)}
    listed = [column.partition(":")[::2] for column in columns.split()]
    described = [Column(name, kinds[kind]) for name, kind in listed]
    for name in names.split():
        VIEWS[name] = View(described, rows, name.partition("_")[0])


def owned(suffixes: str, columns: str, rows: Rows) -> None:
    """Add a view in its USER_ form, and in those that have the owner in front: ALL_ and DBA_."""
    for suffix in suffixes.split():
        view(f"USER_{suffix}", columns, rows)
        view(f"ALL_{suffix} DBA_{suffix}", f"OWNER {columns}", rows)


def none(_dictionary: Dictionary, _context: Context) -> Iterator[Cells]:
    """Return no rows: of what there can't be any here."""
    return iter(())
