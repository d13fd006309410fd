"""All schemas of the database, by the name of their owner. They share the rules between transactions."""

from collections.abc import Iterator

from oracle_stand_in.engine.storage.catalog import Catalog
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.engine.storage.transactions import TransactionLog

#: synonyms and views that lead to one table, one by the other
MOST_ALIASES = 50


class Schemas:
    """What each user has."""

    def __init__(self) -> None:
        self.log = TransactionLog()
        self._catalogs: dict[str, Catalog] = {}

    def __iter__(self) -> Iterator[Catalog]:
        return iter(self._catalogs.values())

    def of(self, owner: str) -> Catalog:
        """Return a user's schema."""
        return self._catalogs.get(owner) or self._catalogs.setdefault(owner, Catalog(owner, self.log))

    def find(self, owner: str, name: str) -> Table | None:
        """Return the table that a name in a schema stands for, through synonyms and views; None: there is none."""
        for _ in range(MOST_ALIASES):
            catalog = self._catalogs.get(owner)
            if catalog is None:
                return None
            alias = catalog.aliases.get(name)
            if alias is None:
                return catalog.tables.get(name)
            owner, name = alias.target.schema or owner, alias.target.name
        return None

    def is_synonym(self, owner: str, name: str) -> bool:
        """Whether a name is a synonym, wherever it leads."""
        alias = self.of(owner).aliases.get(name)
        return alias is not None and not alias.is_view

    def is_view(self, owner: str, name: str) -> bool:
        """Whether a name that stands for a table does so through a view."""
        alias = self.of(owner).aliases.get(name)
        return alias is not None and (alias.is_view or self.is_view(alias.target.schema or owner, alias.target.name))

    def empty(self, owner: str) -> None:
        """Let go what a user has."""
        self._catalogs.pop(owner, None)

    def forget(self, user: str) -> None:
        """Let go what a user has, and what others have granted to him."""
        self.empty(user)
        for catalog in self:
            for table in catalog.tables.values():
                table.grants.pop(user, None)
