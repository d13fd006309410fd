"""The consumer's loop: what it pushes, when it waits for room and for whom, and what it gives back."""

from collections.abc import Sequence

import pytest

from services.consumer.rejected.entries import Rejections
from services.consumer.report.redis_memory import RedisMemory
from services.consumer.report.report import Report
from services.consumer.settings import ConsumerSettings
from services.consumer.unpack import Unpacker
from services.consumer.worker import (
    FIRST_LOOK_S,
    HOLD_AFTER_DRAIN_S,
    LAST_LOOK_S,
    MAX_HOLD_FACTOR,
    Consumer,
)
from shared.counters import Counts
from shared.errors import FatalError, RedisFullError, RedisUnavailableError
from shared.keys import Keys, list_takeovers
from shared.life.beating import Turn
from shared.life.faults import MAX_FAULTS
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.messages import encode_polling_data
from shared.models import Lines
from shared.queues.buffer import Push, PushOutcome, TagBuffer
from shared.queues.claims import Claims
from shared.queues.data_queue import DataQueue, MessageBatch
from shared.records.events import Event
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


def test_a_message_becomes_values_and_its_list_is_done_with() -> None:
    stage = Stage(message(3))
    assert stage.push_one()
    assert (len(stage.buffer.values), stage.buffer.counts, stage.claims.active_count) == (3, {"messages": 1}, 0)


def test_a_message_that_nobody_understands_is_rejected_and_the_next_is_pushed() -> None:
    stage = Stage(b"{not json", message(2))
    assert stage.push_one()
    assert stage.push_one()
    assert (len(stage.buffer.rejected), len(stage.buffer.values)) == (1, 2)


def test_a_message_that_the_buffer_never_holds_goes_back_in_parts() -> None:
    stage = Stage(message(CAP + 5))
    assert stage.push_one()
    assert (stage.buffer.values, len(stage.queue.messages) > 1, stage.claims.active_count) == ([], True, 0)


def test_a_push_waits_for_room_and_loses_nothing_however_long_nobody_drains() -> None:
    stage = Stage(message(4))
    stage.buffer.held = CAP - 1
    assert not stage.push_one(FakeStop(stage.clock, after=10_000))
    assert (stage.buffer.values, stage.buffer.dropped) == ([], 0)
    assert stage.clock.seconds > 1000 + HOLD_AFTER_DRAIN_S, "longer than it would hold for a writer's sake"


def test_it_goes_on_as_soon_as_a_writer_made_room() -> None:
    stage = Stage(message(4))
    stage.buffer.held = CAP

    class Drained(FakeStop):
        def wait(self, wait_s: float) -> bool:
            if len(self.waits) == 7:
                stage.buffer.held = 2
            return super().wait(wait_s)

    stop = Drained(stage.clock)
    assert stage.push_one(stop)
    assert (len(stop.waits), len(stage.buffer.values), stage.buffer.dropped) == (8, 4, 0)


def test_at_redis_memory_limit_where_nobody_can_say_that_he_waits_the_push_looks_now_and_then() -> None:
    stage = Stage(message(4))
    stage.buffer.held = CAP

    def refuse(_values: int, _wait_s: float) -> None:
        raise RedisFullError("OOM")

    stage.buffer.wait_for_room = refuse  # type: ignore[method-assign,assignment]

    class Drained(FakeStop):
        def wait(self, wait_s: float) -> bool:
            stage.buffer.held = 2
            return super().wait(wait_s)

    stop = Drained(stage.clock)
    assert stage.push_one(stop)
    assert (stop.waits, len(stage.buffer.values)) == ([FIRST_LOOK_S], 4)


def test_room_is_asked_for_soon_and_then_once_a_second_and_urgently_once_the_dataqueue_fills() -> None:
    stage = Stage(message(4))
    stage.buffer.held = CAP
    stop = FakeStop(stage.clock, after=7)
    stage.push_one(stop)
    assert stage.buffer.asked == [(4, False)] * 3
    assert stop.waits == [FIRST_LOOK_S, 0.1, 0.2, 0.4, 0.8, LAST_LOOK_S, LAST_LOOK_S], "each look is a write"
    stage.queue.messages, stage.queue.behind = [message(4)], HOLD + 1
    stage.push_one(FakeStop(stage.clock, after=3))
    assert stage.buffer.asked[3:] == [(4, True)]


def test_values_overflow_once_the_dataqueue_is_full_and_nobody_has_drained_for_long() -> None:
    stage = Stage(message(4))
    stage.buffer.held = CAP
    stage.queue.behind = MAX_HOLD_FACTOR * HOLD
    began = stage.clock.monotonic()
    assert stage.push_one(FakeStop(stage.clock))
    assert (stage.buffer.dropped, stage.clock.monotonic() - began >= HOLD_AFTER_DRAIN_S) == (4, True)


