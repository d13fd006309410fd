"""What foreign keys ask at the end of a statement: new rows have their parents, and those that are gone no children."""

from collections.abc import Iterable, Sequence

from oracle_stand_in.data.rows import Row, pack_row
from oracle_stand_in.engine.client import Client, wait_for
from oracle_stand_in.engine.queries.scan import in_chunks
from oracle_stand_in.engine.storage.catalog import Catalog
from oracle_stand_in.engine.storage.table import ForeignKey, Table
from oracle_stand_in.engine.storage.transactions import BusyError, TransactionLog
from oracle_stand_in.errors import OracleError


async def check_parents(log: TransactionLog, client: Client, table: Table, rows: Iterable[Row]) -> None:
    """Wait for those who are changing a parent. Raises: OracleError: 2291, a row has none."""
    for foreign in table.foreign_keys:
        for value in dict.fromkeys(map(foreign.of, rows)):
            if value and not await _has_parent(log, client, foreign, value):
                raise OracleError(2291, table.constraint(foreign.name))


async def _has_parent(log: TransactionLog, client: Client, foreign: ForeignKey, value: bytes) -> bool:
    while True:
        try:
            return log.has_parent(foreign, client.txn, value)
        except BusyError as busy:
            await wait_for(client, log, busy)


async def check_children(catalog: Catalog, client: Client, table: Table, gone: Sequence[Row]) -> None:
    """Wait for those who are changing a child. Raises: OracleError: 2292, a row that is gone has one.

    Args: gone: rows that the statement has deleted, or changed.
    """
    own = [(table, foreign) for foreign in table.foreign_keys if foreign.parent is table]
    for child, foreign in [*catalog.children(table), *own]:
        keys = {pack_row([row[column] for column in foreign.key_columns]) for row in gone}
        orphaned = {key for key in keys if not await _has_parent(catalog.log, client, foreign, key)}
        while orphaned:
            try:
                if await _refers(catalog.log, client, child, foreign, orphaned):
                    raise OracleError(2292, child.constraint(foreign.name))
                break
            except BusyError as busy:
                await wait_for(client, catalog.log, busy)


async def _refers(log: TransactionLog, client: Client, child: Table, foreign: ForeignKey, keys: set[bytes]) -> bool:
    """Whether a row refers to one of these. Raises: BusyError: another transaction has such a row open."""
    for other, overlay in log.others(child, client.txn):
        touched = [*overlay.added.values(), *(child.rows[key] for key in overlay.removed if key in child.rows)]
        if any(foreign.of(child.unpack(stored)) in keys for stored in touched):
            raise BusyError(other)
    async for chunk in in_chunks(list(log.visible(child, client.txn))):
        if any(foreign.of(child.unpack(stored)) in keys for _, stored in chunk):
            return True
    return False
