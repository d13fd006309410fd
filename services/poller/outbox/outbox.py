"""The outbox: readings on their way to the DataQueue, kept in memory while it takes none.

Bounded: when it is full the oldest go, and every one that goes is counted. Readings of a source that can wait are never
among them: that source waits until there is room.

For one event loop; not safe for use from several threads.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from services.poller.outbox.message import Message, Overflow
from services.poller.outbox.waiting import Bounds, Held, Waiting

#: Bytes that the sender has in its hands at a time; at least one message.
MAX_BYTES_IN_HAND = 8_000_000


class Outbox:
    """Messages that wait, oldest first, and those in the sender's hands."""

    def __init__(self, bounds: Bounds) -> None:
        self._waiting = Waiting(bounds)
        self._in_hand: Sequence[Held] = ()
        self._added = 0
        self._closed = False
        # Each is a hint that something changed; whoever waits looks again.
        self._filled, self._left, self._emptied = asyncio.Event(), asyncio.Event(), asyncio.Event()
        #: Everything discarded since the start, and what of it is not told yet.
        self.overflow = Overflow()
        self._untold = Overflow()

    @property
    def depth(self) -> int:
        """Messages that the DataQueue has not taken yet."""
        return len(self._waiting) + len(self._in_hand)

    @property
    def size_bytes(self) -> int:
        """Memory that they take."""
        return self._waiting.size_bytes + sum(held.message.size_bytes for held in self._in_hand)

    def id(self) -> str:
        """Return what names the place on the disk that this process alone has; empty: it has none."""
        return ""

    def on_disk(self) -> dict[str, Any]:
        """Return the fields of PollerStatus that tell of the disk: there is none."""
        return {}

    async def open(self) -> None:
        """Find what waits since before: nothing."""

    async def run(self) -> None:
        """Do what is to be done beside sending: nothing."""

    async def add(self, message: Message) -> None:
        """Add a message: a lossless one as soon as there is room, another at once, at the oldest's expense."""
        while message.lossless and not self._waiting.has_room(message):
            self._left.clear()
            await self._left.wait()
        self._added += 1
        self._waiting.append(Held(message, self._added))
        self._trim()
        self._filled.set()

    async def claim(self, max_messages: int) -> list[Message]:
        """Wait for messages and hand out the oldest, of MAX_BYTES_IN_HAND together; a `settle` ends every `claim`.

        Returns: nothing once closed.
        """
        while not self._closed:
            self._in_hand = await self._oldest(max_messages)
            if self._in_hand:
                return [held.message for held in self._in_hand]
            self._filled.clear()
            await self._filled.wait()
        return []

    async def _oldest(self, max_messages: int) -> Sequence[Held]:
        return self._waiting.pop(max_messages, MAX_BYTES_IN_HAND)

    async def settle(self, done: int) -> None:
        """End a `claim`: the first so many went, the others wait again, in front, and may now be discarded."""
        in_hand, self._in_hand = self._in_hand, ()
        for held in in_hand[:done]:
            held.has_left = True
        # What stands on the disk waits there.
        self._waiting.put_back(held for held in in_hand[done:] if held.place is None)
        self._trim()
        self._tell_that_some_left()

    async def wait_until_empty(self) -> None:
        """Wait until the DataQueue has taken everything."""
        while self.depth:
            self._emptied.clear()
            await self._emptied.wait()

    def hand_out_no_more(self) -> None:
        """Let every `claim` return nothing from now on."""
        self._closed = True
        self._filled.set()

    async def close(self) -> None:
        """Keep what is left where it outlives the process: nowhere."""

    def pop_overflow(self) -> Overflow:
        """Return what was discarded since the last call."""
        untold, self._untold = self._untold, Overflow()
        return untold

    def _trim(self) -> None:
        for held in self._waiting.trim():
            held.has_left = True
            message = held.message
            self._count_overflow(Overflow(1, message.values, message.timestamp, message.timestamp))

    def _count_overflow(self, some: Overflow) -> None:
        self.overflow.add(some)
        self._untold.add(some)

    def _tell_that_some_left(self) -> None:
        self._left.set()
        if not self.depth:
            self._emptied.set()
