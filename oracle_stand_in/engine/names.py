"""What names mean to whoever asks, and what he may do with the tables that they name."""

from collections.abc import Container
from dataclasses import dataclass, replace

from oracle_stand_in.engine.client import Client
from oracle_stand_in.engine.database import ADMIN
from oracle_stand_in.engine.storage.schemas import Schemas
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.statements import CreateAlias, CreateTable, Ddl, DropIndex, DropTrigger, GrantOn
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

        Raises: OracleError: 942: there is none, or none that he has any right to; 980: there is none any more that the
            synonym stands for; 1031: he has other rights than this one.
        """
        schema = ref.schema or self.schema
        table = self.schemas.find(schema, ref.name)
        if table is None and self.rules(schema) and self.schemas.is_synonym(schema, ref.name):
            raise OracleError(980, position=ref.position)
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

    def grant(self, statement: GrantOn, users: Container[str]) -> None:
        """Give others rights to a table, or take them back. Args: users: the names of those that there are.

        Raises: OracleError: 942, 1031: it is another's; 1749, 1917, 1927: to or from whom; nothing is changed.
        """
        table = self.table(statement.table, OWNERS)
        if self.schemas.is_view(statement.table.schema or self.schema, statement.table.name):
            raise unsupported("rights to views", statement.table.position)
        had = {user: table.grants.get(user, frozenset()) for user in statement.users}
        for user, rights in had.items():
            if user == "PUBLIC":
                raise unsupported("rights of PUBLIC", statement.table.position)
            if user not in users:
                raise OracleError(1917, user)
            if user == self.user:
                raise OracleError(1749)
            if statement.takes_back and not rights & statement.privileges:
                raise OracleError(1927)
        for user, rights in had.items():
            left = rights - statement.privileges if statement.takes_back else rights | statement.privileges
            table.grants[user] = left
            if not left:
                del table.grants[user]

    def rules(self, schema: str) -> bool:
        """Whether the user may do with a schema as he likes: his own, and a DBA with all."""
        return self.user in (schema, ADMIN)

    def sees(self, table: Table) -> bool:
        """Whether the user has any right to a table."""
        return self.rules(table.schema) or self.user in table.grants
