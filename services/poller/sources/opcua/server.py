"""What reading and subscribing share: the group's tags, the connection, and what is said while the server is away."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from asyncua import ua

from services.poller.news import Tell, nobody
from services.poller.source import Reading, SourceError, TagSource
from services.poller.sources.long_lived import long_lived
from services.poller.sources.opcua.browse import find
from services.poller.sources.opcua.keys import OpcuaKeys
from services.poller.sources.opcua.matches import Matches
from services.poller.sources.opcua.namespaces import Namespaces
from services.poller.sources.opcua.tags import Tag
from services.poller.sources.opcua.times import RisingTimes
from services.poller.sources.opcua.values import Collector
from services.poller.sources.opcua.wire.connection import Connection
from services.poller.sources.opcua.wire.faults import Faults
from services.poller.sources.opcua.wire.logons import one_for_all
from services.poller.sources.opcua.wire.reasons import reason
from services.poller.sources.opcua.wire.security import certificate_until
from services.poller.sources.opcua.wire.session import Session
from shared.clock import SystemClock
from shared.logs import get_logger
from shared.texts import cut

#: Tags that are worked on before the other groups have their turn.
TAGS_AT_ONCE = 500

#: Seconds that a walk through the nodes gets to notice that it is to end.
_CANCEL_S = 0.2

_log = get_logger()


class Server(TagSource):
    """The tags of one polling group on one server."""

    def __init__(self, model: OpcuaKeys, group: str, interval_s: float, directory: Path, tell: Tell = nobody) -> None:
        self.model = model
        self.interval_s = interval_s
        self.clock = SystemClock()
        self.times = RisingTimes(use_source=model.timestamps == "source")
        self.collector = Collector(self.times)
        self._lost_told = 0
        self._group = group
        #: The nodes whose answers can't be read: they are left out, also in the next session.
        self.faults = Faults(self.clock, self._say)
        self._directory = directory
        name = f"Group '{group}': {model.url}"
        self.connection = Connection(self._connect, name, model.reconnect_max_ms / 1000, self.clock, tell)
        #: Nodes and the addresses of their tags, as they are on the server now.
        self.nodes: list[ua.NodeId] = []
        self.addresses: list[str] = []
        self._matches = Matches(self.clock)
        self._namespaces = Namespaces()
        self._browsing: asyncio.Task[None] | None = None
        #: Tags that the server can't have: address -> why.
        self.impossible: dict[str, str] = {}
        self._certificate_until: float | None = None

    async def open(self) -> None:
        """Read the list of tags and try to connect; a server that is away is not an error.

        Raises: SourceError: the list of tags can't be read.
        """
        await self._know(await self._listed())
        await self.connection.start()

    async def close(self) -> None:
        """Hang up."""
        if self._browsing is not None:
            self._browsing.cancel()
            await asyncio.wait([self._browsing], timeout=_CANCEL_S)
        await self.connection.stop()

    def status(self) -> Mapping[str, Any]:
        """Return what the monitor shows of the server."""
        return {
            "server": "connected" if self.connection.session is not None else "away",
            "tags": len(self.addresses) + len(self.impossible),
            "reconnects": max(0, self.connection.reconnects),
            "lost_at_server": self.collector.lost_at_server,
            "source_times_ahead": self.times.ahead,
            "unreadable": len(self.faults),
            "certificate_until": self._certificate_until,
        }

    async def away(self) -> Reading:
        """Return what is read of a server that is away: every tag BAD, or nothing, as the keys say."""
        trouble = self.connection.trouble or "the server is away"
        if self.model.away == "bad":
            now = self.clock.now()
            for place, address in enumerate([*self.addresses, *self.impossible], start=1):
                self.collector.fail(address, trouble, now)
                if place % TAGS_AT_ONCE == 0:
                    await asyncio.sleep(0)
        return replace(self.collect(), trouble=trouble)

    @property
    def lost(self) -> int:
        """Readings that are known to be lost on the way here, since the start."""
        return self.collector.lost_at_server

    def collect(self) -> Reading:
        """Return what was collected, and how many readings were lost since the last time."""
        before, self._lost_told = self._lost_told, self.lost
        return replace(self.collector.collect(), lost=self._lost_told - before)

    async def ready(self, session: Session) -> None:
        """Do what is to be done with a new session before the first reading."""

    def _say(self, message: str) -> None:
        _log.warning(f"Group '{self._group}': {self.model.url}: {message}", kind=self._group)

    async def _connect(self) -> Session:
        self._certificate_until = certificate_until(self.model, self._directory)
        session = await self._log_on()
        try:
            await self._resolve(session)
            await self.ready(session)
        except BaseException:
            await session.close()
            raise
        return session

    async def _log_on(self) -> Session:
        model = self.model
        who = model.url, model.user, model.secret(self._directory)
        async with one_for_all(who, self.clock) if model.user else nullcontext():
            return await Session.connect(model, self._directory, self.faults, self.connection.lose)

    async def _resolve(self, session: Session) -> None:
        """Find the nodes of the tags: indexes of namespaces may have changed, and what a glob matches."""
        moved = self._namespaces.met(await session.namespaces())
        if moved:
            self._say(f"the server numbers its namespaces anew: {cut('; '.join(moved))}. Better name them: nsu=URI;...")
        if self.model.tags.globs:
            found = await find(session, self.model.tags.globs)
            if not found and not self.addresses:
                raise SourceError(f"no variable matches {', '.join(self.model.tags.globs)}")
            self._matches.connected(found, forget_gone=bool(moved))
            self._take_matches()
            return
        await self._know(await self._listed())

    def _keep_apart(self) -> None:
        """See which tags are called as elements of others, should these be arrays."""
        known, before = {*self.addresses}, self.collector.apart
        named = (address for address in known if address.endswith("]"))
        self.collector.apart = frozenset(name for name in named if name.rpartition("[")[0] in known)
        if self.collector.apart - before:
            some = cut(", ".join(sorted(self.collector.apart)[:3]))
            self._say(
                f"{len(self.collector.apart)} tags are called as elements of a tag, should that be an array: {some}. "
                "Under these names the tags are stored, and not the elements"
            )

    def _take_matches(self) -> None:
        before, self.nodes, self.addresses = len(self.addresses), self._matches.nodes, self._matches.addresses
        self._keep_apart()
        if len(self.addresses) != before or self._matches.gone:
            gone = f"; {self._matches.gone} more did and are read until they are back" if self._matches.gone else ""
            count = len(self.addresses) - self._matches.gone
            _log.info(f"Group '{self._group}': {count} tags match {', '.join(self.model.tags.globs)}{gone}")

    def browse_again(self, session: Session) -> None:
        """Look, beside the reading, for tags that a glob matches by now."""
        if self._browsing is None and self._matches.is_due():
            self._browsing = asyncio.create_task(self._browse(session), name=f"browse of {self._group}")

    async def _browse(self, session: Session) -> None:
        try:
            found = await find(session, self.model.tags.globs)
            before = len(self.addresses)
            if self.connection.session is session and self._matches.add(found):
                self._take_matches()
                await self.added(range(before, len(self.addresses)))
        except Exception as error:  # noqa: BLE001 - if it is the connection's trouble, the next read meets it, too
            _log.info(f"Group '{self._group}': {self.model.url}: its nodes are not browsed further: {reason(error)}")
        finally:
            self._browsing = None

    async def added(self, places: range) -> None:
        """Do what is to be done for tags that came while the session lasts."""

    async def _listed(self) -> list[Tag]:
        return await asyncio.to_thread(self.model.tags.listed, self._directory)

    async def _know(self, tags: Sequence[Tag]) -> None:
        # In a thread: half a million node ids take ten seconds to make.
        self.nodes, self.addresses, self.impossible = await asyncio.to_thread(_nodes, tags, self._namespaces)
        self._keep_apart()


def _nodes(tags: Sequence[Tag], namespaces: Namespaces) -> tuple[list[ua.NodeId], list[str], dict[str, str]]:
    """Return the nodes of tags, their addresses, and those that the server can't have, with the reason."""
    nodes: list[ua.NodeId] = []
    addresses: list[str] = []
    impossible: dict[str, str] = {}
    with long_lived(len(tags)):
        for tag in tags:
            try:
                node = namespaces.node(tag.node_id)
            except (ua.uaerrors.UaError, ValueError, LookupError) as error:
                impossible[tag.address] = cut(error)
            else:
                nodes.append(node)
                addresses.append(tag.address)
    return nodes, addresses, impossible
