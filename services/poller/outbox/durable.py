"""The durable outbox: what the DataQueue has not confirmed within GRACE_S is on the disk, and is sent from there.

While the DataQueue confirms, nothing is written: a message leaves before its time. Once it does not, everything that
waits, or is in the sender's hands, goes on the disk, in one transaction at a time, and out of memory. The oldest are on
the disk, then, and go first; so the order is that of the polls, also across a new start.

What a `kill -9` or a power cut costs: the readings of the last GRACE_S and one transaction, if they were not confirmed.
What was confirmed and not struck off yet is sent once more; with the same tag, timestamp and value it is a duplicate by
the table's key, counted as such and stored once. Lossless messages stay in memory: their source has them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from services.poller.outbox.message import Message, fitting
from services.poller.outbox.outbox import MAX_BYTES_IN_HAND, Outbox
from services.poller.outbox.spool import CHECK_S, RETRY_S, Spool
from services.poller.outbox.waiting import Bounds, Held

#: Seconds that the DataQueue has to confirm a message before it is written: ten times what it takes.
GRACE_S = 0.05

#: Seconds that the start waits for the disk: one that hangs must not keep the groups from polling.
OPEN_S = 3.0


class DurableOutbox(Outbox):
    """An outbox whose messages outlive the process."""

    def __init__(
        self, bounds: Bounds, spool: Spool, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        super().__init__(bounds)
        self.spool = spool
        self._sleep = sleep
        self._came = asyncio.Event()
        self._save_turn = asyncio.Lock()

    @property
    def depth(self) -> int:
        """Messages that the DataQueue has not taken yet."""
        in_memory_alone = sum(held.place is None for held in self._in_hand)
        return len(self._waiting) + in_memory_alone + self.spool.count

    def id(self) -> str:
        """Return what names the file that this process alone has; empty while it has none."""
        return self.spool.id

    def on_disk(self) -> dict[str, Any]:
        """Return the fields of PollerStatus that tell of the disk."""
        spool = self.spool
        return {
            "outbox_messages": spool.count,
            "outbox_bytes": spool.size_bytes,
            "outbox_trouble": spool.trouble,
            "outbox_trouble_since": spool.trouble_since,
            "outbox_set_aside": ", ".join(spool.damaged) or None,
        }

    async def open(self) -> None:
        """Find what waits since before; a disk that hangs is not waited for."""
        await asyncio.wait([asyncio.ensure_future(self.spool.open())], timeout=OPEN_S)

    async def add(self, message: Message) -> None:
        """Add a message, as any outbox does."""
        await super().add(message)
        self._came.set()

    async def run(self) -> None:
        """Write what waits for too long, until cancelled."""
        while True:
            self._came.clear()
            if await self.spool.open() and self.spool.count:
                self._filled.set()
            if self._unsaved(self._added):
                mark = self._added
                await self._sleep(GRACE_S if self.spool.trouble is None else RETRY_S)
                # One that has begun must come to know where its messages are, else they are written twice.
                await asyncio.shield(self._save_through(mark))
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._came.wait(), CHECK_S)

    async def _oldest(self, max_messages: int) -> Sequence[Held]:
        if self.spool.count:
            stored = await self.spool.oldest(max_messages, MAX_BYTES_IN_HAND)
            if stored:
                return [Held(message, number=0, place=place) for place, message in stored]
        return await super()._oldest(max_messages)

    async def settle(self, done: int) -> None:
        """End a `claim`, and strike off what went."""
        left = self._in_hand[:done]
        await super().settle(done)
        await self.spool.strike_off([held.place for held in left if held.place is not None])
        self._tell_that_some_left()

    async def close(self) -> None:
        """Write everything that is left, and let go of the file."""
        await self.spool.open()
        await self.save()
        await self.spool.close()

    async def save(self) -> None:
        """Write everything that is in memory alone, if the disk takes it."""
        await self._save_through(self._added)

    def _unsaved(self, mark: int) -> list[Held]:
        """Return the oldest messages up to the `mark`th that are in memory alone, as many as one transaction takes."""
        alone = (
            held
            for held in chain(self._in_hand, self._waiting)
            if held.place is None and not held.message.lossless and held.number <= mark
        )
        return [*fitting(alone, lambda held: held.message.size_bytes, MAX_BYTES_IN_HAND)]

    async def _save_through(self, mark: int) -> None:
        async with self._save_turn:
            while (some := self._unsaved(mark)) and await self._save_some(some):
                pass

    async def _save_some(self, some: Sequence[Held]) -> bool:
        stored = await self.spool.append(
            [held.message for held in some], lambda: [held.place for held in self._in_hand if held.place is not None]
        )
        if stored is None:
            return False
        places, overflow = stored
        for held, place in zip(some, places, strict=True):
            held.place = place
        self._waiting.remove_spooled()
        self._count_overflow(overflow)
        self._left.set()
        # Meanwhile the DataQueue may have taken some, and some may have been discarded.
        await self.spool.strike_off([place for held, place in zip(some, places, strict=True) if held.has_left])
        return True
