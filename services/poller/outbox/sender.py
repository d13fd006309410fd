"""From the outbox to the DataQueue: in order, several messages in one step, each again until it is taken.

Only the sender waits for Redis; the polling groups go on meanwhile.
"""

from collections.abc import Collection, Sequence
from time import time

from services.poller.outbox.message import Message
from services.poller.outbox.outbox import Outbox
from services.poller.threads import in_own_thread
from shared.errors import QueueFullError, RedisUnavailableError
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.queues.data_queue import DataQueue, HeldMessage
from shared.redis.link import RedisLink

#: Messages claimed from the outbox at a time, and queued in one step at most.
MAX_IN_HAND = 256

#: Values, and bytes, queued in one step: more could take longer than a put may.
MAX_VALUES_PER_PUT, MAX_BYTES_PER_PUT = 20_000, 2_000_000

_log = get_logger()


class Sender:
    """Puts on the DataQueue what is in the outbox."""

    def __init__(self, outbox: Outbox, queue: DataQueue, link: RedisLink, put_timeout_s: float) -> None:
        self._outbox = outbox
        self.queue = queue
        self._link = link
        self._put_timeout_s = put_timeout_s
        self._giving_up = StopFlag()
        #: Messages and values that the DataQueue took.
        self.messages_sent = self.values_sent = 0
        #: Messages that were not sent, because another poller had taken their group over before they were read.
        self.messages_left_out = 0
        #: Times that the DataQueue was found full; and the seconds since 1970 since when it is, None when it is not.
        self.times_full = 0
        self.full_since: float | None = None

    async def run(self) -> None:
        """Send until the outbox hands out no more."""
        while messages := await self._outbox.claim(MAX_IN_HAND):
            done, trouble = 0, None
            try:
                done, trouble = await in_own_thread(self._send, messages)
            finally:
                # Whatever happened, what did not go waits again: sent twice is stored once.
                await self._outbox.settle(done)
            if isinstance(trouble, RedisUnavailableError):
                await in_own_thread(self._link.wait_until_there, self._giving_up, trouble)

    def give_up(self) -> None:
        """Send nothing after what is on its way now; the rest stays in the outbox."""
        self._giving_up.set()
        self._outbox.hand_out_no_more()

    def _send(self, messages: Sequence[Message]) -> tuple[int, Exception | None]:
        """Put messages in order; return how many are done with, and what kept the next one from it."""
        done = 0
        while done < len(messages) and not self._giving_up.is_set():
            some = _bundle(messages[done:])
            try:
                held = [HeldMessage(message.group, *message.read_by, message.raw) for message in some]
                count, left_out = self.queue.put_held(held, self._put_timeout_s)
            except QueueFullError as error:
                if self.full_since is None:
                    self.full_since = time()
                    self.times_full += 1
                    _log.warning(f"Readings wait: {error}")
                return done, error
            except RedisUnavailableError as error:
                # They may be queued. Put again they are stored once all the same: the table's key tells the copies.
                return done, error
            self._count(some[:count], set(left_out))
            done += count
        return done, None

    def _count(self, messages: Sequence[Message], left_out: Collection[int]) -> None:
        sent = [message for place, message in enumerate(messages) if place not in left_out]
        self.messages_sent += len(sent)
        self.values_sent += sum(message.values for message in sent)
        if left_out:
            if not self.messages_left_out:
                _log.warning("Readings are left out: another poller had taken over their group before they were read")
            self.messages_left_out += len(left_out)
        if self.full_since is not None:
            _log.info(f"The DataQueue takes readings again after {time() - self.full_since:.1f} s")
            self.full_since = None


def _bundle(messages: Sequence[Message]) -> Sequence[Message]:
    """Return the first messages, as many as go in one step; at least one."""
    values = size = 0
    for count, message in enumerate(messages):
        values += message.values
        size += len(message.raw)
        if count and (values > MAX_VALUES_PER_PUT or size > MAX_BYTES_PER_PUT):
            return messages[:count]
    return messages
