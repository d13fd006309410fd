"""Transactions: what a session has changed and not committed, who sees it, and who waits for whom."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from oracle_stand_in.data.rows import Row
from oracle_stand_in.engine.storage.table import ForeignKey, Table, UniqueKey
from oracle_stand_in.errors import OracleError


@dataclass
class Overlay:
    """One transaction's changes to one table."""

    #: rows that are new or changed, by key
    added: dict[bytes, bytes] = field(default_factory=dict)
    #: keys of rows that are deleted or changed; a row of its own that it deleted stays locked, too
    removed: set[bytes] = field(default_factory=set)
    #: per unique key of the table: values taken, and values given up
    taken: list[dict[bytes, bytes]] = field(default_factory=list)
    freed: list[set[bytes]] = field(default_factory=list)

    def copy(self) -> "Overlay":
        """Return a copy that later changes leave alone."""
        return Overlay(dict(self.added), set(self.removed), [dict(d) for d in self.taken], [set(s) for s in self.freed])

    def touches(self, key: bytes) -> bool:
        """Whether this row is locked by the transaction."""
        return key in self.added or key in self.removed


class BusyError(Exception):
    """The row belongs to another transaction, which must end first."""

    def __init__(self, holder: "Transaction") -> None:
        super().__init__("the row is locked")
        self.holder = holder


class Transaction:
    """A session's open changes. It is reused: after commit or rollback it is empty again."""

    def __init__(self) -> None:
        self.overlays: dict[Table, Overlay] = {}
        self.waiting_for: Transaction | None = None
        self._ended: asyncio.Future[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.overlays)

    def ended(self) -> "asyncio.Future[None]":
        """Return a future that is done when this transaction has ended."""
        if self._ended is None:
            self._ended = asyncio.get_running_loop().create_future()
        return self._ended

    def _end(self) -> None:
        self.overlays.clear()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        self._ended = None


