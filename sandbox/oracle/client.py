"""What the engine needs to know of whoever runs a statement; a session is one, an init script another."""

import asyncio
from typing import Protocol

from sandbox.oracle.evaluate import Context
from sandbox.oracle.transactions import Transaction


class Client(Protocol):
    """Runs statements in a transaction of its own."""

    @property
    def txn(self) -> Transaction:
        """Its transaction."""

    def context(self) -> Context:
        """Return what the statement may ask about its session."""

    async def wait(self, event: "asyncio.Future[None]") -> None:
        """Wait for another transaction to end. Raises: whatever ends the wait otherwise, such as a break."""
