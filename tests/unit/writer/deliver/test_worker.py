"""The worker's loop: when it claims, what it settles, what it gives back, and how it ends."""

from collections.abc import Sequence

import pytest

from services.writer.deliver.worker import DRAIN_S, WAIT_S
from services.writer.sink import RowError, SinkError, Verdict
from shared.errors import FatalError, RedisUnavailableError
from shared.life.faults import MAX_FAULTS
from shared.models import TagValue
from shared.queues.tokens import LOST_TOKEN_S, WakeUp
from shared.records.events import Event
from shared.records.heartbeats import BreakerState
from tests.fakes import tag_values
from tests.unit.writer.deliver.stages import LoopStage

LOST = SinkError("LOST", "the other side closed the connection", Verdict.CONNECTION_LOST)


def unforeseen(_values: Sequence[TagValue]) -> list[RowError]:
    """Be what nobody foresaw: a step of the sink's script."""
    raise ValueError("list.remove(x): x not in list")


def test_a_full_batch_is_written_and_settled_with_its_counts() -> None:
    stage = LoopStage(tag_values(10))
    stage.buffer.heard = [WakeUp.FULL]
    assert stage.worker.run_once(WAIT_S, stage.stop)
    assert (stage.counts(), stage.buffer.in_flight) == ({"written": 10, "batches_written": 1}, {})
    assert stage.buffer.windows[0]["latency_sum_ms"] == 0
    assert stage.work.last_write_at == stage.clock.now().timestamp()
    assert stage.work.attempts == {}, "nothing is in hand any more"


def test_without_a_token_nothing_is_claimed_until_one_may_have_been_lost() -> None:
    """Kind: a wake-up token that is gone with the process that took it."""
    stage = LoopStage()
    stage.worker.run_once(WAIT_S, stage.stop)
    stage.buffer.values = tag_values(3)
    began = stage.clock.monotonic()
    assert not stage.worker.run_once(WAIT_S, stage.stop)
    while not stage.worker.run_once(WAIT_S, stage.stop):
        assert stage.clock.monotonic() - began <= LOST_TOKEN_S + WAIT_S
    assert stage.counts()["written"] == 3


def test_who_is_woken_and_does_not_claim_wakes_another() -> None:
    """Kind: a wake-up that is taken by who goes: beside a writer that stopped or was paused values waited for 5 s."""
    stage = LoopStage(tag_values(10))
    stage.buffer.heard = [WakeUp.FULL]
    stage.stop.set()
    assert not stage.worker.run_once(WAIT_S, stage.stop)
    assert stage.buffer.calls == ["wait", "wake_another"]
    assert stage.buffer.heard == [WakeUp.READY]


def test_the_first_values_wait_for_the_interval_and_no_longer() -> None:
    stage = LoopStage(tag_values(2))
    stage.buffer.heard = [WakeUp.READY]
    before = stage.clock.monotonic()
    assert stage.worker.run_once(WAIT_S, stage.stop)
    assert stage.clock.monotonic() - before == pytest.approx(0.5)
    assert stage.counts()["written"] == 2


def test_values_that_fill_a_batch_meanwhile_do_not_wait_for_the_interval() -> None:
    stage = LoopStage(tag_values(10))
    stage.buffer.heard = [WakeUp.READY, WakeUp.FULL]
    before = stage.clock.monotonic()
    assert stage.worker.run_once(WAIT_S, stage.stop)
    assert stage.clock.monotonic() == before


def test_while_more_is_there_the_next_batch_comes_along_with_the_settling() -> None:
    stage = LoopStage(tag_values(30))
    stage.buffer.heard = [WakeUp.FULL]
    assert [stage.worker.run_once(WAIT_S, stage.stop) for _ in range(3)] == [True] * 3
    assert (stage.counts()["written"], stage.buffer.calls.count("wait")) == (30, 1)
    assert stage.buffer.calls.count("settle_and_claim") == 2
    assert stage.buffer.calls[-1] == "settle lost"


def test_a_settling_whose_answer_is_lost_is_repeated_and_counts_once() -> None:
    stage = LoopStage(tag_values(10))
    stage.buffer.heard = [WakeUp.FULL]
    stage.buffer.away["settle"] = 2
    stage.buffer.away["settle lost"] = 1
    assert stage.worker.run_once(WAIT_S, stage.stop)
    assert (stage.counts()["written"], stage.sink.calls, stage.link.waits) == (10, [10], 3)


def test_a_claim_that_travelled_with_a_lost_settling_is_not_taken_for_one() -> None:
    stage = LoopStage(tag_values(20))
    stage.buffer.heard = [WakeUp.FULL]
    stage.buffer.away["settle_and_claim"] = 1
    assert stage.worker.run_once(WAIT_S, stage.stop)
    assert stage.worker.run_once(WAIT_S, stage.stop)
    assert (stage.counts()["written"], stage.sink.calls) == (20, [10, 10])


