"""The consumer over fakes: a DataQueue and a buffer that do as they are told."""

from collections.abc import Sequence

from services.consumer.rejected.entries import Rejections
from services.consumer.report.redis_memory import RedisMemory
from services.consumer.report.report import Report
from services.consumer.settings import ConsumerSettings
from services.consumer.unpack import Unpacker
from services.consumer.worker import Consumer
from shared.counters import Counts
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.life.beating import Turn
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.messages import encode_polling_data
from shared.models import Lines
from shared.queues.buffer import Push, PushOutcome, TagBuffer
from shared.queues.claims import Claims
from shared.queues.data_queue import DataQueue, MessageBatch
from tests.fakes import FakeClock, FakeEvents, FakeLink, FakeStop, NeverPaused

KEYS = Keys("unit")


#: Values that the buffer holds, and messages in the DataQueue from which the spill is asked for.
CAP, HOLD = 10, 3


def message(tags: int = 2, value: object = 1) -> bytes:
    """Return a message of so many tags."""
    values = {f"D{n}": value for n in range(tags)}
    return encode_polling_data({"timestamp": "2026-01-01T00:00:00", "plc_code": "P", "tag_values": values})


class FakeQueue(DataQueue):
    """Messages in memory, claimed one at a time."""

    def __init__(self, clock: FakeClock, *messages: bytes) -> None:
        self._clock = clock
        self.messages = list(messages)
        self.behind = 0  #: messages that wait and are not claimed
        self.refuses_to_wait = False
        self.away = 0
        self.claims = self.waits = 0

    def wait(self, wait_s: float) -> bool:
        self.waits += 1
        if self.messages and not self.refuses_to_wait:
            return True
        if not self.refuses_to_wait:
            self._clock.advance(wait_s)
        return False

    def claim(
        self, claims: Claims, max_messages: int, max_bytes: int, message_max_bytes: int = 0
    ) -> MessageBatch | None:
        del max_messages, max_bytes, message_max_bytes
        self.claims += 1
        if self.away:
            self.away -= 1
            raise RedisUnavailableError("away at claim")
        list_key = claims.open()
        if not self.messages:
            claims.close(list_key)
            return None
        return MessageBatch(list_key, [self.messages.pop(0)], self.depth())

    def put_back(self, batch: MessageBatch, messages: Sequence[bytes]) -> None:
        del batch
        self.messages[:0] = messages

    def depth(self) -> int:
        return len(self.messages) + self.behind


class FakeBuffer(TagBuffer):
    """A buffer of CAP values in memory; a writer takes some where the test says so."""

    def __init__(self) -> None:
        self.held = 0
        self.values: list[bytes] = []
        self.dropped = 0
        self.rejected: list[bytes] = []
        self.counts: dict[str, int] = {}
        self.lists: list[str] = []
        #: Requests for room: values, and whether they were urgent.
        self.asked: list[tuple[int, bool]] = []
        #: Answers that are lost: the push is done.
        self.lost = 0
        #: What goes on while somebody waits for room.
        self.stop: StopFlag = FakeStop()

    def push(
        self,
        messages: MessageBatch,
        values: Lines,
        rejected: Sequence[bytes] = (),
        counts: Counts | None = None,
        *,
        may_overflow: bool = True,
        may_keep: bool = True,
    ) -> Push:
        del may_keep
        if messages.list_key in self.lists:
            return Push(PushOutcome.REPEATED, self.held, [])
        over = max(0, self.held + values.count - CAP)
        if over and not may_overflow:
            return Push(PushOutcome.NO_ROOM, self.held, [])
        self.lists.append(messages.list_key)
        self.values += values.text.splitlines()
        self.rejected += rejected
        self.counts = {str(name): count for name, count in (counts or {}).items() if count}
        self.held = min(CAP, self.held + values.count)
        self.dropped += over
        if self.lost:
            self.lost -= 1
            raise RedisUnavailableError("the answer is lost")
        return Push(PushOutcome.PUSHED, self.held, [b"dropped"] * over)

    def depth(self) -> int:
        return self.held

    def wait_for_room(self, values: int, wait_s: float) -> None:
        del values
        self.stop.wait(wait_s)

    def ask_for_room(self, values: int, *, urgent: bool) -> None:
        self.asked.append((values, urgent))


class QuietReport(Report):
    """Says nothing by itself; `fails` when it is to."""

    fails = 0

    def tick(self, depth: int, *, is_short: bool = False) -> None:
        del depth, is_short
        if self.fails:
            self.fails -= 1
            raise ValueError("a strange overflow record")

    def pushed(self, depth: int, dropped: Sequence[bytes], rejected: Sequence[bytes] = ()) -> None:
        """The buffer's depth is the test's own affair."""


class EnoughMemory(RedisMemory):
    """A Redis with memory enough."""

    def tick(self) -> None:
        """Look at nothing."""


class Stage:
    """A consumer over fakes."""

    def __init__(self, *messages: bytes, hold: int = HOLD) -> None:
        self.clock, self.link, self.events = FakeClock(), FakeLink(), FakeEvents()
        self.queue, self.buffer = FakeQueue(self.clock, *messages), FakeBuffer()
        settings = ConsumerSettings.model_validate(
            {"buffer_max_size": CAP, "buffer_batch_threshold": 5, "consumer_hold_messages": hold}
        )
        heartbeat = Heartbeat(self.link, KEYS, self.events, "consumer", "one")
        self.claims = Claims(
            self.link, KEYS, heartbeat, self.events, role="consumer", index_key=KEYS.claimed,
            list_key=KEYS.claimed_list, apart=True,
        )  # fmt: skip
        self.report = QuietReport(self.link, KEYS, self.events, settings, clock=self.clock, incarnation="x")
        self.consumer = Consumer(
            link=self.link, queue=self.queue, buffer=self.buffer, claims=self.claims,
            report=self.report, unpacker=Unpacker(self.report, Rejections(heartbeat, self.clock), settings),
            memory=EnoughMemory(self.link, KEYS, self.clock), settings=settings, clock=self.clock, events=self.events,
            turn=Turn("the consumer", 15.0, self.clock), pause=NeverPaused(self.link, KEYS, heartbeat, "consumer"),
        )  # fmt: skip

    def push_one(self, stop: FakeStop | None = None) -> bool:
        """Claim a message and push it; return whether it is done with."""
        stop = self.buffer.stop = stop or FakeStop(self.clock)
        batch = self.consumer.claim(stop, 1.0)
        assert batch is not None
        return self.consumer.push(batch, stop)

    def run(self, stop: FakeStop) -> None:
        """Let the loop run until it is stopped."""
        self.buffer.stop = stop
        self.consumer.run(stop)
