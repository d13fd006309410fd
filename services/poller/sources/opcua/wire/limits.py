"""Answers of a bounded size: what a server sends beyond it fails the request that asked for it, not the connection."""

from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaError

#: Bytes of one answer. The server is told; one that sends more all the same is read past, and nothing of it is kept.
MAX_ANSWER_BYTES = 16_000_000


class AnswerLostError(UaError):
    """The answer to this request is too large, for us or for the server; the next request may well be answered."""


def bound_answers(client: Client) -> None:
    """Make a connected client read past what is too large.

    asyncua has no limit of its own but the one that the server names for requests; where an answer is above that, it
    hangs up, and every node of the session is lost with the one that was too large.
    """
    protocol: Any = client.uaclient.protocol
    connection = protocol._connection  # noqa: SLF001 - the library's own place for limits; its version is pinned
    limits = connection._limits  # noqa: SLF001
    limits.max_message_size = limits.max_chunk_count = 0
    limits.max_recv_buffer = MAX_ANSWER_BYTES
    receive, take = connection._receive, protocol.data_received  # noqa: SLF001

    def receive_bounded(chunk: Any) -> Any:
        if chunk.MessageHeader.ChunkType == ua.ChunkType.Abort:
            # The library drops it and says nothing to who waits for the answer.
            connection._check_incoming_chunk(chunk)  # noqa: SLF001
            connection._drop_incoming_parts()  # noqa: SLF001
            _fail(protocol._callbackmap.pop(chunk.SequenceHeader.RequestId, None), "the server broke its answer off")  # noqa: SLF001
            return None
        if connection._incoming_size + len(chunk.Body) > MAX_ANSWER_BYTES:  # noqa: SLF001
            why = f"the answer is larger than {MAX_ANSWER_BYTES} bytes"
            _fail(protocol._callbackmap.get(chunk.SequenceHeader.RequestId), why)  # noqa: SLF001
            # The first part stays: it says whose answer this is, until the last one has come.
            del connection._incoming_parts[1:]  # noqa: SLF001
            connection._incoming_size = MAX_ANSWER_BYTES  # noqa: SLF001
            chunk.Body = b"" if connection._incoming_parts else chunk.Body[:1000]  # noqa: SLF001
        return receive(chunk)

    def take_bounded(data: bytes) -> None:
        take(data)
        waiting = protocol.receive_buffer
        if waiting and int.from_bytes(waiting[4:8], "little") > MAX_ANSWER_BYTES:
            # A single part of that size breaks the protocol: there is no reading past it.
            protocol.receive_buffer = None
            protocol._fail_all_pending(ConnectionError("the server sends parts that are too large"))  # noqa: SLF001
            protocol.disconnect_socket()

    connection._receive, protocol.data_received = receive_bounded, take_bounded  # noqa: SLF001


def _fail(request: Any, why: str) -> None:
    if request is not None and not request.done():
        request.set_exception(AnswerLostError(why))
