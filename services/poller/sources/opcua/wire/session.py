"""One connection to an OPC UA server: connect, read in chunks of what it takes, subscribe, close in time."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaStructParsingError

from services.poller.sources.opcua.keys import OpcuaKeys
from services.poller.sources.opcua.wire.faults import (
    TOO_MANY,
    Answer,
    Faults,
    NodeFault,
    is_of_the_answer,
    is_of_the_size,
)
from services.poller.sources.opcua.wire.limits import MAX_ANSWER_BYTES, AnswerLostError, bound_answers
from services.poller.sources.opcua.wire.pinning import pin, refuse_another
from services.poller.sources.opcua.wire.reasons import reason
from services.poller.sources.opcua.wire.security import secure
from services.poller.sources.opcua.wire.subscription import Subscription

#: Seconds between two questions of the client's own watchdog whether the server lives.
WATCHDOG_S = 5.0

#: Milliseconds for which the server keeps a session of which it hears nothing. A PLC has few of them, five or ten: what
#: was killed or cut off must not hold its own for the hour that the library asks for, or nobody gets in until then.
SESSION_MS = 60_000

#: Seconds that a close may take: a server that is frozen answers no good-bye.
CLOSE_S = 0.8

#: Seconds that the client then gets to notice that its socket is closed.
_END_S = 0.1

#: Where a server tells its limits; 0, or nothing there, is none.
#: Source: OPC UA Part 5, 6.3.11 OperationLimitsType.
_MAX_PER_READ, _MAX_PER_BROWSE, _MAX_PER_MONITOR = 11705, 11710, 11714

#: Read requests on their way at a time: the server works on one while we decode the answer to another.
_REQUESTS_AT_ONCE = 2

#: Requests that one read may take more, to find the nodes whose answers can't be read: then the server is at fault.
_MAX_SEARCHES = 1_000

#: Monitored items created in one call where the server names no limit.
_ITEMS_PER_CALL = 1000


class Session:
    """A connected client."""

    def __init__(self, client: Client, read_chunk: int, faults: Faults) -> None:
        self.client = client
        #: The server's address, for logs.
        self.url = client.server_url.geturl()
        self._faults = faults
        self._read_chunk = read_chunk
        self._searches = 0
        #: Whether the server answered any request of this read, and what it answered to one for a single node.
        self._answers = False
        self._refusal: ua.uaerrors.UaStatusCodeError | None = None
        #: Why the connection ended while something was read apart from the rest; it is then to be given up.
        self.lost: OSError | None = None
        self.browse_chunk = 100
        self._monitor_chunk = _ITEMS_PER_CALL

    @classmethod
    async def connect(
        cls, model: OpcuaKeys, directory: Path, faults: Faults,
        on_lost: Callable[[Exception], None] | None = None,
    ) -> "Session":  # fmt: skip
        """Return a session. `on_lost` is called when the client notices that the server is gone.

        Raises: SourceError; OSError, TimeoutError, ua.UaError and others of asyncua.
        """
        # It logs whole stack traces of what is expected here: a server that goes away.
        logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
        timeout_s = model.timeout_ms / 1000
        client = Client(model.url, timeout=timeout_s, watchdog_intervall=WATCHDOG_S)
        client.name = client.description = "tagpipe poller"
        client.session_timeout = SESSION_MS
        client.max_messagesize = MAX_ANSWER_BYTES
        session = cls(client, model.read_chunk, faults)
        try:
            async with asyncio.timeout(2 * timeout_s):
                await secure(client, model, directory)
                pinned = directory / (model.server_certificate or "") if model.trust == "pinned" else None
                shown = client.security_policy.peer_certificate or b""
                if pinned is not None:
                    refuse_another(pinned, shown, model.url)
                await client.connect()
                # Now it has proved that the key is its own.
                if pinned is not None:
                    pin(pinned, shown, model.url)
                bound_answers(client)
                await session._ask_limits()
        except BaseException:
            await session.close()
            raise
        if on_lost is not None:

            async def lost(error: Exception) -> None:
                on_lost(error)

            client.connection_lost_callback = lost
        return session

    async def _ask_limits(self) -> None:
        nodes = [ua.NodeId(ua.Int32(number)) for number in (_MAX_PER_READ, _MAX_PER_BROWSE, _MAX_PER_MONITOR)]
        answers = await self.client.uaclient.read_attributes(nodes, AttributeIds.Value)
        read, browse, monitor = map(_limit, answers)
        self._read_chunk = min(self._read_chunk, read or self._read_chunk)
        self.browse_chunk = min(self.browse_chunk, browse or self.browse_chunk)
        self._monitor_chunk = min(self._monitor_chunk, monitor or self._monitor_chunk)

    async def read(self, nodes: Sequence[ua.NodeId], attribute: AttributeIds = AttributeIds.Value) -> list[Answer]:
        """Return what the server says of each node, in their order.

        A node whose answer can't be read, because it is too large, can't be decoded, or makes the server answer nothing
        at all, is found by halving the request, and left out for a while: it costs the others nothing. Where the
        connection ends instead, what was being asked is read apart, after all else, by the next session.

        Raises: what asyncua raises; the connection is then to be given up.
        """
        self._begin()
        try:
            answers = await self._read_apart_what_is_suspected(nodes, attribute)
        except OSError:
            self._faults.confirm()
            raise
        except Exception:
            self._faults.withdraw()
            raise
        if self._refusal is not None and not self._answers:
            # Not one node could be read: that is no node's fault.
            self._faults.withdraw()
            raise self._refusal
        self._faults.confirm()
        return answers

    def _begin(self) -> None:
        self._searches, self._answers, self._refusal = 0, False, None

    async def _read_apart_what_is_suspected(self, nodes: Sequence[ua.NodeId], attribute: AttributeIds) -> list[Answer]:
        faults = self._faults
        if not faults and not faults.suspects:
            return await self._read_all(nodes, attribute)
        suspected = {node for group in faults.suspects for node in group}
        due = [[node] for node in faults.due(nodes)]
        asked = dict.fromkeys(node for node in nodes if node not in faults and node not in suspected)
        answers: dict[ua.NodeId, Answer] = dict(zip(asked, await self._read_all([*asked], attribute), strict=True))
        for group in [*faults.suspects, *due]:
            await self._read_apart(group, attribute, answers)
        left_out = NodeFault("not asked: the connection ended")
        return [answers.get(node) or faults.get(node, left_out) for node in nodes]

    async def _read_apart(
        self, group: Sequence[ua.NodeId], attribute: AttributeIds, answers: dict[ua.NodeId, Answer]
    ) -> None:
        """Read nodes that may end the connection; when they do, the answers that are there count all the same."""
        if self.lost is not None:
            return
        if group in self._faults.suspects:
            self._faults.suspects.remove(group)
        try:
            answers |= zip(group, await self._read_some(group, attribute), strict=True)
        except OSError as error:
            self.lost = error

    async def _read_all(self, nodes: Sequence[ua.NodeId], attribute: AttributeIds) -> list[Answer]:
        size = self._read_chunk
        chunks = [nodes[first : first + size] for first in range(0, len(nodes), size)]
        answers: list[Answer] = []
        for first in range(0, len(chunks), _REQUESTS_AT_ONCE):
            some = chunks[first : first + _REQUESTS_AT_ONCE]
            for found in await asyncio.gather(*(self._read_some(chunk, attribute) for chunk in some)):
                answers += found
        return answers

    async def _read_some(self, nodes: Sequence[ua.NodeId], attribute: AttributeIds) -> list[Answer]:
        try:
            answers: list[Answer] = [*await self._ask(nodes, attribute)]
        except Exception as error:
            if isinstance(error, OSError):
                self._faults.suspect(nodes, reason(error), answers=self._answers)
            if not is_of_the_answer(error) or self._searches >= _MAX_SEARCHES:
                raise
            if len(nodes) > 1:
                return await self._read_halves(nodes, attribute, error)
            if isinstance(error, TOO_MANY):
                raise
            if isinstance(error, ua.uaerrors.UaStatusCodeError) and not is_of_the_size(error):
                self._refusal = error
            return [self._faults.remember(nodes[0], reason(error))]
        self._answers = True
        if len(nodes) == 1:
            self._faults.forget(nodes[0])
        return answers

    async def _read_halves(self, nodes: Sequence[ua.NodeId], attribute: AttributeIds, error: Exception) -> list[Answer]:
        self._searches += 2
        found, half = self._faults.found, (len(nodes) + 1) // 2
        answers = await self._read_some(nodes[:half], attribute)
        answers += await self._read_some(nodes[half:], attribute)
        if is_of_the_size(error) and self._faults.found == found:
            # No node is at fault: they are too many at a time.
            self._read_chunk = min(self._read_chunk, half)
        return answers

    async def _ask(self, nodes: Sequence[ua.NodeId], attribute: AttributeIds) -> list[ua.DataValue]:
        found = await self.client.uaclient.read_attributes(list(nodes), attribute)
        if len(found) != len(nodes):
            raise ConnectionError(f"the server answered {len(found)} of {len(nodes)} nodes")
        return found

    async def subscribe(
        self, params: ua.CreateSubscriptionParameters, on_publish: Callable[[ua.PublishResult], None],
        on_unreadable: Callable[[], None], on_gone: Callable[[Exception], None],
    ) -> Subscription:  # fmt: skip
        """Let the server tell changes. `on_unreadable`: some can't be read; `on_gone`: it has no subscription left."""
        link: Any = self.client.uaclient.session
        publish = link.publish

        async def publish_or_say(acknowledged: Any) -> Any:
            try:
                return await publish(acknowledged)
            except (UaStructParsingError, AnswerLostError) as error:
                on_unreadable()
                # The library goes on with the next at this one.
                raise UaStructParsingError from error
            except ua.uaerrors.BadNoSubscription as error:
                # The library takes it for an end in good order, and asks for no more.
                on_gone(error)
                raise
            except ua.uaerrors.UaStatusCodeError as error:
                if is_of_the_answer(error):
                    on_unreadable()
                raise

        link.publish = publish_or_say
        subscription = Subscription(link, params, on_publish, self._monitor_chunk)
        await subscription.open()
        return subscription

    async def namespaces(self) -> list[str]:
        """Return the server's namespaces by their index; none where it does not say.

        Raises: OSError, TimeoutError: the connection is gone.
        """
        try:
            return [str(uri) for uri in await self.client.get_namespace_array() or ()]
        except (ua.uaerrors.UaError, TypeError):
            return []

    async def close(self) -> None:
        """Say good-bye if the server listens, and let go of everything."""
        self.client.connection_lost_callback = None
        # A task of its own: the client swallows a cancellation that meets it at the wrong moment.
        goodbye = asyncio.create_task(self.client.disconnect())
        goodbye.add_done_callback(_forget)
        try:
            await asyncio.wait([goodbye], timeout=CLOSE_S)
        finally:
            goodbye.cancel()
            # Whatever goes wrong here: the connection is no more.
            with contextlib.suppress(Exception):
                self.client.disconnect_socket()
        await asyncio.wait([goodbye], timeout=_END_S)
        renewing = self.client._renew_channel_task  # noqa: SLF001 - else asyncio tells of its exception at some time
        if renewing is not None:
            renewing.add_done_callback(_forget)


def _forget(task: "asyncio.Task[None]") -> None:
    """Look at a task's exception, so that asyncio does not complain that nobody did."""
    if not task.cancelled():
        task.exception()


def _limit(answer: ua.DataValue) -> int | None:
    """Return a limit that a server tells; None when it tells none, or none that is one."""
    value = answer.Value.Value if answer.Value is not None else None
    return int(value) if isinstance(value, int) and value > 0 else None
