"""`access = "read"`: all tags of the group are read when the group says so."""

import asyncio

from services.poller.source import Reading
from services.poller.sources.opcua.server import TAGS_AT_ONCE, Server


class PolledServer(Server):
    """Reads a server's tags in chunks of what it takes."""

    async def read(self) -> Reading | None:
        """Return what the server says now; while it is away, what the keys say of that."""
        session = self.connection.session
        if session is None:
            return await self.away()
        self.browse_again(session)
        nodes, addresses = self.nodes, self.addresses
        try:
            answers = await session.read(nodes)
        except Exception as error:  # noqa: BLE001 - asyncua raises all sorts; each means: connect anew
            self.connection.lose(error, session)
            return await self.away()
        if session.lost is not None:
            self.connection.lose(session.lost, session)
        now = self.clock.now()
        for place, (address, answer) in enumerate(zip(addresses, answers, strict=True), start=1):
            self.collector.add(address, answer, now)
            if place % TAGS_AT_ONCE == 0:
                # A large group takes a while: the other groups' polls are due meanwhile.
                await asyncio.sleep(0)
        for address, reason in self.impossible.items():
            self.collector.fail(address, reason, now)
        return self.collect()
