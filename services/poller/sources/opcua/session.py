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

from services.poller.sources.opcua import OpcuaModel
from services.poller.sources.opcua.security import secure

#: Seconds between two questions of the client's own watchdog whether the server lives.
WATCHDOG_S = 5.0

#: Seconds that a close may take: a server that is frozen answers no good-bye.
CLOSE_S = 0.8

#: Seconds that the client then gets to notice that its socket is closed.
_END_S = 0.1

#: Where a server tells its limits; 0, or nothing there, is none.
#: Source: OPC UA Part 5, 6.3.11 OperationLimitsType.
_MAX_PER_READ, _MAX_PER_BROWSE, _MAX_PER_MONITOR = 11705, 11710, 11714

#: What a server answers to a request that is too large for it, whatever its limits say.
_TOO_LARGE = (
    ua.uaerrors.BadTooManyOperations,
    ua.uaerrors.BadResponseTooLarge,
    ua.uaerrors.BadRequestTooLarge,
    ua.uaerrors.BadEncodingLimitsExceeded,
)

#: Read requests on their way at a time: the server works on one while we decode the answer to another.
_REQUESTS_AT_ONCE = 2

#: Monitored items created in one call where the server names no limit.
_ITEMS_PER_CALL = 1000


class Session:
    """A connected client."""

    def __init__(self, client: Client, read_chunk: int) -> None:
        self.client = client
        self._read_chunk = read_chunk
        self.browse_chunk = 100
        self._monitor_chunk = _ITEMS_PER_CALL

    @classmethod
    async def connect(
        cls, model: OpcuaModel, directory: Path, on_lost: Callable[[Exception], None] | None = None
    ) -> "Session":
        """Return a session. `on_lost` is called when the client notices that the server is gone.

        Raises: SourceError; OSError, TimeoutError, ua.UaError and others of asyncua.
        """
        # It logs whole stack traces of what is expected here: a server that goes away.
        logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
        timeout_s = model.timeout_ms / 1000
        client = Client(model.url, timeout=timeout_s, watchdog_intervall=WATCHDOG_S)
        client.name = client.description = "tagpipe poller"
        session = cls(client, model.read_chunk)
        try:
            async with asyncio.timeout(2 * timeout_s):
                await secure(client, model, directory)
                await client.connect()
                await session._ask_limits()
        except BaseException:
            await session.close()
            raise
        if on_lost is not None:
            client.connection_lost_callback = _as_coroutine(on_lost)
        return session

    async def _ask_limits(self) -> None:
        nodes = [ua.NodeId(ua.Int32(number)) for number in (_MAX_PER_READ, _MAX_PER_BROWSE, _MAX_PER_MONITOR)]
        answers = await self.client.uaclient.read_attributes(nodes, AttributeIds.Value)
        read, browse, monitor = (answer.Value.Value if answer.Value is not None else None for answer in answers)
        self._read_chunk = min(self._read_chunk, read or self._read_chunk)
        self.browse_chunk = min(self.browse_chunk, browse or self.browse_chunk)
        self._monitor_chunk = min(self._monitor_chunk, monitor or self._monitor_chunk)

    async def read(
        self, nodes: Sequence[ua.NodeId], attribute: AttributeIds = AttributeIds.Value
    ) -> list[ua.DataValue]:
        """Return what the server says of each node, in their order.

        Raises: what asyncua raises; the connection is then to be given up.
        """
        while True:
            size = self._read_chunk
            chunks = [nodes[first : first + size] for first in range(0, len(nodes), size)]
            try:
                answers: list[ua.DataValue] = []
                for first in range(0, len(chunks), _REQUESTS_AT_ONCE):
                    some = chunks[first : first + _REQUESTS_AT_ONCE]
                    for found in await asyncio.gather(*(self._read_chunk_of(chunk, attribute) for chunk in some)):
                        answers += found
            except _TOO_LARGE:
                if size == 1:
                    raise
                self._read_chunk = (min(size, len(nodes)) + 1) // 2
            else:
                return answers

    async def _read_chunk_of(self, nodes: Sequence[ua.NodeId], attribute: AttributeIds) -> list[ua.DataValue]:
        found = await self.client.uaclient.read_attributes(list(nodes), attribute)
        if len(found) != len(nodes):
            raise ConnectionError(f"the server answered {len(found)} of {len(nodes)} nodes")
        return found

    async def subscribe(
        self, nodes: Sequence[ua.NodeId], params: ua.CreateSubscriptionParameters, item: ua.MonitoringParameters,
        on_publish: Callable[[ua.PublishResult], None],
    ) -> tuple[float, list[ua.StatusCode]]:  # fmt: skip
        """Let the server tell every change of the nodes; their places are the client handles.

        Returns: the seconds after which a server without news says so, and what became of each item.
        """
        link = self.client.uaclient.session
        subscription = await link.create_subscription(params, on_publish)
        results: list[ua.StatusCode] = []
        while len(results) < len(nodes):
            first = len(results)
            items = [
                _monitored(node, first + place, item)
                for place, node in enumerate(nodes[first : first + self._monitor_chunk])
            ]
            request = ua.CreateMonitoredItemsParameters()
            request.SubscriptionId = subscription.SubscriptionId
            request.TimestampsToReturn = ua.TimestampsToReturn.Both
            request.ItemsToCreate = items
            try:
                answers = await link.create_monitored_items(request)
            except _TOO_LARGE:
                if len(items) == 1:
                    raise
                self._monitor_chunk = (len(items) + 1) // 2
                continue
            results += [answer.StatusCode for answer in answers]
        keep_alive_s = subscription.RevisedPublishingInterval / 1000 * subscription.RevisedMaxKeepAliveCount
        return keep_alive_s, results

    async def namespaces(self) -> list[str]:
        """Return the server's namespaces by their index."""
        return list(await self.client.get_namespace_array())

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


def _monitored(node: ua.NodeId, handle: int, params: ua.MonitoringParameters) -> ua.MonitoredItemCreateRequest:
    own = ua.MonitoringParameters()
    own.ClientHandle = ua.IntegerId(handle)
    own.SamplingInterval, own.QueueSize, own.DiscardOldest = params.SamplingInterval, params.QueueSize, True
    request = ua.MonitoredItemCreateRequest()
    request.ItemToMonitor.NodeId = node
    request.ItemToMonitor.AttributeId = AttributeIds.Value
    request.MonitoringMode = ua.MonitoringMode.Reporting
    request.RequestedParameters = own
    return request


def _as_coroutine(call: Callable[[Exception], None]) -> Callable[[Exception], Any]:
    async def lost(error: Exception) -> None:
        call(error)

    return lost
