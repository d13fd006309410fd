"""What the engine needs to know of whoever runs a statement; a session is one, an init script another."""

import asyncio
from typing import Protocol

from oracle_stand_in.data.nls import Nls
from oracle_stand_in.engine.storage.transactions import BusyError, Transaction, TransactionLog
from oracle_stand_in.sql.evaluation.context import Context

#: executions after which other sessions get a turn
TURN = 1000


class Client(Protocol):
    """Runs statements in a transaction of its own."""

    #: its settings, which ALTER SESSION changes
    nls: Nls

    @property
    def txn(self) -> Transaction:
        """Its transaction."""

    def context(self) -> Context:
        """Return what the statement may ask about its session."""

    async def wait(self, event: "asyncio.Future[None]") -> None:
        """Wait for another transaction to end. Raises: whatever ends the wait otherwise, such as a break."""


async def wait_for(client: Client, log: TransactionLog, busy: BusyError) -> None:
    """Wait until the transaction that is in the way has ended. Raises: OracleError: 60, and what ends the wait."""
    try:
        await client.wait(log.wait_for(client.txn, busy.holder))
    finally:
        client.txn.waiting_for = None


async def give_way(executions: int) -> None:
    """Let other sessions run from time to time: a batch without binds may be of millions."""
    if executions % TURN == TURN - 1:
        await asyncio.sleep(0)
