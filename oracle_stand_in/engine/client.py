"""What the engine needs to know of whoever runs a statement; a session is one, an init script another."""

import asyncio
from typing import Protocol

from oracle_stand_in.data.nls import Nls
from oracle_stand_in.engine.storage.transactions import Transaction
from oracle_stand_in.sql.evaluation.context import Context


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