def test_stopped_before_the_settling_the_values_stay_in_flight() -> None:
    stage = LoopStage(tag_values(10))
    stage.buffer.heard = [WakeUp.FULL]
    stage.buffer.away["settle"] = 9

    def stored_and_stopped(_values: Sequence[TagValue]) -> list[RowError]:
        stage.stop.set()
        return []

    stage.sink.steps = [stored_and_stopped]
    with pytest.raises(RedisUnavailableError):
        stage.worker.run_once(WAIT_S, stage.stop)
    assert (stage.counts(), [len(values) for values in stage.buffer.in_flight.values()]) == ({}, [10])
    assert stage.work.attempts == {}


def test_what_nobody_foresaw_gives_the_batch_back_and_the_third_time_it_goes_to_the_backup() -> None:
    """Kind: a batch in nobody's hands; a batch that is tried for ever."""
    stage = LoopStage(tag_values(10), unforeseen, unforeseen)
    stage.buffer.heard = [WakeUp.FULL]
    for _ in range(2):
        with pytest.raises(ValueError, match="not in list"):
            stage.worker.run_once(WAIT_S, stage.stop)
        assert stage.claims.has_adopted
    assert stage.worker.run_once(WAIT_S, stage.stop)
    assert (stage.counts(), len(stage.backup.rows)) == ({"backed_up": 10, "batches_failed": 1}, 10)
    assert stage.sink.calls == [10, 10], "the third time it is not tried"
    assert (stage.work.given_back, stage.buffer.in_flight) == ({}, {})


def test_a_batch_that_writers_died_of_is_not_tried() -> None:
    stage = LoopStage(tag_values(10))
    stage.buffer.heard = [WakeUp.FULL]
    stage.claims.give_back(f"{stage.claims.open()}+9")
    stage.worker.run_once(WAIT_S, stage.stop)
    assert (stage.counts(), stage.sink.calls) == ({"backed_up": 10, "batches_failed": 1}, [])


def test_rejected_rows_that_no_file_takes_travel_with_a_settling_of_their_own() -> None:
    long = tag_values(1, text="x" * 300)
    stage = LoopStage([*long, *tag_values(20)[1:]])
    stage.buffer.heard = [WakeUp.FULL]
    stage.rejects.failures = 1
    assert stage.worker.run_once(WAIT_S, stage.stop)
    assert (stage.counts(), len(stage.buffer.waiting)) == (
        {"written": 9, "rejected": 1, "rejected:TOO_LONG": 1, "batches_written": 1},
        1,
    )
    assert "settle_and_claim" not in stage.buffer.calls


def test_a_stop_ends_the_loop_after_the_batch_in_hand_and_then_it_drains() -> None:
    stage = LoopStage(tag_values(35))
    stage.buffer.heard = [WakeUp.FULL]

    def stop_now(_values: Sequence[TagValue]) -> list[RowError]:
        stage.stop.set()
        return []

    stage.sink.steps = [stop_now]
    stage.worker.run(stage.stop)
    assert (stage.counts()["written"], stage.buffer.values, stage.buffer.in_flight) == (35, [], {})


def test_draining_ends_in_its_time_and_leaves_the_others_in_the_buffer() -> None:
    stage = LoopStage(tag_values(100))
    stage.stop.set()

    def slow(_values: Sequence[TagValue]) -> list[RowError]:
        stage.clock.advance(DRAIN_S / 3)
        return []

    stage.sink.steps = [slow] * 10
    stage.worker.drain(stage.stop)
    assert (stage.counts()["written"], len(stage.buffer.values)) == (30, 70)


def test_nothing_is_drained_into_a_backup() -> None:
    stage = LoopStage(tag_values(10))
    stage.breaker.failed(LOST, stage.clock.monotonic(), last=True)
    stage.stop.set()
    stage.worker.run(stage.stop)
    assert (len(stage.buffer.values), stage.backup.rows) == (10, [])


def test_the_loop_outlives_redis_and_the_unforeseen() -> None:
    stage = LoopStage(tag_values(10), unforeseen)
    stage.buffer.heard = [WakeUp.FULL, WakeUp.FULL]
    stage.buffer.away["wait"] = 2
    stage.buffer.away["claim"] = 1
    stage.buffer.when_silent = stage.stop.set
    stage.worker.run(stage.stop)
    assert (stage.counts()["written"], stage.link.waits) == (10, 3)
    assert stage.events.kinds == [Event.FAULT]


def test_what_repeats_ends_the_loop() -> None:
    """A loop that can't turn at all; a batch that fails again and again is in the backup after the third time."""
    stage = LoopStage()

    def broken() -> None:
        raise ValueError("again")

    stage.buffer.when_silent = broken
    with pytest.raises(FatalError, match="worker-1 met"):
        stage.worker.run(stage.stop)
    assert len(stage.events.kinds) == MAX_FAULTS


def test_an_outage_costs_one_batch_its_retries_and_the_next_none() -> None:
    stage = LoopStage(tag_values(20), *[LOST] * 4)
    stage.buffer.heard = [WakeUp.FULL]
    stage.worker.run_once(WAIT_S, stage.stop)
    assert stage.stop.waits == [1.0, 2.0, 4.0]
    stage.worker.run_once(WAIT_S, stage.stop)
    assert (stage.counts()["backed_up"], stage.breaker.state, stage.sink.calls) == (20, BreakerState.OPEN, [10] * 4)
