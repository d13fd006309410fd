"""Readings on their way to the DataQueue, kept in memory while it takes none.

A bounded ring: when it is full the oldest go, and every one that goes is counted. Readings of a source that can wait
are never among them: that source waits until there is room.

For one event loop; not safe for use from several threads.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.poller.outbox.message import Message

#: Messages of sources that can wait, in the ring at a time: enough to keep the sender busy.
MAX_LOSSLESS_MESSAGES = 256

#: Bytes that the sender takes in its hands at a time; at least one message.
MAX_BYTES_IN_HAND = 8_000_000

#: Bytes that a message takes in memory beside its own.
_OVERHEAD_BYTES = 300


@dataclass
class Overflow:
    """What was discarded: how much, and the collection times of the first and the last message of it."""

    messages: int = 0
    values: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, message: Message) -> None:
        """Count one message."""
        self.messages += 1
        self.values += message.values
        self.first = self.first or message.timestamp
        self.last = message.timestamp


class Ring:
    """Messages that wait, oldest first, and those in the sender's hands."""

    def __init__(self, max_messages: int, max_values: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_values = max_values
        self._max_bytes = max_bytes
        self._waiting: deque[Message] = deque()
        self._values = 0
        self._bytes = 0
        self._lossless = 0
        self._in_hand: Sequence[Message] = ()
        self._closed = False
        # Each is a hint that something changed; whoever waits looks again.
        self._filled, self._left, self._emptied = asyncio.Event(), asyncio.Event(), asyncio.Event()
        #: Everything discarded since the start.
        self.overflow = Overflow()
        self._news = Overflow()

    @property
    def depth(self) -> int:
        """Messages that the DataQueue has not taken yet."""
        return len(self._waiting) + len(self._in_hand)

    @property
    def size_bytes(self) -> int:
        """Memory that they take."""
        return self._bytes + sum(map(_size, self._in_hand))

    async def add(self, message: Message) -> None:
        """Add a message: a lossless one as soon as there is room, another at once, at the oldest's expense."""
        while message.lossless and not self._has_room(message):
            self._left.clear()
            await self._left.wait()
        self._count(message, 1)
        self._waiting.append(message)
        self._trim()
        self._filled.set()

    async def take(self, max_messages: int) -> list[Message]:
        """Wait for messages and hand out the oldest, of MAX_BYTES_IN_HAND together; every `take` ends with a `settle`.

        Returns: nothing once closed.
        """
        while not self._waiting and not self._closed:
            self._filled.clear()
            await self._filled.wait()
        if self._closed:
            return []
        taken: list[Message] = []
        size = 0
        while self._waiting and len(taken) < max_messages:
            size += _size(self._waiting[0])
            if taken and size > MAX_BYTES_IN_HAND:
                break
            taken.append(self._waiting.popleft())
            self._count(taken[-1], -1)
        self._in_hand = taken
        return taken

    def settle(self, kept: Sequence[Message] = ()) -> None:
        """End a `take`: those that did not go wait again, in front, and may now be discarded like the others."""
        self._in_hand = ()
        for message in reversed(kept):
            self._count(message, 1)
            self._waiting.appendleft(message)
        self._trim()
        self._left.set()
        if not self._waiting:
            self._emptied.set()

    async def wait_until_empty(self) -> None:
        """Wait until the DataQueue has taken everything."""
        while self.depth:
            self._emptied.clear()
            await self._emptied.wait()

    def close(self) -> None:
        """Hand out no more."""
        self._closed = True
        self._filled.set()

    def take_overflow(self) -> Overflow:
        """Return what was discarded since the last call."""
        news, self._news = self._news, Overflow()
        return news

    def _has_room(self, message: Message) -> bool:
        return not self._waiting or (
            self._lossless < MAX_LOSSLESS_MESSAGES
            and len(self._waiting) < self._max_messages
            and self._values + message.values <= self._max_values
            and self._bytes + _size(message) <= self._max_bytes
        )

    def _trim(self) -> None:
        while self._is_over():
            # Lossless ones are few, so the first of the others is near the head.
            oldest = next((place for place, message in enumerate(self._waiting) if not message.lossless), None)
            if oldest is None:
                return
            message = self._waiting[oldest]
            del self._waiting[oldest]
            self._count(message, -1)
            self.overflow.add(message)
            self._news.add(message)

    def _is_over(self) -> bool:
        if len(self._waiting) > self._max_messages:
            return True
        # One message that is larger than a bound alone goes through all the same.
        return len(self._waiting) > 1 and (self._values > self._max_values or self._bytes > self._max_bytes)

    def _count(self, message: Message, sign: int) -> None:
        self._values += sign * message.values
        self._bytes += sign * _size(message)
        self._lossless += sign * message.lossless


def _size(message: Message) -> int:
    return len(message.raw) + _OVERHEAD_BYTES
