"""What names mean to whoever asks, and what he may do with the tables that they name."""

from dataclasses import dataclass, replace

from oracle_stand_in.engine.client import Client
from oracle_stand_in.engine.database import ADMIN
from oracle_stand_in.engine.storage.schemas import Schemas
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.statements import CreateAlias, CreateTable, Ddl, DropIndex, DropTrigger
from oracle_stand_in.sql.syntax import TableRef

#: a right that nobody is granted
OWNERS = "OWNER"


@dataclass(frozen=True)
class Names:
    """A user, and the schema that names without one are looked for in."""

    schemas: Schemas
    user: str
    schema: str

    @classmethod
    def of(cls, schemas: Schemas, client: Client) -> "Names":
        """Return what names mean to a session."""
        user = client.context().user
        return cls(schemas, user, client.nls.current_schema or user)

    def table(self, ref: TableRef, privilege: str) -> Table:
        """Return a table that the user has a right to.

        Raises: OracleError: 942: there is none, or none that he has any right to; 1031: he has others than this one.
        """
        table = self.schemas.find(ref.schema or self.schema, ref.name)
        if table is None or not self.sees(table):
            raise OracleError(942, position=ref.position)
        if not self.rules(table.schema) and privilege not in table.grants[self.user]:
            raise OracleError(1031, position=ref.position)
        return table

    def whole(self, ref: TableRef) -> TableRef:
        """Return a name with its schema."""
        return replace(ref, schema=ref.schema or self.schema)

    def schema_of(self, statement: Ddl) -> str:
        """Return the schema in which a statement makes or changes something.

        Raises: OracleError: it is another's: 942: there is none of this name that the user sees, 1031.
        """
        if isinstance(statement, DropIndex | DropTrigger):
            schema, ref = statement.schema or self.schema, None
        else:
            schema, ref = statement.table.schema or self.schema, statement.table
        if self.rules(schema):
            return schema
        if ref is not None and not isinstance(statement, CreateTable | CreateAlias):
            self.table(ref, OWNERS)
        raise OracleError(1031)

    def rules(self, schema: str) -> bool:
        """Whether the user may do with a schema as he likes: his own, and a DBA with all."""
        return self.user in (schema, ADMIN)

    def sees(self, table: Table) -> bool:
        """Whether the user has any right to a table."""
        return self.rules(table.schema) or self.user in table.grants
