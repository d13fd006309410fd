"""Two processes at one buffer, for its tests: a consumer and a writer in one, under one name."""

from dataclasses import dataclass
from datetime import datetime

from shared.counters import Counter
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.models import Lines, TagValue, encode_value
from shared.queues.buffer import (
    Batch,
    PushOutcome,
    TagBuffer,
)
from shared.queues.claims import Claims
from shared.queues.data_queue import DataQueue
from shared.queues.snapshot import Snapshot, take_snapshot
from shared.redis.link import RedisLink
from shared.settings.models import BufferSettings


@dataclass
class Side:
    """One process's view: a consumer and a writer in one, under one name."""

    link: RedisLink
    keys: Keys
    buffer: TagBuffer
    queue: DataQueue
    heartbeat: Heartbeat
    messages: Claims
    inflight: Claims

    def push(self, *texts: str) -> list[bytes]:
        """Push values of these texts, as one message; return what was dropped."""
        self.link.command("RPUSH", self.keys.data_queue, "message")
        batch = self.queue.claim(self.messages, 1, 10**6)
        assert batch is not None
        done = self.buffer.push(batch, lines(*texts), [], {Counter.MESSAGES: 1})
        assert done.outcome is PushOutcome.PUSHED
        self.messages.close(batch.list_key)
        return done.dropped

    def claim(self, count: int = 500) -> Batch:
        batch = self.buffer.claim(self.inflight, count)
        assert batch is not None
        return batch

    def snapshot(self) -> Snapshot:
        snapshot = take_snapshot(self.link, self.keys)
        assert snapshot.balances, snapshot
        return snapshot


def side(url: str, namespace: str, name: str, **settings: int) -> Side:
    link, keys = RedisLink(url), Keys(namespace)
    events = EventLog(link, keys, "writer")
    heartbeat = Heartbeat(link, keys, events, "writer", name)
    heartbeat.register()
    messages, inflight = (
        Claims(link, keys, heartbeat, events, role="writer", index_key=index, list_key=list_key)
        for index, list_key in ((keys.claimed, keys.claimed_list), (keys.inflight, keys.inflight_list))
    )
    buffer_settings = BufferSettings(buffer_max_size=settings.get("cap", 100), buffer_batch_threshold=10)
    return Side(
        link, keys, TagBuffer(link, keys, buffer_settings), DataQueue(link, keys), heartbeat, messages, inflight
    )


def raws(*texts: str) -> list[bytes]:
    return [encode_value(TagValue(datetime(2026, 1, 1), "P", "D", text, "GOOD")) for text in texts]


def lines(*texts: str) -> Lines:
    return Lines(b"".join(raw + b"\n" for raw in raws(*texts)), len(texts))


def held(batch: Batch) -> list[str | None]:
    return [value.tag_value for value in batch.values.values]


def numbered(start: int, stop: int) -> list[str]:
    return [str(number) for number in range(start, stop)]
