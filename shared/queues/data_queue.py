"""The DataQueue: PollingData on its way from a polling engine to the consumer.

A polling engine in Python calls `DataQueue.put`; in any other language it does RPUSH with the same JSON:

    queue = DataQueue.connect("redis://localhost:6379/0")
    queue.put({"timestamp": "2025-11-02T14:30:52.123456", "group_id": 1, "group_name": "line 1", "plc_code": "PLC01",
               "mode": "FIXED", "tag_values": {"D100": 12.5}, "poll_time_ms": 3.1, "error_tags": {}}, timeout=0.5)
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import KW_ONLY, InitVar, dataclass
from time import monotonic, sleep
from typing import Any, NamedTuple

from shared.counters import WINDOW_BUCKET_S, WINDOW_KEEP_S
from shared.errors import AnswerTooLargeError, QueueFullError, RedisUnavailableError
from shared.journal.events import EventLog
from shared.keys import Keys, list_takeovers
from shared.messages import MESSAGE_MAX_BYTES, encode_polling_data
from shared.models import HEAD_BYTES, PollingData
from shared.partitions import namespace_of, url_of
from shared.queues.claims import MAX_TAKEOVERS, Claimed, Claims
from shared.queues.lightening import lighten
from shared.queues.replicas import Put, Queued, ReplicatedPut
from shared.redis.link import RedisLink

#: Messages that the DataQueue holds at most before `put` refuses more.
DEFAULT_MAX_MESSAGES = 10_000

#: Entries kept on the rejected list, and bytes of all of them.
MAX_REJECTED_MESSAGES, MAX_REJECTED_BYTES = 1_000, 16_000_000

#: Bytes of a message that the rejected list keeps whole, so that it can be put back. A poll of 3,491 tags has 80 kB.
MAX_REJECTED_MESSAGE_BYTES = 256_000

#: Messages that one claimed list of ours may hold: more than any claim takes.
MOST_CLAIMED = 1_000

#: Seconds between two tries while the DataQueue is full and the caller still wants to wait.
_FULL_RETRY_S = 0.02


def drop_rejected(link: RedisLink, keys: Keys) -> int:
    """Drop all entries of the rejected list, counted; return how many.

    Raises: RedisUnavailableError.
    """
    window = keys.window(int(link.server_time() // WINDOW_BUCKET_S))
    places = [keys.rejected_messages, keys.rejected_bytes, keys.counters, window]
    return int(link.run("drop_rejected", places, [WINDOW_KEEP_S]))


@dataclass(frozen=True)
class MessageBatch(Claimed):
    """Messages that one consumer works on: the list that holds them, their raw JSON oldest first, and what is left."""

    list_key: str
    raws: list[bytes]
    left: int


class HeldMessage(NamedTuple):
    """A message, the group that it is of (a field of `Keys.polling`), the incarnation that read it, and when.

    `held_since_ms`: since when that holds the group, 0 where it never heard so. Both since 1970, by Redis' clock.

    In the order in which `put_held.lua` takes them.
    """

    group: str
    token: str
    held_since_ms: int
    read_at_ms: int
    raw: bytes


@dataclass
class DataQueue:
    """The DataQueue of one namespace. `put` is for polling engines; `wait` and `claim` are for the consumer."""

    link: RedisLink
    keys: Keys
    max_messages: int = DEFAULT_MAX_MESSAGES
    _: KW_ONLY
    replicas: InitVar[int] = 0  #: that must have a message before a put returns
    events: InitVar[EventLog | None] = None  #: where it is told that they are fewer

    def __post_init__(self, replicas: int, events: EventLog | None) -> None:
        events = events or EventLog(self.link, self.keys, "polling-engine")
        self._replicated = ReplicatedPut(self.link, events, replicas) if replicas else None
        self._begin_to_send()

    def _begin_to_send(self) -> None:
        self._sender, self._sender_pid = ThreadPoolExecutor(max_workers=1, thread_name_prefix="data-queue"), os.getpid()

    @classmethod
    def connect(
        cls,
        redis_url: str,
        namespace: str = "tagpipe",
        max_messages: int = DEFAULT_MAX_MESSAGES,
        *,
        partition: int = 0,
        partitions: int = 1,
        replicas: int = 0,
    ) -> "DataQueue":
        """Return a DataQueue for a polling engine. Opens no connection yet: Redis may come later.

        With `replicas` a put returns once so many replicas of Redis have the message: a failover can't lose it then.

        Where the pipeline has partitions a polling engine connects to each of them, and puts a message on that of
        `partition_of(plc_code, partitions)`.

        Raises: ValueError: the URL has none of the forms of docs/redis.md, or is a list of another length.
        """
        keys = Keys(namespace_of(namespace, partition, partitions))
        url = url_of(redis_url, partition, partitions)
        link = RedisLink(url, client_name="polling-engine", namespace=keys.namespace)
        return cls(link, keys, max_messages, replicas=replicas)

    @property
    def replicas_missing(self) -> str | None:
        """Why puts are confirmed by fewer replicas than wanted; None when they are not."""
        return self._replicated.missing if self._replicated else None

    def put(self, polling_data: PollingData | Mapping[str, Any], timeout: float = 1.0) -> int:
        """Queue one poll's readings; return the number of messages queued now.

        Never blocks for longer than `timeout` seconds, whatever Redis does.

        Raises:
            QueueFullError: the queue held its maximum all the while; nothing was queued.
            RedisUnavailableError: no answer in time. The message may have been queued or not; putting the same one
                again is safe, the table's key tells the copies.
            RejectedError: the consumer would not understand this message; nothing was queued.
        """
        return self._within(timeout, self._plain("put", [encode_polling_data(polling_data)])).done

    def put_many(self, messages: Sequence[PollingData | Mapping[str, Any]], timeout: float = 1.0) -> int:
        """Queue several polls' readings in one step, in order; return how many were queued: the first so many.

        All of them unless the queue reaches its maximum; at least one. Never blocks for longer than `timeout` seconds.

        Raises:
            QueueFullError: the queue held its maximum all the while; nothing was queued.
            RedisUnavailableError: no answer in time. Either none was queued or as many as fitted; putting the same ones
                again is safe, the table's key tells the copies.
            RejectedError: the consumer would not understand one of them; nothing was queued.
        """
        return self.put_encoded([encode_polling_data(message) for message in messages], timeout)

    def put_encoded(self, encoded: Sequence[bytes], timeout: float = 1.0) -> int:
        """Queue messages that are JSON already; else as `put_many`, but that nothing is looked at."""
        if not encoded:
            return 0
        return self._within(timeout, self._plain("put_many", encoded)).done

    def put_held(self, messages: Sequence[HeldMessage], timeout: float = 1.0) -> Queued:
        """Queue messages of polling groups, if who read them holds the group, or held it then.

        Returns: how many are done with, the first so many; and the places of those of them, from 0, that were left out,
        because another poller had taken their group over before they were read.
        Raises: as `put_many`.
        """
        keys = [self.keys.data_queue, self.keys.polling_leases]
        return self._within(timeout, Put("put_held", keys, [self.max_messages], messages))

    def _plain(self, script: str, encoded: Sequence[bytes]) -> Put:
        return Put(script, [self.keys.data_queue], [self.max_messages], [(message,) for message in encoded])

    def _within(self, timeout: float, put: Put) -> Queued:
        """Put until something was queued; return the script's answer."""
        if timeout <= 0:
            raise ValueError("timeout: give it more than 0 seconds, a round trip to Redis takes some")
        if self._sender_pid != os.getpid():
            # A fork leaves threads behind: what is handed to the one that was would wait for ever.
            self._begin_to_send()
        # The socket's own timeout restarts with every step (connect, log in, send): only a thread of its own lets the
        # caller go exactly when it asked.
        deadline = monotonic() + timeout
        try:
            sending: Future[Queued] = self._sender.submit(self._put_until, put, deadline)
        except RuntimeError:
            # The interpreter is about to end, and begins no thread any more.
            return self._put_until(put, deadline)
        try:
            return sending.result(timeout)
        except FutureTimeoutError:
            state = "was not queued" if sending.cancel() else "may have been queued"
            raise RedisUnavailableError(f"Redis did not answer within {timeout:g} s; the message {state}") from None

    def _put_until(self, put: Put, deadline: float) -> Queued:
        while True:
            queued = self._replicated.run(put, deadline) if self._replicated else put.once(self.link)
            if queued.done:
                return queued
            # Half a retry before the deadline, so that the caller hears why.
            if monotonic() + 1.5 * _FULL_RETRY_S >= deadline:
                raise QueueFullError(
                    f"the DataQueue holds its maximum of {self.max_messages} messages: is a consumer running?"
                )
            sleep(_FULL_RETRY_S)

    def depth(self) -> int:
        """Return the number of messages queued.

        Raises: RedisUnavailableError.
        """
        return int(self.link.command("LLEN", self.keys.data_queue))

    def wait(self, wait_s: float) -> bool:
        """Wait in Redis until there is a message; return whether there is.

        Raises: RedisUnavailableError.
        """
        return self.link.wait_for_element(self.keys.data_queue, wait_s) > 0

    def claim(
        self,
        claims: Claims,
        max_messages: int,
        max_bytes: int,
        message_max_bytes: int = MESSAGE_MAX_BYTES,
    ) -> MessageBatch | None:
        """Move the oldest messages to a list of this consumer's and return them; None when there are none.

        A batch that was taken over from a dead consumer goes first, whatever its size.
        Args: message_max_bytes: bytes beyond which only the `Oversize` of a message is kept. Of a batch that consumers
            died of comes no more than the rejected list keeps whole.
        Raises: RedisUnavailableError: messages may be claimed; `Claims.sweep` finds them again.
        """
        with claims.opening() as list_key:
            if list_takeovers(list_key) >= MAX_TAKEOVERS:
                message_max_bytes = min(message_max_bytes, MAX_REJECTED_MESSAGE_BYTES)
            places = [self.keys.data_queue, list_key, self.keys.claimed]
            bounds = [max_messages, max_bytes, message_max_bytes, HEAD_BYTES]
            try:
                answer = self.link.run("claim_messages", places, bounds)
                is_ours = len(answer) <= MOST_CLAIMED + 1
            except AnswerTooLargeError:
                is_ours = False
            if not is_ours:  # a list of that name that others filled
                lighten(self.link, list_key, self.keys.data_queue, most=MOST_CLAIMED, longest_bytes=message_max_bytes)
                answer = self.link.run("claim_messages", places, bounds)
        if len(answer) == 1:
            claims.close(list_key)
            return None
        return MessageBatch(list_key, answer[1:], answer[0])

    def put_back(self, batch: MessageBatch, messages: Sequence[bytes]) -> None:
        """Let a batch become other messages, at the head of the DataQueue, in one step.

        A batch whose list holds more than was read stays; the next sweep finds it.
        Raises: RedisUnavailableError: repeat the same call.
        """
        self.link.run(
            "return_messages",
            [batch.list_key, self.keys.claimed, self.keys.data_queue],
            [len(batch.raws), *messages],
        )

    def put_again(self, messages: Sequence[bytes]) -> None:
        """Put messages whose list is gone at the head of the DataQueue.

        Raises: RedisUnavailableError, RedisFullError: repeat the same call; what is there twice is stored once.
        """
        self.link.command("LPUSH", self.keys.data_queue, *reversed(messages))

    def give_back(self, batch: MessageBatch) -> None:
        """Put a batch that was not pushed back at the head of the DataQueue, with what was too large to be read.

        Raises: RedisUnavailableError: repeat the same call, or let the next sweep find it.
        """
        self.link.run("give_back", [batch.list_key, self.keys.claimed, self.keys.data_queue])

    def close(self) -> None:
        """Stop sending; the link stays open, it may serve others."""
        self._sender.shutdown(wait=False, cancel_futures=True)
