"""The consumer's loop: what it pushes, when it waits for room and for whom, and what it gives back."""

import pytest

from services.consumer.worker import FIRST_LOOK_S, HOLD_AFTER_DRAIN_S, LAST_LOOK_S, MAX_HOLD_FACTOR
from shared.errors import FatalError, RedisFullError
from shared.keys import list_takeovers
from shared.life.faults import MAX_FAULTS
from shared.queues.data_queue import MessageBatch
from shared.records.events import Event
from tests.fakes import FakeStop
from tests.unit.consumer.stage import CAP, HOLD, Stage, message


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
