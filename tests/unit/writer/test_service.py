"""The writer as a process: what its heartbeat says, what its prober does, and how it ends."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.writer.backup.index import Manifest
from services.writer.deliver.housekeeping import Housekeeping
from services.writer.service import WriterService
from services.writer.sink import SinkError, Verdict
from shared.errors import FatalError
from shared.life.faults import Faults
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.records.events import Event
from shared.records.heartbeats import BackupState, BreakerState, OracleState
from tests.fakes import FakeClock, FakeStop, tag_values
from tests.unit.writer.deliver.stages import KEYS, LoopStage

LOST = SinkError("LOST", "the other side closed the connection", Verdict.CONNECTION_LOST)
NO_TABLE = SinkError("TABLE", "there is no such table", Verdict.CONFIGURATION)


class Stage(LoopStage):
    """A whole writer over fakes; its threads are real."""

    def __init__(self, values: int = 0) -> None:
        super().__init__(tag_values(values))
        self.heartbeat = Heartbeat(self.link, KEYS, self.events, "writer", "one")
        manifest = Manifest(self.link, KEYS, Path("none"))
        self.service = WriterService(
            link=self.link, keys=KEYS, events=self.events, heartbeat=self.heartbeat, claims=self.claims,
            sink=self.sink, breaker=self.breaker, backup=self.backup, rejects=self.rejects, report=self.report,
            work=self.work, clock=self.clock, pause=self.pause, workers=[self.worker],
            loops={"spill": self.spill.run},
            housekeeping=Housekeeping(
                backup=self.backup, rejects=self.rejects, file_waiting_rows=lambda: None,
                manifest=manifest, breaker=self.breaker, report=self.report, clock=self.clock,
                faults=Faults(self.events, self.clock, "housekeeping", ends_the_process=False),
            ),
        )  # fmt: skip

    def state(self) -> BreakerState:
        """Return where the breaker stands now."""
        return self.breaker.state


@pytest.fixture
def stage() -> Stage:
    return Stage()


def stop_when(clock: FakeClock, condition: Callable[[], bool]) -> StopFlag:
    """Return a flag that is set by the first wait at which a condition holds, and after 1,000 waits."""

    class Conditional(FakeStop):
        def wait(self, wait_s: float) -> bool:
            if condition():
                self.set()
            return super().wait(wait_s)

    return Conditional(clock, after=1000)


# --- the heartbeat ---------------------------------------------------------------------------------------------------


def test_before_the_first_batch_nobody_knows_how_oracle_is(stage: Stage) -> None:
    stage.sink.connections = (0, 0)
    assert stage.service.describe().oracle is OracleState.UNKNOWN
    stage.sink.connections = (2, 1)
    status = stage.service.describe()
    assert (status.oracle, status.connections_open, status.connections_busy) == (OracleState.OK, 2, 1)


def test_the_newest_reason_is_told_and_a_person_called_only_where_one_can_help(stage: Stage) -> None:
    stage.report.retrying(SinkError("OLD", "an older trouble", Verdict.TRANSIENT), 1)
    stage.breaker.failed(LOST, stage.clock.monotonic(), last=True)
    status = stage.service.describe()
    assert (status.breaker, status.oracle, status.last_error) == (BreakerState.OPEN, OracleState.AWAY, str(LOST))
    stage.breaker.probe_failed(NO_TABLE, stage.clock.monotonic())
    assert stage.service.describe().oracle is OracleState.CONFIGURATION


def test_what_is_in_hand_and_the_files_are_told(stage: Stage) -> None:
    stage.work.attempts[1] = stage.clock.monotonic() - 3
    stage.report.backup_failed(OSError("disk full"))
    status = stage.service.describe()
    assert (status.batches_in_hand, status.oldest_batch_s) == (1, 3.0)
    assert (status.backup, status.backup_failure) == (BackupState.FAILING, "disk full")


# --- the prober ------------------------------------------------------------------------------------------------------


def test_the_prober_learns_the_table_at_the_start_and_asks_no_more_while_all_is_available(stage: Stage) -> None:
    probes: list[str] = []
    stage.sink.probe = lambda: probes.append("probe")  # type: ignore[method-assign]
    stage.service.probe_when_due(FakeStop(stage.clock, after=500))
    assert len(probes) == 1


def test_a_table_that_is_not_there_at_the_start_opens_the_breaker_and_an_outage_does_not(stage: Stage) -> None:
    """What a person must see to is told at once; an outage is found out, and counted, by a batch."""
    stage.sink.trouble = LOST
    stage.service.probe_when_due(FakeStop(stage.clock, after=5))
    assert stage.state() is BreakerState.CLOSED
    stage.sink.trouble = NO_TABLE
    stage.service.probe_when_due(FakeStop(stage.clock, after=5))
    assert stage.state() is BreakerState.OPEN


def test_while_the_breaker_is_open_it_probes_and_the_first_answer_lets_a_batch_try(stage: Stage) -> None:
    stage.breaker.failed(LOST, stage.clock.monotonic(), last=True)
    stage.sink.trouble = LOST
    stage.service.probe_when_due(FakeStop(stage.clock, after=100))
    assert stage.state() is BreakerState.OPEN
    stage.sink.trouble = None
    began = stage.clock.monotonic()
    stop = stop_when(stage.clock, lambda: stage.breaker.state is BreakerState.HALF_OPEN)
    stage.service.probe_when_due(stop)
    assert stage.state() is BreakerState.HALF_OPEN
    assert stage.clock.monotonic() - began <= 5.0 + 0.3, "an interval, at most"


def test_the_table_is_looked_at_at_the_start_each_minute_and_after_an_outage(stage: Stage) -> None:
    """Kind: what was learned once is believed for ever. Its key was dropped for a load, and values came twice."""
    stage.service.probe_when_due(FakeStop(stage.clock, after=1300))
    assert stage.sink.inspections == 3
    # If: Oracle is away at the start; expect: nobody asks it beside the batches that find that out
    stage.sink.trouble, stage.sink.inspections = LOST, 0
    stage.service.probe_when_due(FakeStop(stage.clock, after=100))
    stage.breaker.failed(LOST, stage.clock.monotonic(), last=True)
    stage.sink.trouble = None
    # If: it comes back; expect: it is looked at as soon as a batch was written, not before
    stage.service.probe_when_due(stop_when(stage.clock, lambda: stage.breaker.state is BreakerState.HALF_OPEN))
    assert stage.sink.inspections == 0
    stage.breaker.succeeded(stage.clock.monotonic())
    stage.service.probe_when_due(FakeStop(stage.clock, after=5))
    assert stage.sink.inspections == 1
    stage.sink.table_warning = "no key"
    assert stage.service.describe().table_warning == "no key"


def outage(stage: Stage) -> FakeStop:
    """Return a flag at whose waits Oracle goes away, and comes back without what it took."""

    class Outage(FakeStop):
        def wait(self, wait_s: float) -> bool:
            if self.waits == [0.1, 0.1]:
                stage.breaker.failed(LOST, stage.clock.monotonic(), last=False)
                stage.sink.lost = tag_values(2)
            if len(self.waits) == 5:
                stage.breaker.succeeded(stage.clock.monotonic())
            return super().wait(wait_s)

    return Outage(stage.clock, after=10)


def test_after_an_outage_it_is_asked_whether_oracle_holds_what_it_took(stage: Stage) -> None:
    """Kind: what was acknowledged, taken for stored for ever."""
    stage.service.probe_when_due(outage(stage))
    assert stage.events.kinds.count(Event.ORACLE_WENT_BACK) == 1


def test_a_table_that_keeps_nothing_is_told_of_once_and_not_one_that_is_emptied_now_and_then(stage: Stage) -> None:
    """Kind: an acknowledgement taken for proof. A trigger swallowed rows, a policy hid them: each insert went well, all
    counted as written, and nobody ever looked.
    """

    def lose() -> bool:
        stage.sink.lost = tag_values(2)
        return False

    stage.sink.write(tag_values(1))
    lose()
    stage.service.probe_when_due(FakeStop(stage.clock, after=1300))
    assert Event.ORACLE_WENT_BACK not in stage.events.kinds
    for _ in range(3):
        stage.service.probe_when_due(stop_when(stage.clock, lose))
    assert stage.events.kinds.count(Event.ORACLE_WENT_BACK) == 1
    # If: an outage; expect: no word of a database that went back
    stage.service.probe_when_due(outage(stage))
    assert stage.events.kinds.count(Event.ORACLE_WENT_BACK) == 1


# --- the end ---------------------------------------------------------------------------------------------------------


def test_a_stop_writes_what_is_there_and_finishes_the_files(stage: Stage) -> None:
    stage.buffer.values = tag_values(25)
    stage.stop.set()
    stage.service.run(stage.stop)
    assert (stage.counts()["written"], stage.buffer.values, stage.buffer.in_flight) == (25, [], {})
    assert (stage.backup.is_finished, stage.rejects.is_finished) == (True, True)


def test_a_thread_that_dies_ends_the_process_and_the_others_come_to_their_end(stage: Stage) -> None:
    """Kind: a writer that lives on without its workers, and looks well."""

    def dies(stop: StopFlag) -> None:
        raise MemoryError(f"no more ({stop.is_set()})")

    stage.worker.run = dies  # type: ignore[method-assign]
    with pytest.raises(FatalError, match="a thread of the writer ended: MemoryError"):
        stage.service.run(stage.stop)
    assert (stage.stop.is_set(), stage.backup.is_finished) == (True, True)


def test_housekeeping_that_meets_the_unforeseen_ends_nothing(stage: Stage) -> None:
    def broken(*, close_after_s: float) -> None:
        raise ValueError(f"a strange disk ({close_after_s})")

    stage.backup.prove = broken  # type: ignore[method-assign]
    stage.service.housekeeping.run(FakeStop(stage.clock, after=30))
    assert Event.FAULT in stage.events.kinds


def test_a_file_that_cant_be_finished_is_told_with_its_rows(stage: Stage) -> None:
    """Kind: rows that end with the process, without a word."""
    stage.backup.rows = [("row",)] * 7
    stage.backup.failures = 1
    stage.stop.set()
    stage.service.run(stage.stop)
    assert Event.BACKUP_LOST in stage.events.kinds
    assert any("7 rows are LOST" in message for message in stage.events.messages)


def test_it_ends_while_redis_is_away(stage: Stage) -> None:
    stage.stop.set()
    stage.link.is_away = True
    stage.service.run(stage.stop)
    assert stage.backup.is_finished
