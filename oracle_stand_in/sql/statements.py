"""What parsed statements are made of, beside the query: changes of rows, of tables, and of the session."""

from dataclasses import dataclass
from typing import TypeAlias

from oracle_stand_in.data.column_types import ColumnType
from oracle_stand_in.sql.administration import Administration
from oracle_stand_in.sql.syntax import Condition, Expression, Name, Query, TableRef


@dataclass(frozen=True)
class Insert:
    """INSERT INTO table [(columns)] VALUES (values); None as columns stands for all, None as a value for DEFAULT."""

    table: TableRef
    columns: tuple[Name, ...] | None
    values: tuple[Expression | None, ...]


@dataclass(frozen=True)
class InsertSelect:
    """INSERT INTO table [(columns)] SELECT ..."""

    table: TableRef
    columns: tuple[Name, ...] | None
    query: Query


@dataclass(frozen=True)
class Delete:
    """DELETE FROM table [WHERE ...]."""

    table: TableRef
    where: Condition | None


@dataclass(frozen=True)
class Update:
    """UPDATE table SET ... [WHERE ...]."""

    table: TableRef
    changes: tuple[tuple[Name, Expression], ...]
    where: Condition | None


@dataclass(frozen=True)
class GrantOn:
    """GRANT or REVOKE of what may be done with a table."""

    privileges: frozenset[str]
    table: TableRef
    users: tuple[str, ...]
    takes_back: bool


@dataclass(frozen=True)
class Commit:
    """COMMIT."""


@dataclass(frozen=True)
class Rollback:
    """ROLLBACK."""


@dataclass(frozen=True)
class AlterSession:
    """ALTER SESSION SET: names and values."""

    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ColumnDef:
    """A column of CREATE TABLE."""

    name: str
    type: ColumnType
    default: Expression | None = None
    not_null: bool = False
    default_on_null: bool = False
    is_invisible: bool = False


@dataclass(frozen=True)
class KeyDef:
    """A primary key or unique constraint."""

    columns: tuple[str, ...]
    primary: bool
    name: str | None = None
    deferrable: bool = False
    #: checked at the commit
    deferred: bool = False


@dataclass(frozen=True)
class CheckDef:
    """A check constraint; `text` is the condition as it was written."""

    condition: Condition
    text: str
    name: str | None = None


@dataclass(frozen=True)
class ForeignKeyDef:
    """A foreign key; None as the parent's columns stands for its primary key."""

    columns: tuple[str, ...]
    parent: TableRef
    parent_columns: tuple[str, ...] | None
    name: str | None = None


Constraint: TypeAlias = KeyDef | CheckDef | ForeignKeyDef


@dataclass(frozen=True)
class RangePartition:
    """PARTITION BY RANGE: the column, and where the last partition ends; None where others are made by themselves."""

    column: str
    end: Expression | None


@dataclass(frozen=True)
class CreateTable:
    """CREATE TABLE."""

    table: TableRef
    columns: tuple[ColumnDef, ...]
    constraints: tuple[Constraint, ...]
    partition: RangePartition | None = None
    #: GLOBAL TEMPORARY ... ON COMMIT DELETE ROWS
    is_temporary: bool = False


@dataclass(frozen=True)
class CreateAlias:
    """CREATE [OR REPLACE] VIEW ... AS SELECT * FROM, or SYNONYM ... FOR: another name of a table."""

    table: TableRef
    target: TableRef
    is_view: bool
    replaces: bool


@dataclass(frozen=True)
class DropAlias:
    """DROP VIEW, DROP SYNONYM."""

    table: TableRef
    is_view: bool


@dataclass(frozen=True)
class DropTable:
    """DROP TABLE [IF EXISTS] ... [CASCADE CONSTRAINTS]."""

    table: TableRef
    if_exists: bool = False
    #: also the foreign keys of others that refer to it
    cascade: bool = False


@dataclass(frozen=True)
class TruncateTable:
    """TRUNCATE TABLE."""

    table: TableRef


@dataclass(frozen=True)
class RenameTable:
    """ALTER TABLE ... RENAME TO."""

    table: TableRef
    name: str


@dataclass(frozen=True)
class RenameColumn:
    """ALTER TABLE ... RENAME COLUMN ... TO."""

    table: TableRef
    column: str
    name: str


@dataclass(frozen=True)
class CreateIndex:
    """CREATE [UNIQUE] INDEX."""

    name: str
    table: TableRef
    columns: tuple[str, ...]
    unique: bool


@dataclass(frozen=True)
class DropIndex:
    """DROP INDEX; `schema` as it was written."""

    name: str
    schema: str | None


@dataclass(frozen=True)
class RaiseError:
    """RAISE_APPLICATION_ERROR(code, text); `place`: offset in the body."""

    code: Expression
    text: Expression
    place: int


@dataclass(frozen=True)
class InsertRow:
    """An INSERT in the body of a trigger."""

    insert: Insert
    place: int


@dataclass(frozen=True)
class If:
    """IF condition THEN steps ELSIF ... ELSE otherwise END IF."""

    branches: tuple[tuple[Condition, tuple["Step", ...]], ...]
    otherwise: tuple["Step", ...]


Step: TypeAlias = RaiseError | InsertRow | If


@dataclass(frozen=True)
class CreateTrigger:
    """CREATE TRIGGER of the rows that are inserted; `body` is its text."""

    name: str
    table: TableRef
    is_before: bool
    replaces: bool
    when: Condition | None
    steps: tuple[Step, ...]
    body: str


@dataclass(frozen=True)
class DropTrigger:
    """DROP TRIGGER; `schema` as it was written."""

    name: str
    schema: str | None


@dataclass(frozen=True)
class ExecuteText:
    """EXECUTE IMMEDIATE text; `line`: where in the block, from 1."""

    text: Expression
    line: int


@dataclass(frozen=True)
class Block:
    """BEGIN FOR row IN (query) LOOP steps END LOOP; END; `line`: where in the block the query begins, from 1."""

    row: str
    query: Query
    line: int
    steps: tuple[ExecuteText, ...]


Dml: TypeAlias = Insert | InsertSelect | Delete | Update


Ddl: TypeAlias = (
    CreateTable | DropTable | TruncateTable | RenameTable | RenameColumn | CreateIndex | DropIndex | CreateTrigger
    | DropTrigger | CreateAlias | DropAlias
)  # fmt: skip


Statement: TypeAlias = Query | Dml | Ddl | Administration | GrantOn | Commit | Rollback | AlterSession | Block
