"""The spill: the oldest values go to the backup before they would overflow because of Oracle, and not otherwise."""

from services.writer.deliver.spill import SLOW_ATTEMPT_S
from services.writer.sink import SinkError, Verdict
from shared.queues.tokens import Pressure
from shared.records.events import Event
from tests.fakes import FakeStop, tag_values
from tests.unit.writer.deliver.stages import LoopStage

LOST = SinkError("LOST", "the other side closed the connection", Verdict.CONNECTION_LOST)


def pressed(values: int, target: int, *, urgent: bool = False) -> LoopStage:
    """Return a stage whose buffer holds so many values and should fall to `target`."""
    stage = LoopStage(tag_values(values))
    stage.buffer.pressures = [Pressure(target, urgent=urgent)]
    stage.buffer.when_silent = stage.stop.set
    return stage


def test_while_oracle_is_away_the_oldest_go_until_the_buffer_has_fallen() -> None:
    stage = pressed(100, 45)
    stage.breaker.failed(LOST, stage.clock.monotonic(), last=True)
    stage.spill.run(stage.stop)
    assert (stage.counts()["backed_up"], len(stage.buffer.values)) == (60, 40)
    assert [row[2] for row in stage.backup.rows[:3]] == ["D0", "D1", "D2"]
    assert (stage.sink.calls, stage.buffer.calls[0]) == ([], "forget_pressure")


def test_while_oracle_takes_values_the_workers_are_left_to_it() -> None:
    """Kind: values in files that the table would have taken."""
    stage = pressed(100, 45)
    stage.spill.spill(Pressure(45, urgent=False), FakeStop(stage.clock, after=20))
    assert (stage.backup.rows, len(stage.buffer.values)) == ([], 100)


def test_an_attempt_that_hangs_is_oracles_fault_too() -> None:
    stage = pressed(100, 45)
    stage.work.attempts[1] = stage.clock.monotonic() - SLOW_ATTEMPT_S - 0.1
    stage.spill.run(stage.stop)
    assert stage.counts()["backed_up"] == 60


def test_what_is_urgent_asks_for_no_cause() -> None:
    stage = pressed(100, 45, urgent=True)
    stage.spill.run(stage.stop)
    assert stage.counts()["backed_up"] == 60


def test_pressure_that_becomes_urgent_while_oracle_is_not_the_cause_is_heard() -> None:
    """Kind: who waits for one thing does not hear the other; the buffer stayed full until values overflowed."""
    stage = pressed(100, 45)
    stage.buffer.pressures.append(Pressure(45, urgent=True))
    stage.spill.run(stage.stop)
    assert stage.counts()["backed_up"] == 60


def test_a_stop_while_no_file_can_be_written_settles_nothing() -> None:
    stage = pressed(100, 45, urgent=True)
    stage.backup.failures = 99
    stage.spill.run(FakeStop(stage.clock, after=3))
    assert (stage.counts(), [len(values) for values in stage.buffer.in_flight.values()]) == ({}, [10])


def test_it_outlives_redis() -> None:
    stage = pressed(100, 45, urgent=True)
    stage.buffer.away.update({"forget_pressure": 1, "wait_for_pressure": 1, "settle": 1})
    stage.spill.run(stage.stop)
    assert (stage.counts()["backed_up"], stage.link.waits, stage.buffer.in_flight) == (60, 3, {})
    assert Event.FAULT not in stage.events.kinds
