"""A server that says odd things of some nodes: `python -m ...odd_plant PORT`. It says "ready" when one may connect.

Odd/D0 ... are good numbers that change. The others are not UTF-8, can't be decoded, make the server fail, are too
large, or have times that are none. ODD_NODES names those that there are, or all. A node of ODD_MENDS is mended after a
while.
"""

import asyncio
import copy
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any

from asyncua import ua as typed_ua
from asyncua.common.connection import MessageChunk
from asyncua.common.node import Node
from asyncua.common.utils import ServiceError
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua import ua_binary

from tests.integration.poller.sources.opcua.space import make_server

ua: Any = typed_ua

#: Good tags beside the odd ones.
GOOD = 50

#: Bytes of the large node: above what a poller takes of one answer.
LARGE_BYTES = int(os.environ.get("ODD_LARGE", "40000000"))

#: Turns, of a tenth of a second each, after which the nodes of ODD_MENDS are mended.
MENDED_AFTER = 50

#: A text at which the server breaks its answer off, as one does that finds it too large.
ABORTED = "the answer with this is broken off"

#: A text at which the server hangs up.
CLOSING = "at this the server hangs up"

#: A text at which the server refuses the whole request, with a code that no list of ours names: BadDataLost.
REFUSING, REFUSED = "at this the server refuses", 0x809D0000

#: The name of a node at which the server refuses to say what its parent holds.
DARK = "nobody is told of this"

#: Good nodes that are there only after so many turns: a server that takes connections before it is whole.
LATE_AFTER = int(os.environ.get("ODD_LATE", "0"))

_UNDECODABLE = "undecodable"
_to_chunks: Any = MessageChunk.message_to_chunks
_send: Any = UaProcessor.send_response
_to_binary = ua_binary.variant_to_binary


def _variant_to_binary(variant: Any) -> bytes:
    if variant.Value == _UNDECODABLE:
        # A node id of a kind that there is none of.
        return b"\x11\x3f\x00"
    return _to_binary(variant)


def _message_to_chunks(policy: Any, body: bytes, *arguments: Any, **keys: Any) -> list[Any]:
    chunks: list[Any] = _to_chunks(policy, body, *arguments, **keys)
    if ABORTED.encode() in body:
        chunks[0].Body = body[:20]
        chunks[0].MessageHeader.ChunkType = ua.ChunkType.Intermediate
        last = copy.deepcopy(chunks[0])
        last.Body = ua_binary.struct_to_binary(ua.ErrorMessage(ua.StatusCode(ua.UInt32(0x80B90000)), "too large"))
        last.MessageHeader.ChunkType = ua.ChunkType.Abort
        return [chunks[0], last]
    return chunks


def _send_response(processor: Any, handle: Any, header: Any, response: Any, *arguments: Any) -> None:
    binary = ua_binary.struct_to_binary(response)
    if CLOSING.encode() in binary:
        processor._transport.close()
    elif REFUSING.encode() in binary or (DARK.encode() in binary and isinstance(response, ua.BrowseResponse)):
        raise ServiceError(REFUSED)
    else:
        _send(processor, handle, header, response, *arguments)


def values(number: int) -> dict[str, Any]:
    """Return what the odd nodes hold: new values at every turn, so that a subscription tells of them, too."""
    variant, kind = ua.Variant, ua.VariantType
    wanted = os.environ.get("ODD_NODES", "Large").split(",")
    # Ten times a second, so only where somebody asks for it.
    large = bytes([number % 256]) * LARGE_BYTES if "Large" in wanted else b""
    data: dict[str, Any] = {
        "Latin": ua.DataValue(variant(f"caf\udce9 {number}", kind.String)),
        "Surrogate": ua.DataValue(variant("\udced\udca0\udc80", kind.String)),
        "Localized": ua.DataValue(variant(ua.LocalizedText(f"caf\udce9 {number}"), kind.LocalizedText)),
        "Infinity": ua.DataValue(variant(float("inf") * (-1) ** number, kind.Double)),
        "Undecodable": ua.DataValue(variant(_UNDECODABLE, kind.String)),
        "Large": ua.DataValue(variant(large, kind.ByteString)),
        "Aborted": ua.DataValue(variant(f"{ABORTED} {number}", kind.String)),
        "Closing": ua.DataValue(variant(f"{CLOSING} {number}", kind.String)),
        "Refusing": ua.DataValue(variant(f"{REFUSING} {number}", kind.String)),
        "Failing": ua.DataValue(variant("no number", kind.Int32)),
        "Before": ua.DataValue(variant(number, kind.Int32), SourceTimestamp=datetime(1601, 1, 1, tzinfo=UTC)),
        "Never": ua.DataValue(variant(number, kind.Int32), SourceTimestamp=datetime(9999, 12, 31, 23, 59, tzinfo=UTC)),
        "Timeless": ua.DataValue(variant(number, kind.Int32), SourceTimestamp=None, ServerTimestamp=None),
    }
    chosen = {name: value for name, value in data.items() if "ODD_NODES" not in os.environ or name in wanted}
    if number > MENDED_AFTER:
        text = variant(str(number), kind.String)
        mended = {"Undecodable": text, "Aborted": text, "Closing": text, "Large": variant(b"small", kind.ByteString)}
        chosen |= {name: ua.DataValue(mended[name]) for name in os.environ.get("ODD_MENDS", "").split(",") if name}
    return chosen


async def main(port: int) -> None:
    """Serve until ended."""
    logging.disable(logging.CRITICAL)
    setattr(MessageChunk, "message_to_chunks", staticmethod(_message_to_chunks))  # noqa: B010 - no type says so
    setattr(UaProcessor, "send_response", _send_response)  # noqa: B010 - as above
    ua_binary.variant_to_binary = _variant_to_binary  # type: ignore[assignment]
    server = make_server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    index = await server.register_namespace("urn:odd")
    folder = await server.nodes.objects.add_folder(ua.NodeId("Odd", index), ua.QualifiedName("Odd", index))

    async def add(name: str, value: Any) -> Node:
        return await folder.add_variable(ua.NodeId(f"Odd.{name}", index), ua.QualifiedName(name, index), value)

    good = [await add(f"D{number}", 0) for number in range(GOOD // 2 if LATE_AFTER else GOOD)]
    odd = {name: await add(name, value.Value) for name, value in values(0).items()}
    if os.environ.get("ODD_DARK"):
        dark = await server.nodes.objects.add_folder(ua.NodeId("Dark", index), ua.QualifiedName("Dark", index))
        await dark.add_variable(ua.NodeId("Dark.X", index), ua.QualifiedName(DARK, index), 0)
    number = 0

    async def write() -> None:
        for node in good:
            await server.write_attribute_value(node.nodeid, ua.DataValue(ua.Variant(number, ua.VariantType.Int64)))
        for name, value in values(number).items():
            await server.write_attribute_value(odd[name].nodeid, value)

    await write()
    async with server:
        print("ready", flush=True)
        while True:
            await asyncio.sleep(0.1)
            number += 1
            if number == LATE_AFTER:
                good += [await add(f"D{late}", 0) for late in range(GOOD // 2, GOOD)]
            await write()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
