"""From the ring to the DataQueue: one message after the other, each again until it is taken.

Only the sender waits for Redis; the polling groups go on meanwhile.
"""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Protocol

from services.poller.ring import Message, Ring
from shared.errors import QueueFullError, RedisUnavailableError, RejectedError
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.models import PollingData

#: Messages taken from the ring at a time: enough to make the change of threads cheap.
MAX_IN_HAND = 64

_log = get_logger()


class Queue(Protocol):
    """The DataQueue, as the sender sees it."""

    def put(self, polling_data: PollingData, timeout: float = ...) -> int:
        """Queue one message within `timeout` seconds.

        Raises: QueueFullError, RedisUnavailableError, RejectedError.
        """


class Link(Protocol):
    """The way to Redis, as the sender sees it."""

    def wait_until_there(self, stop: StopFlag, cause: RedisUnavailableError | None = None) -> bool:
        """Wait until Redis takes writes again, or until stopped."""


class Sender:
    """Puts on the DataQueue what is in the ring."""

    def __init__(self, ring: Ring, queue: Queue, link: Link, put_timeout_s: float) -> None:
        self._ring = ring
        self._queue = queue
        self._link = link
        self._put_timeout_s = put_timeout_s
        self._giving_up = StopFlag()
        self._full_since: float | None = None
        #: Messages and values that the DataQueue took, and messages that it will never take.
        self.messages_sent = self.values_sent = self.messages_rejected = 0

    async def run(self) -> None:
        """Send until the ring is closed."""
        while messages := await self._ring.take(MAX_IN_HAND):
            done, trouble = await asyncio.to_thread(self._send, messages)
            self._ring.settle(messages[done:])
            if isinstance(trouble, RedisUnavailableError):
                await asyncio.to_thread(self._link.wait_until_there, self._giving_up, trouble)

    def give_up(self) -> None:
        """Send nothing after the message that is on its way now; the rest stays in the ring."""
        self._giving_up.set()
        self._ring.close()

    def _send(self, messages: Sequence[Message]) -> tuple[int, Exception | None]:
        """Put messages in order; return how many are done with, and what kept the next one from it."""
        for done, message in enumerate(messages):
            if self._giving_up.is_set():
                return done, None
            try:
                self._queue.put(message.data, timeout=self._put_timeout_s)
            except RejectedError as error:
                self.messages_rejected += 1
                _log.error(f"Group '{message.data.group_name}': a reading is left out: {error}")
            except QueueFullError as error:
                self._say_full(error)
                return done, error
            except RedisUnavailableError as error:
                # It may have been queued. Put again it is stored once all the same: the table's key tells the copies.
                return done, error
            else:
                self.messages_sent += 1
                self.values_sent += message.values
                self._say_taken()
        return len(messages), None

    def _say_full(self, error: QueueFullError) -> None:
        if self._full_since is None:
            self._full_since = monotonic()
            _log.warning(f"Readings wait: {error}")

    def _say_taken(self) -> None:
        if self._full_since is not None:
            _log.info(f"The DataQueue takes readings again after {monotonic() - self._full_since:.1f} s")
            self._full_since = None
