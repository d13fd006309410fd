"""Connections before they are requests: how many there may be, and how long a request may take to arrive.

uvicorn's own protocol over h11, which bounds the bytes of a request's line and headers. What it lacks: whoever connects
and sends nothing, or a letter now and then, would hold a descriptor for ever; when all are taken nobody is answered.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import Iterable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.monitor.http.addresses import bare

#: Bytes of a request's line and headers.
MAX_HEADERS = 16_384

#: Seconds in which a request must have arrived, from the connection's begin or from the first byte after an answer.
ARRIVES_S = 10.0

#: Seconds in which a client must read of what it is sent: who asks and does not read would keep its place for ever.
UNREAD_S = 30.0

#: Connections of all, and of one address; what a process may open is less on small machines. Those of this machine have
#: some more: whoever asks here whether the process lives must be answered while strangers hold all others.
MAX_CONNECTIONS, MAX_OF_ONE_ADDRESS, _KEPT_FOR_THIS_MACHINE = 800, 200, 20

#: Connections that the event loop accepts in one go.
ACCEPTED_AT_ONCE = 20

#: Descriptors that the process needs beside connections: Redis, files, listening; and those that were accepted and not
#: looked at yet, or are given up and not closed yet: that takes the loop some turns.
_OTHER_DESCRIPTORS = 50 + 5 * ACCEPTED_AT_ONCE


#: What a client does whose request, with what follows its headers, is not whole.
_ARRIVING = {h11.IDLE, h11.SEND_BODY}


class BoundedProtocol(H11Protocol):
    """One connection. When there are too many, an idle one is closed: the oldest of who has the most."""

    began_at: float
    is_given_up = False
    #: When it is given up: unless a request has arrived by then, or the client has read.
    _limits: dict[str, asyncio.TimerHandle]

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or close one that has nothing to do, or this one."""
        super().connection_made(transport)
        if self.client is not None:
            # IPv4 that came by IPv6 is IPv4: to who counts, and to who knows a proxy by its address.
            self.client = bare(self.client[0]), self.client[1]
        self.began_at, self._limits = self.loop.time(), {}
        self._begin("arriving", ARRIVES_S)
        # One that is closed still counts while its client reads nothing of what is left: it has its descriptor.
        others = [each for each in self.connections if isinstance(each, BoundedProtocol) and not each.is_given_up]
        surplus = _surplus(self, others)
        if surplus is not None:
            surplus.give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._end("arriving")
        self._end("reading")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrived; the deadline runs until a request is whole."""
        if "arriving" not in self._limits and self.conn.their_state in _ARRIVING:
            self._begin("arriving", ARRIVES_S)
        super().data_received(data)
        if self.conn.their_state not in _ARRIVING:
            self._end("arriving")

    def pause_writing(self) -> None:
        """Wait for the client to read, not for ever."""
        super().pause_writing()
        self._begin("reading", UNREAD_S)

    def resume_writing(self) -> None:
        """Go on: it reads."""
        self._end("reading")
        super().resume_writing()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: uvicorn's advice to install something is not for who reads the log, and anybody may cause it."""

    def give_up(self) -> None:
        """Close it now, whatever was not sent yet."""
        self.is_given_up = True
        self.transport.abort()

    @property
    def is_idle(self) -> bool:
        """Whether it has no request that is answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def address(self) -> str:
        """Who is at the other end."""
        return self.client[0] if self.client else ""

    def _begin(self, what: str, seconds: float) -> None:
        self._end(what)
        self._limits[what] = self.loop.call_later(seconds, self.give_up)

    def _end(self, what: str) -> None:
        if limit := self._limits.pop(what, None):
            limit.cancel()


def max_connections() -> int:
    """Return how many connections there may be: MAX_CONNECTIONS, or what the process's descriptors allow."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(10, min(MAX_CONNECTIONS, soft - _OTHER_DESCRIPTORS))


def _surplus(newest: BoundedProtocol, connections: Iterable[BoundedProtocol]) -> BoundedProtocol | None:
    """Return the connection that must go now that there is one more; None where there is room."""
    counts = Counter(each.address for each in connections)
    address = newest.address
    if counts[address] > MAX_OF_ONE_ADDRESS and not _is_this_machine(address):
        return _oldest_idle(each for each in connections if each.address == address) or newest
    room = max_connections() + (_KEPT_FOR_THIS_MACHINE if _is_this_machine(address) else 0)
    if counts.total() <= room:
        return None
    greediest = counts.most_common(1)[0][0]
    return (
        _oldest_idle(each for each in connections if each.address == greediest and each is not newest)
        or _oldest_idle(each for each in connections if each is not newest)
        or newest
    )


def _oldest_idle(connections: Iterable[BoundedProtocol]) -> BoundedProtocol | None:
    return min((each for each in connections if each.is_idle), key=lambda each: each.began_at, default=None)


def _is_this_machine(address: str) -> bool:
    return address in {"127.0.0.1", "::1", ""}
