"""One TCP connection: packets in, answers out, and the break that may come at any moment."""

import asyncio
import logging
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable

from oracle_stand_in.faults.state import Cut
from oracle_stand_in.protocol.packets import (
    FLAG_GOODBYE,
    Marker,
    Packet,
    PacketSplitter,
    PacketType,
    ProtocolError,
    marker_kind,
    marker_packet,
)

log = logging.getLogger("oracle-stand-in")
#: SO_LINGER with a timeout of 0: closing sends RST
#: bytes that may wait to be looked at before no more are read; a batch's rows are taken in as they come
MOST_WAITING = 16 * 1024 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class BreakError(Exception):
    """The client wants the running call to end (a timeout, a cancel, or a mistake of its own in mid-message)."""


class ClosedError(Exception):
    """The connection is gone."""


class EndSession(Exception):  # noqa: N818 - not an error: the way out of a session
    """The session is over, and the connection has been dealt with."""


class Connection(asyncio.Protocol):
    """The byte side of a session. Everything here runs in the event loop."""

    def __init__(
        self,
        on_made: "Callable[[Connection], asyncio.Task[None]]",
        patience_s: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Drop the connection when the rest of a packet does not come within `patience_s` seconds."""
        self._on_made = on_made
        self._patience_s = patience_s
        self._tls = tls
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._splitter = PacketSplitter()
        self._packets: deque[Packet] = deque()
        self._waiting_bytes = 0
        #: whether the client has not taken yet what it was sent
        self._is_full = False
        #: set whenever something arrives or the connection ends
        self._news = asyncio.Event()
        self.is_closed = False
        self._is_forgotten = False

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the session."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            if self._tls is not None:
                transport.pause_reading()
        self._task = self._on_made(self)

    def data_received(self, data: bytes) -> None:
        """Take in packets."""
        if self._is_forgotten:
            return
        try:
            packets = self._splitter.feed(data)
        except ProtocolError:
            self.cut("rst")
            return
        self._wait_for_the_rest()
        for packet in packets:
            if packet.type == PacketType.DATA and int.from_bytes(packet.body[:2], "big") & FLAG_GOODBYE:
                self.is_closed = True
            else:
                self._packets.append(packet)
        self._news.set()
        self._waiting_bytes += len(data)
        if self._waiting_bytes > MOST_WAITING and self._transport is not None:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Take note that the client does not read."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Take note that the client reads again."""
        self._is_full = False
        self._news.set()

    def _wait_for_the_rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._splitter.has_part:
            self._timer = asyncio.get_running_loop().call_later(self._patience_s, self.cut, "fin")

    def connection_lost(self, _error: Exception | None) -> None:
        """End the session, whatever it is doing."""
        self.is_closed = True
        self._news.set()
        if self._task is not None:
            self._task.cancel()

    # the session's side

    @property
    def peer(self) -> str:
        """The client's address."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return f"{name[0]}:{name[1]}" if name else "?"

    async def secure(self) -> None:
        """Speak TLS from now on, where this server does; nothing has been read before.

        Raises: ClosedError: the client does not, or one of the two does not trust the other.
        """
        if self._tls is None or self._transport is None:
            return
        loop = asyncio.get_running_loop()
        try:
            self._transport = await loop.start_tls(
                self._transport, self, self._tls, server_side=True, ssl_handshake_timeout=self._patience_s
            )
        except OSError as error:
            log.info("%s: no TLS: %s", self.peer, error)
            raise ClosedError from None

    def use_wide_lengths(self) -> None:
        """Expect 4-byte packet lengths from now on."""
        self._splitter.wide_lengths = True

    def send(self, data: bytes) -> None:
        """Send packets."""
        if self._transport is not None and not self.is_closed and not self._is_forgotten:
            self._transport.write(data)

    async def room(self) -> None:
        """Wait until the client has taken what it was sent. Raises: ClosedError."""
        while self._is_full:
            await self._wait_for_news()
        if self.is_closed and not self._packets:
            raise ClosedError

    def forget(self) -> None:
        """Let all that is sent vanish, both ways, and leave the connection open: a firewall that dropped its entry."""
        self._is_forgotten = True

    def cut(self, how: Cut) -> None:
        """End the connection without a word."""
        self.is_closed = True
        self._news.set()
        if self._transport is None:
            return
        if how == "fin":
            self._transport.close()
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    async def packet(self) -> Packet:
        """Return the next packet. Raises: ClosedError."""
        while not self._packets:
            await self._wait_for_news()
        packet = self._packets.popleft()
        self._taken(len(packet.body))
        return packet

    async def data(self) -> bytes:
        """Return the contents of the DATA packets that are here, at least one.

        Raises: ClosedError; BreakError: a MARKER came; ProtocolError: a packet that does not belong here.
        """
        while not self._packets:
            await self._wait_for_news()
        if self._has_marker():
            raise BreakError
        if any(packet.type != PacketType.DATA for packet in self._packets):
            raise ProtocolError("a packet that does not belong in a session")
        parts = [packet.body[2:] for packet in self._packets]
        self._packets.clear()
        self._taken(self._waiting_bytes)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _taken(self, size: int) -> None:
        self._waiting_bytes -= size
        if self._waiting_bytes <= MOST_WAITING and self._transport is not None and not self.is_closed:
            self._transport.resume_reading()

    async def _wait_for_news(self) -> None:
        if self.is_closed:
            raise ClosedError
        self._news.clear()
        await self._news.wait()

    def _has_marker(self) -> bool:
        return any(packet.type == PacketType.MARKER for packet in self._packets)

    async def wait(self, event: "asyncio.Future[None]") -> None:
        """Wait for something that has nothing to do with this connection.

        Raises: BreakError: the client does not want to wait; ClosedError: it is gone.
        """
        while not event.done():
            if self.is_closed:
                raise ClosedError
            if self._has_marker():
                raise BreakError
            self._news.clear()
            news = asyncio.ensure_future(self._news.wait())
            try:
                await asyncio.wait((event, news), return_when=asyncio.FIRST_COMPLETED)
            finally:
                news.cancel()

    async def sleep(self, seconds: float) -> None:
        """Wait for some time. Raises: as `wait`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = asyncio.get_running_loop().call_later(seconds, _finish, done)
        try:
            await self.wait(done)
        finally:
            timer.cancel()

    async def finish_break(self) -> None:
        """Agree with the client that the stream begins anew: drop all up to its RESET, and answer with ours."""
        self.send(marker_packet(Marker.BREAK))
        while True:
            packet = await self.packet()
            if packet.type == PacketType.MARKER and marker_kind(packet) == Marker.RESET:
                break
        self.send(marker_packet(Marker.RESET))


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