class TransactionLog:
    """All open transactions, and the rules between them."""

    def __init__(self) -> None:
        self._open: dict[Table, dict[Transaction, Overlay]] = {}

    def overlay(self, table: Table, txn: Transaction) -> Overlay:
        """Return the transaction's overlay on a table, made if there is none."""
        overlay = txn.overlays.get(table)
        if overlay is None:
            overlay = self._new_overlay(table)
            txn.overlays[table] = overlay
            self._open.setdefault(table, {})[txn] = overlay
        return overlay

    @staticmethod
    def _new_overlay(table: Table) -> Overlay:
        count = len(table.unique_keys)
        return Overlay(taken=[{} for _ in range(count)], freed=[set() for _ in range(count)])

    def others(self, table: Table, txn: Transaction) -> list[tuple[Transaction, Overlay]]:
        """Return the other transactions that have changed the table."""
        if table.is_temporary:
            return []
        return [(other, overlay) for other, overlay in self._open.get(table, {}).items() if other is not txn]

    def check_unused(self, table: Table, txn: Transaction) -> None:
        """Check that no other transaction uses the table. Raises: OracleError: 54."""
        if self.others(table, txn):
            raise OracleError(54)

    def visible(self, table: Table, txn: Transaction) -> Iterator[tuple[bytes, bytes]]:
        """Return the rows a session sees: what is committed, and its own changes. Not to be kept over an await."""
        overlay = txn.overlays.get(table)
        if overlay is None:
            yield from table.rows.items()
            return
        for item in table.rows.items():
            if item[0] not in overlay.removed:
                yield item
        yield from overlay.added.items()

    def find(self, table: Table, txn: Transaction, key: bytes) -> bytes | None:
        """Return the row with this key if the session sees one."""
        overlay = txn.overlays.get(table)
        if overlay is not None:
            if key in overlay.added:
                return overlay.added[key]
            if key in overlay.removed:
                return None
        return table.rows.get(key)

    def count(self, table: Table, txn: Transaction) -> int:
        """Return the number of rows a session sees."""
        overlay = txn.overlays.get(table)
        if overlay is None:
            return len(table.rows)
        return len(table.rows) + len(overlay.added) - sum(key in table.rows for key in overlay.removed)

    def insert_all(self, table: Table, txn: Transaction, keys: list[bytes], stored: Iterable[bytes]) -> bool:
        """Insert many rows at once if nothing at all stands in the way; else change nothing and return False.

        The caller then goes row by row: so it must where there is more to check than the primary key.
        """
        if table.unique_keys or table.foreign_keys:
            return False
        if table.primary:
            if len(dict.fromkeys(keys)) < len(keys) or not table.rows.keys().isdisjoint(keys):
                return False
            own = txn.overlays.get(table)
            overlays = [*(overlay for _, overlay in self.others(table, txn)), *([own] if own else [])]
            if not all(o.added.keys().isdisjoint(keys) and o.removed.isdisjoint(keys) for o in overlays):
                return False
        self.overlay(table, txn).added.update(zip(keys, stored, strict=True))
        return True

    def insert(self, table: Table, txn: Transaction, key: bytes, stored: bytes, row: Row) -> None:
        """Insert one row.

        Raises: BusyError: another transaction has the key; nothing is changed, try again when it has ended.
        OracleError: 1, the key is there.
        """
        for other, overlay in self.others(table, txn):
            if overlay.touches(key):
                raise BusyError(other)
        if self.find(table, txn, key) is not None:
            raise OracleError(1, table.constraint(table.primary_name))
        claims = [(number, unique.of(row)) for number, unique in enumerate(table.unique_keys)]
        for number, value in claims:
            unique = table.unique_keys[number]
            if value and not unique.deferred and self._is_taken(table, txn, number, value):
                raise OracleError(1, table.constraint(unique.name))
        own = self.overlay(table, txn)
        own.added[key] = stored
        for number, value in claims:
            if value:
                own.taken[number][value] = key

    def _is_taken(self, table: Table, txn: Transaction, number: int, value: bytes) -> bool:
        """Whether a row has this value of a unique key. Raises: BusyError: another transaction decides it."""
        for other, overlay in self.others(table, txn):
            if value in overlay.taken[number] or value in overlay.freed[number]:
                raise BusyError(other)
        own = txn.overlays.get(table)
        is_taken = value in table.unique_keys[number].owners and not (own is not None and value in own.freed[number])
        return is_taken or (own is not None and value in own.taken[number])

    def has_parent(self, foreign: ForeignKey, txn: Transaction, value: bytes) -> bool:
        """Whether there is the row that a foreign key's value refers to. Raises: BusyError: as `_is_taken`."""
        parent = foreign.parent
        if foreign.unique is not None:
            return self._is_taken(parent, txn, parent.unique_keys.index(foreign.unique), value)
        for other, overlay in self.others(parent, txn):
            # a row that was changed, and not its key, is there however that ends
            if overlay.touches(value) and not (value in parent.rows and value in overlay.added):
                raise BusyError(other)
        return self.find(parent, txn, value) is not None

    def take_back(self, table: Table, txn: Transaction, key: bytes, row: Row) -> None:
        """Undo an insert of this transaction's."""
        own = txn.overlays[table]
        own.added.pop(key, None)
        for number, unique in enumerate(table.unique_keys):
            own.taken[number].pop(unique.of(row), None)
        if own == self._new_overlay(table):
            del txn.overlays[table]
            self._forget(table, txn)

    def delete(self, table: Table, txn: Transaction, key: bytes) -> None:
        """Delete a row that the session sees. Raises: BusyError: another transaction has it; nothing is changed."""
        for other, overlay in self.others(table, txn):
            if overlay.touches(key):
                raise BusyError(other)
        stored = self.find(table, txn, key)
        if stored is None:
            return
        own = self.overlay(table, txn)
        own.added.pop(key, None)
        own.removed.add(key)
        row = table.unpack(stored) if table.unique_keys else ()
        for number, unique in enumerate(table.unique_keys):
            value = unique.of(row)
            if value:
                own.taken[number].pop(value, None)
                own.freed[number].add(value)

    def restore(self, table: Table, txn: Transaction, before: Overlay | None) -> None:
        """Put back a transaction's changes to a table as they were when its statement began."""
        if before is not None:
            own = self.overlay(table, txn)
            own.added, own.removed, own.taken, own.freed = before.added, before.removed, before.taken, before.freed
        elif table in txn.overlays:
            del txn.overlays[table]
            self._forget(table, txn)

    @staticmethod
    def check_deferred(txn: Transaction) -> None:
        """Check what is checked at the commit. Raises: OracleError: 1; the caller rolls back."""
        for table, overlay in txn.overlays.items():
            for number, unique in enumerate(table.unique_keys):
                if unique.deferred:
                    overlay.taken[number] = _taken(table, unique, overlay)

    def commit(self, txn: Transaction) -> None:
        """Make a transaction's changes everybody's, and forget those to temporary tables."""
        for table, overlay in lasting(txn):
            for number, unique in enumerate(table.unique_keys):
                for value in overlay.freed[number]:
                    unique.owners.pop(value, None)
                unique.owners.update(overlay.taken[number])
            for key in overlay.removed:
                table.rows.pop(key, None)
            table.rows.update(overlay.added)
        self._close(txn)

    def rollback(self, txn: Transaction) -> None:
        """Forget a transaction's changes."""
        self._close(txn)

    def _close(self, txn: Transaction) -> None:
        for table in txn.overlays:
            self._forget(table, txn)
        txn._end()  # noqa: SLF001 - the log is the only one to end a transaction

    def _forget(self, table: Table, txn: Transaction) -> None:
        users = self._open[table]
        del users[txn]
        if not users:
            del self._open[table]

    @staticmethod
    def wait_for(txn: Transaction, holder: Transaction) -> "asyncio.Future[None]":
        """Note that one transaction waits for another and return what to wait for.

        Raises: OracleError: 60, they would wait for each other.
        """
        step: Transaction | None = holder
        while step is not None:
            if step is txn:
                raise OracleError(60)
            step = step.waiting_for
        txn.waiting_for = holder
        return holder.ended()


def lasting(txn: Transaction) -> list[tuple[Table, Overlay]]:
    """Return what a commit keeps of a transaction's changes."""
    return [(table, overlay) for table, overlay in txn.overlays.items() if not table.is_temporary]


def _taken(table: Table, unique: UniqueKey, overlay: Overlay) -> dict[bytes, bytes]:
    """Return the values of a unique key that a transaction's rows have. Raises: OracleError: 1, one is there twice."""
    taken: dict[bytes, bytes] = {}
    for key, stored in overlay.added.items():
        value = unique.of(table.unpack(stored))
        if not value:
            continue
        owner = unique.owners.get(value, key)
        if value in taken or (owner != key and owner not in overlay.removed):
            raise OracleError(1, table.constraint(unique.name))
        taken[value] = key
    return taken
