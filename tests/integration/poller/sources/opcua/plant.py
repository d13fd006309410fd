"""A small OPC UA server for the quick tests: `python -m ...plant PORT`. It says "ready" when it takes connections."""

import asyncio
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any

from asyncua import ua as typed_ua
from asyncua.common.node import Node
from asyncua.server.address_space import NodeManagementService
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemService
from asyncua.server.server import Server

from tests.integration.poller.sources.opcua.space import make_server

#: Its own number types are of no interest here.
ua: Any = typed_ua

#: The one time at which the value of Line/Stamped was taken.
STAMPED_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

#: Values of the tags that never change.
STILL: dict[str, tuple[Any, typed_ua.VariantType]] = {
    "Bool": (True, ua.VariantType.Boolean),
    "Int": (-7, ua.VariantType.Int32),
    "Big": (2**63 + 1, ua.VariantType.UInt64),
    "Double": (0.1, ua.VariantType.Double),
    "Text": ("점검중", ua.VariantType.String),
    "Time": (datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC), ua.VariantType.DateTime),
    "Bytes": (b"\x00\xff", ua.VariantType.ByteString),
    "NotANumber": (float("nan"), ua.VariantType.Double),
    "Array": ([1.5, 2.5, 3.5], ua.VariantType.Double),
    "Empty": ([], ua.VariantType.Int32),
}

#: A value of Line/Switch: the publishing that tells it gets lost, and nothing else is told.
LOST = 4711

#: A value of Line/Switch with which the node is gone, and another one of its id there: a program was loaded.
RELOADED = 4712

_BAD = ua.UInt32(0x80350000)  # BadAttributeIdInvalid: any bad one does
_UNCERTAIN = ua.UInt32(0x40900000)  # UncertainLastUsableValue


#: Nodes that one subscription may watch.
MOST_ITEMS = int(os.environ.get("MOST_ITEMS", "10000"))

_create: Any = MonitoredItemService._create_data_change_monitored_item


async def _create_as_many_as_may_be(service: Any, params: Any) -> Any:
    if len(service._monitored_items) < MOST_ITEMS:
        return await _create(service, params)
    return ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.UInt32(0x80DB0000)))  # BadTooManyMonitoredItems


_pop: Any = InternalSubscription._pop_publish_result


def _pop_but_what_is_lost(subscription: Any) -> Any:
    result = _pop(subscription)
    told = [getattr(data, "MonitoredItems", ()) for data in result.NotificationMessage.NotificationData]
    is_lost = any(item.Value.Value.Value == LOST for items in told for item in items)
    return _pop(subscription) if is_lost else result


_told: set[Any] = set()


def _tell_of_its_end(service: Any, node: Any) -> None:
    """Tell what watches a node, as the standard has it; asyncua tells nobody, since it awaits nothing here."""
    value = node.attributes.get(ua.AttributeIds.Value)
    for handle, callback in list(value.datachange_callbacks.items() if value is not None else ()):
        gone = ua.DataValue(ua.Variant(), ua.StatusCode(ua.UInt32(ua.StatusCodes.BadNodeIdUnknown)))
        _told.add(asyncio.ensure_future(callback(handle, gone)))
        service._aspace.delete_datachange_callback(handle)


async def main(port: int) -> None:
    """Serve until ended."""
    logging.disable(logging.CRITICAL)
    setattr(MonitoredItemService, _create.__name__, _create_as_many_as_may_be)
    setattr(InternalSubscription, "_pop_publish_result", _pop_but_what_is_lost)  # noqa: B010 - no type says so
    setattr(NodeManagementService, "_delete_node_callbacks", _tell_of_its_end)  # noqa: B010 - as above
    server = make_server()
    await server.init()
    server.iserver.max_monitored_item_queue_size = int(os.environ.get("LONGEST_QUEUE", "10000"))
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    for number in range(int(os.environ.get("NAMESPACES_BEFORE", "0"))):
        # Those that come before have nodes of the same names.
        other = await server.register_namespace(f"urn:other-{number}")
        await server.nodes.objects.add_variable(ua.NodeId("Line.Int", other), "Other", 99, ua.VariantType.Int32)
    index = await server.register_namespace("urn:plant")
    line = await server.nodes.objects.add_folder(ua.NodeId("Line", index), ua.QualifiedName("Line", index))

    async def add(name: str, value: Any, kind: typed_ua.VariantType) -> Node:
        return await line.add_variable(ua.NodeId(f"Line.{name}", index), ua.QualifiedName(name, index), value, kind)

    for name, (value, kind) in STILL.items():
        await add(name, value, kind)
    await set_status(server, await add("Bad", 13.0, ua.VariantType.Double), 13.0, _BAD)
    await set_status(server, await add("Uncertain", 12.5, ua.VariantType.Double), 12.5, _UNCERTAIN)
    stamped = await add("Stamped", 1, ua.VariantType.Int64)
    await server.write_attribute_value(
        stamped.nodeid, ua.DataValue(ua.Variant(1, ua.VariantType.Int64), SourceTimestamp=STAMPED_AT)
    )
    # Beside the others, which are read all at once.
    switch = await add_switch(server, index)
    # The same nodes by another way, which is longer.
    views = await server.nodes.objects.add_folder(ua.NodeId("Views", index), ua.QualifiedName("Views", index))
    await views.add_reference(line.nodeid, ua.ObjectIds.Organizes)
    counter = await add("Counter", 0, ua.VariantType.Int64)
    async with server:
        print("ready", flush=True)
        number = 0
        while True:
            await asyncio.sleep(0.02)
            number += 1
            if await switch.read_value() == RELOADED:
                await server.delete_nodes([switch])
                switch = await add_switch(server, index)
            await counter.write_value(ua.DataValue(
                ua.Variant(number, ua.VariantType.Int64), SourceTimestamp=datetime.now(UTC)
            ))  # fmt: skip


async def add_switch(server: Server, index: int) -> Node:
    """Add the node that clients may write."""
    switch = await server.nodes.objects.add_variable(ua.NodeId("Switch", index), "Switch", 0, ua.VariantType.Int32)
    await switch.set_writable()
    return switch


async def set_status(server: Server, node: Node, value: float, status: typed_ua.UInt32) -> None:
    """Give a node a value of this status."""
    data = ua.DataValue(ua.Variant(value, ua.VariantType.Double), ua.StatusCode(status), datetime.now(UTC))
    await server.write_attribute_value(node.nodeid, data)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
