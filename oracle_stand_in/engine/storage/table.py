"""A table: its columns, keys and rows.

Rows live in a dict from key to stored row, both as bytes; the key is the primary key's columns in packed form, or a
running number where there is none. What a transaction has not committed is in its overlay (see transactions.py), so
that other sessions do not see it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from oracle_stand_in.data.column_types import Column
from oracle_stand_in.data.rows import BulkPacker, Row, Unpacker, bulk_packer, pack_row, unpacker
from oracle_stand_in.data.values import TIMESTAMP_SIZE
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.statements import CreateTrigger
from oracle_stand_in.sql.syntax import Condition, Expression


@dataclass(frozen=True)
class TableColumn(Column):
    """A column with its default, which may stand for a NULL that is given as well."""

    default: Expression | None = None
    default_on_null: bool = False
    #: what * does not stand for
    is_invisible: bool = False


@dataclass(frozen=True)
class Check:
    """A check constraint; `condition` is compiled when the table is first written to."""

    name: str
    condition: Condition
    text: str
    #: what a row that does not meet it gets: 2290, or 14400 where it is the end of the last partition
    code: int = 2290


@dataclass
class UniqueKey:
    """A unique constraint or index besides the key that rows are stored by: packed columns -> key of the row.

    A primary key that may be checked at the commit is one of these: until then two rows may have it.
    """

    name: str
    columns: tuple[int, ...]
    #: whether a constraint made it, or a CREATE UNIQUE INDEX
    is_constraint: bool
    is_primary: bool = False
    deferrable: bool = False
    #: checked at the commit
    deferred: bool = False
    #: those of the columns with a time zone, of which only the moment counts
    zoned: frozenset[int] = frozenset()
    owners: dict[bytes, bytes] = field(default_factory=dict)

    def of(self, row: Row) -> bytes:
        """Return the row's key; b"" if all its columns are NULL, which no unique key cares about."""
        values = [row[i][:TIMESTAMP_SIZE] if i in self.zoned else row[i] for i in self.columns]
        return pack_row(values) if any(values) else b""


@dataclass(frozen=True)
class ForeignKey:
    """Columns whose values are those of a key of another table, or of the same one."""

    name: str
    #: in the order of the parent's key
    columns: tuple[int, ...]
    parent: "Table"
    #: of the parent's unique key; None: its primary key
    unique: "UniqueKey | None" = None

    @property
    def key_columns(self) -> tuple[int, ...]:
        """The parent's columns, each to that of `columns` at the same place."""
        return self.unique.columns if self.unique else self.parent.primary

    @property
    def key_name(self) -> str:
        """The name of the parent's key."""
        return self.unique.name if self.unique else self.parent.primary_name

    def of(self, row: Row) -> bytes:
        """Return the parent's key that a row refers to; b"" if one of its columns is NULL: it refers to none."""
        values = [row[column] for column in self.columns]
        return pack_row(values) if all(values) else b""


@dataclass
class Index:
    """An index that only the dictionary shows: nothing here is fast enough to need one."""

    name: str
    columns: tuple[int, ...]
    unique: bool
    #: whether it is on the UTC of columns with a time zone rather than on the columns
    is_functional: bool = False


class Table:
    """A table with its committed rows."""

    def __init__(self, schema: str, name: str, columns: Sequence[TableColumn]) -> None:
        self.schema = schema
        self.name = name
        self.columns = list(columns)
        self.primary: tuple[int, ...] = ()
        self.primary_name = ""
        self.unique_keys: list[UniqueKey] = []
        self.checks: list[Check] = []
        self.foreign_keys: list[ForeignKey] = []
        self.triggers: list[CreateTrigger] = []
        self.indexes: list[Index] = []
        #: what its owner lets others do with it: user -> INSERT, SELECT...
        self.grants: dict[str, frozenset[str]] = {}
        self.is_partitioned = False
        #: each session sees its own rows, until it commits
        self.is_temporary = False
        self.rows: dict[bytes, bytes] = {}
        self._next_row = 0

    @property
    def unpack(self) -> Unpacker:
        """The function that splits a stored row."""
        return unpacker(len(self.columns))

    @property
    def pack(self) -> BulkPacker:
        """The function that packs many rows."""
        return bulk_packer(len(self.columns))

    def column_index(self, name: str, position: int = 0) -> int:
        """Return a column's place. Raises: OracleError: 904, there is none of this name."""
        for index, column in enumerate(self.columns):
            if column.name == name:
                return index
        raise OracleError(904, f'"{name}"', position=position)

    def qualified(self, column: int) -> str:
        """Return a column's name as Oracle's messages quote it."""
        return f'"{self.schema}"."{self.name}"."{self.columns[column].name}"'

    def constraint(self, name: str) -> str:
        """Return a constraint's name as Oracle's messages quote it."""
        return f"{self.schema}.{name}"

    def keys(self, rows: Sequence[Row]) -> list[bytes]:
        """Return the keys of new rows, in their order."""
        if not self.primary:
            first = self._next_row
            self._next_row += len(rows)
            return [number.to_bytes(8, "big") for number in range(first, first + len(rows))]
        return key_packer(self.primary)(rows)

    def load(self, key: bytes, stored: bytes) -> None:
        """Put in a committed row, as the journal has it."""
        self.rows[key] = stored
        if not self.primary:
            self._next_row = max(self._next_row, int.from_bytes(key, "big") + 1)
        if self.unique_keys:
            row = self.unpack(stored)
            for unique in self.unique_keys:
                if value := unique.of(row):
                    unique.owners[value] = key

    def unload(self, key: bytes) -> None:
        """Take out a committed row."""
        stored = self.rows.pop(key, None)
        if stored is not None and self.unique_keys:
            row = self.unpack(stored)
            for unique in self.unique_keys:
                unique.owners.pop(unique.of(row), None)

    def clear(self) -> None:
        """Take out all rows."""
        self.rows = {}
        for unique in self.unique_keys:
            unique.owners = {}


def key_packer(columns: tuple[int, ...]) -> Callable[[Sequence[Row]], list[bytes]]:
    """Return the function that packs the key columns of many rows."""
    if len(columns) == 1:
        only = columns[0]
        return lambda rows: bulk_packer(1)([(row[only],) for row in rows])
    pick = itemgetter(*columns)
    return lambda rows: bulk_packer(len(columns))(map(pick, rows))