def test_who_drains_is_waited_for_though_the_dataqueue_is_full() -> None:
    """Kind: values that overflow while a writer drains the backlog of its own absence."""
    stage = Stage(message(4))
    stage.buffer.held = CAP
    stage.queue.behind = MAX_HOLD_FACTOR * HOLD
    taken = iter([1, 1])

    class Slowly(FakeStop):
        def wait(self, wait_s: float) -> bool:
            if len(self.waits) % 14 == 13:
                stage.buffer.held -= next(taken, 2)
            return super().wait(wait_s)

    assert stage.push_one(Slowly(stage.clock))
    assert stage.buffer.dropped == 0


def test_where_nothing_is_to_be_held_values_overflow_at_once() -> None:
    stage = Stage(message(4), hold=0)
    stage.buffer.held = CAP
    assert stage.push_one()
    assert stage.buffer.dropped == 4


def test_a_batch_of_the_dead_that_waits_for_room_is_acquitted() -> None:
    """Kind: a message taken for a poison because consumers were restarted while it waited."""
    stage = Stage(message(4))
    stage.buffer.held = CAP
    batch = MessageBatch(f"{stage.claims.open()}+2", [message(4)], 0)
    stage.buffer.stop = FakeStop(stage.clock, after=3)
    assert not stage.consumer.push(batch, stage.buffer.stop)
    pending = stage.consumer._pending
    assert pending is not None
    assert (batch.is_taken_over, list_takeovers(pending.list_key)) == (True, 0)


def test_a_push_whose_answer_is_lost_is_repeated_with_the_same_list_and_counts_once() -> None:
    stage = Stage(message(3))
    stage.buffer.lost = 1
    stop = FakeStop(stage.clock)
    stage.queue.messages.append(message(2))
    ends_when_empty(stage, stop)
    stage.run(stop)
    assert (len(stage.buffer.values), len(set(stage.buffer.lists)), stage.link.waits) == (5, 2, 1)


def test_a_stop_while_there_is_no_room_leaves_the_messages_where_they_are() -> None:
    stage = Stage(message(4))
    stage.buffer.held = CAP
    stage.run(FakeStop(stage.clock, after=5))
    assert (stage.buffer.lists, stage.claims.active_count) == ([], 1), "in its list, for who takes it over"


def test_the_unforeseen_gives_the_batch_back_and_a_repeated_one_ends_the_process() -> None:
    stage = Stage(*[message(2)] * 9)

    def broken(_batch: MessageBatch, _stop: object) -> bool:
        raise ValueError("again")

    stage.consumer.push = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(FatalError, match="the consumer met"):
        stage.run(FakeStop(stage.clock))
    assert stage.events.kinds == [Event.FAULT] * MAX_FAULTS
    assert stage.claims.has_adopted, "whoever comes next finds it"


def test_what_is_told_ends_and_slows_nothing() -> None:
    stage = Stage(message(3))
    stage.report.fails = 1
    stop = FakeStop(stage.clock)
    ends_when_empty(stage, stop)
    stage.run(stop)
    assert (len(stage.buffer.values), stage.events.kinds) == (3, [Event.FAULT])


def test_it_waits_only_where_the_last_claim_left_nothing() -> None:
    stage = Stage(message(1), message(2), message(3))
    for values in (1, 3, 6):
        assert stage.push_one()
        assert (len(stage.buffer.values), stage.queue.waits) == (values, 1)
    assert stage.consumer.claim(FakeStop(stage.clock), 1.0) is None
    assert stage.queue.waits == 2


def test_messages_that_another_consumer_took_are_waited_for_again() -> None:
    stage = Stage(message(1), message(2))
    assert stage.push_one()
    stage.queue.messages.clear()
    assert stage.consumer.claim(FakeStop(stage.clock), 1.0) is None
    stage.queue.messages.append(message(1))
    assert stage.push_one()
    assert stage.queue.waits == 2


def test_where_redis_lets_nobody_wait_it_claims_after_a_pause() -> None:
    """At its memory limit Redis refuses the move that waits, and lets messages be claimed."""
    stage = Stage(message(3))
    stage.queue.refuses_to_wait = True
    stop = FakeStop(stage.clock)
    assert stage.push_one(stop)
    assert (len(stage.buffer.values), len(stop.waits)) == (3, 1)


def test_redis_away_at_the_claim_is_waited_for() -> None:
    stage = Stage(message(3))
    stage.queue.away = 2
    stop = FakeStop(stage.clock)
    ends_when_empty(stage, stop)
    stage.run(stop)
    assert (len(stage.buffer.values), stage.link.waits) == (3, 2)


def ends_when_empty(stage: Stage, stop: FakeStop) -> None:
    """Stop the loop once it waits for messages in vain."""
    wait = stage.queue.wait

    def waits(wait_s: float) -> bool:
        there = wait(wait_s)
        if not there:
            stop.set()
        return there

    stage.queue.wait = waits  # type: ignore[method-assign]
