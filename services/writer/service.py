"""The writer as a process: its threads, its heartbeat, its end."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from services.writer.backup.csv_backup import BackupFailedError, CsvBackup
from services.writer.deliver.batches import WorkInHand
from services.writer.deliver.breaker import Breaker
from services.writer.deliver.housekeeping import Housekeeping
from services.writer.deliver.report import Report
from services.writer.deliver.worker import Worker
from services.writer.sink import Sink, SinkError
from shared.acting.pausing import Pause
from shared.clock import Clock
from shared.counters import Counter
from shared.errors import FatalError, RedisUnavailableError
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.beating import Beating, Turn
from shared.life.faults import Faults, outliving
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.queues.claims import SWEEP_INTERVAL_S, Claims
from shared.queues.lifetimes import let_stay
from shared.queues.snapshot import take_snapshot
from shared.records.events import Event, Pending
from shared.records.heartbeats import BackupState, BreakerState, OracleState, WriterStatus
from shared.redis.link import RedisLink

#: Seconds from the signal to the end that the threads may take; the promise is 5 for all.
THREADS_END_S = 4.0

#: Seconds between two turns of the main loop.
TICK_S = 1.0

_PROBER_TICK_S = 0.1

#: Seconds between two looks at the table while Oracle takes values.
INSPECT_INTERVAL_S = 60.0

#: Looks in a row at which some of what the table took is gone, though Oracle was there, until that is told: once proves
#: nothing, a plant may empty its table.
LOOKS_IN_VAIN = 2

_log = get_logger()


@dataclass(kw_only=True)
class WriterService:
    """Runs the workers, the spill and the prober, and watches them."""

    link: RedisLink
    keys: Keys
    events: EventLog
    heartbeat: Heartbeat
    claims: Claims
    sink: Sink
    breaker: Breaker
    backup: CsvBackup
    rejects: CsvBackup
    report: Report
    work: WorkInHand
    workers: list[Worker]
    loops: Mapping[str, Callable[[StopFlag], None]]  #: beside the workers: what else the end waits for, by name
    housekeeping: Housekeeping
    clock: Clock
    pause: Pause
    _looks_in_vain: int = field(default=0, init=False)

    def run(self, stop: StopFlag) -> None:
        """Go on until stopped. Raises: FatalError: a thread ended that must not; what was in flight is in Redis."""
        beating = Beating(self.heartbeat, self.events, self.clock, self.describe, state=lambda: self.pause.state)
        turn = beating.watch("the writer's main loop")
        failures: list[BaseException] = []
        self.pause.recall(stop)
        with beating.go_on():
            self._sweep_first(turn)
            threads = self._start_all(stop, failures)
            self._watch_over(stop, turn)
            self._end_threads(threads)
        self._say_goodbye()
        if failures:
            raise FatalError(f"a thread of the writer ended: {failures[0]!r}") from failures[0]

    def _sweep_first(self, turn: Turn) -> None:
        try:
            self._sweep(turn)
        except RedisUnavailableError:
            _log.warning("Redis went away: looking for unfinished batches when it is back")
        except Exception as error:  # noqa: BLE001 - the main loop sweeps again
            self._faults("looking for unfinished batches").note(error)

    def _start_all(self, stop: StopFlag, failures: list[BaseException]) -> list[threading.Thread]:
        """Start what runs beside the main loop; return the threads that the end waits for."""
        prober = outliving(self.probe_when_due, self._faults("the prober"))
        workers = {f"worker-{worker.number}": worker.run for worker in self.workers}
        loops = {**workers, **self.loops, "prober": prober}
        threads = [self._start(loop, stop, name, failures) for name, loop in loops.items()]
        # Not waited for at the end: a slow disk must not hold up the stop.
        self._start(self.housekeeping.run, stop, "housekeeping", failures)
        return threads

    def _faults(self, loop: str, *, ends_the_process: bool = True) -> Faults:
        return Faults(self.events, self.clock, loop, ends_the_process=ends_the_process)

    def _watch_over(self, stop: StopFlag, turn: Turn) -> None:
        """Tell people what is new, and take over what dead writers left."""
        faults = self._faults("the writer's main loop", ends_the_process=False)
        next_sweep = 0.0
        while not stop.is_set():
            turn()
            now = self.clock.monotonic()
            with faults.outlived(self.link, stop):  # what is told must not end what is done
                if now >= next_sweep:
                    next_sweep = now + SWEEP_INTERVAL_S
                    self._sweep(turn)
                self.report.tick()
                stop.wait(TICK_S)

    def _sweep(self, turn: Turn) -> None:
        keys = self.claims.keys
        let_stay(self.link, [keys.rejected_rows, keys.rejected_rows_bytes, keys.backup_files, keys.paused])
        # What a paused writer took over would wait with it.
        self.claims.sweep(turn, only_own=self.pause.is_on())

    def describe(self) -> WriterStatus:
        """Return what the heartbeat says: how the writer is. Touches no file and no network."""
        now = self.clock.monotonic()
        opened, busy = self.sink.connections
        cause = self.breaker.cause
        said, target = self.pause.said, self.sink.target
        return WriterStatus(
            target=f"{target.table} at {target.dsn}",
            paused_by=said.by if said else None,
            paused_at=said.at if said else None,
            layout=self.workers[0].settings.oracle_table_layout,
            breaker=self.breaker.state,
            oracle=_oracle_state(self.breaker.state, cause, seen=self.work.last_write_at is not None or opened > 0),
            backup=BackupState.FAILING if self.report.backup_failure else BackupState.OK,
            backup_failure=self.report.backup_failure,
            backup_free_bytes=self.backup.free_bytes,
            last_write_at=self.work.last_write_at,
            # The breaker's cause is newer: each probe may fail for another reason.
            last_error=cause.plain if cause is not None else self.report.last_error,
            batches_in_hand=len(self.work.attempts),
            oldest_batch_s=round(self.work.oldest_attempt_s(now), 3),
            connections_open=opened,
            connections_busy=busy,
            connections_short=self.sink.shortage,
            logon_warning=self.sink.logon_warning,
            table_warning=self.sink.table_warning,
        )

    def probe_when_due(self, stop: StopFlag) -> None:
        """Learn the table at the start; ask Oracle at intervals while the breaker is open; look at the table else."""
        next_look, was_away = 0.0, False
        try:
            self.sink.probe()
        except SinkError as error:
            _log.warning(f"Oracle is not usable yet: {error}")
            if error.needs_a_person:
                self.breaker.failed(error, self.clock.monotonic(), last=True)
            next_look = self.clock.monotonic() + INSPECT_INTERVAL_S
        while not stop.wait(_PROBER_TICK_S):
            if self.breaker.state is not BreakerState.CLOSED:
                # Whatever took Oracle away may have left another table, or an earlier one.
                next_look, was_away = 0.0, True
            elif self.clock.monotonic() >= next_look:
                next_look = self.clock.monotonic() + INSPECT_INTERVAL_S
                with suppress(SinkError):  # That Oracle is away is found out, and told, by a batch.
                    self._look_at_table(was_away=was_away)
                    was_away = False
            if not self.breaker.probe_due(self.clock.monotonic()):
                continue
            try:
                self.sink.probe()
            except SinkError as error:
                self.breaker.probe_failed(error, self.clock.monotonic())
            else:
                self.breaker.probe_succeeded(self.clock.monotonic())

    def _look_at_table(self, *, was_away: bool) -> None:
        """See whether the table is as it was, and holds what it took. Raises: SinkError."""
        self.sink.inspect()
        looked_for, gone = self.sink.gone()
        if looked_for and not was_away:
            self._looks_in_vain = self._looks_in_vain + 1 if gone else 0
        # Of a table that does not keep what it takes, an outage proves nothing.
        if gone and self._looks_in_vain == (0 if was_away else LOOKS_IN_VAIN):
            self.report.went_back(looked_for, gone, was_away=was_away)

    def _start(
        self, loop: Callable[[StopFlag], None], stop: StopFlag, name: str, failures: list[BaseException]
    ) -> threading.Thread:
        def run() -> None:
            try:
                loop(stop)
            except BaseException as error:  # noqa: BLE001 - a thread that dies unseen is the worst outcome
                _log.critical(f"{name} ended: {error!r}", exc_info=not isinstance(error, FatalError))
                failures.append(error)
                stop.set()

        # Daemons: a thread that hangs in the driver must not keep the process.
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def _end_threads(self, threads: list[threading.Thread]) -> None:
        """Wait for the threads; what they have in hand is in flight all the while, so the heartbeat goes on."""
        deadline = self.clock.monotonic() + THREADS_END_S
        for thread in threads:
            thread.join(max(0.0, deadline - self.clock.monotonic()))
        for file in (self.backup, self.rejects):
            try:
                file.finish()
            except BackupFailedError as error:
                self.report.file_left_behind(error, file.open_rows)
        self.report.tick()

    def _say_goodbye(self) -> None:
        """Say what is left, and give the name back so that others take over what is in flight."""
        try:
            figures = take_snapshot(self.link, self.keys)
            pending = figures.in_buffer + figures.in_flight
            message = (
                f"Final metrics: written {figures[Counter.WRITTEN]}, duplicates {figures[Counter.DUPLICATES]}, "
                f"rejected {figures[Counter.REJECTED]}, backed up {figures[Counter.BACKED_UP]}, pending {pending}"
            )
            _log.info(message)
            self.events.add(
                Event.STOPPED, f"Writer {self.heartbeat.instance} stopped. {message}", Pending(pending=pending)
            )
            self.heartbeat.close()
        except RedisUnavailableError as error:
            _log.warning(f"Redis is away ({error}): what is left is there for the next writer")
        _log.info("Shutdown complete")


def _oracle_state(state: BreakerState, cause: SinkError | None, *, seen: bool) -> OracleState:
    if cause is not None and cause.needs_a_person:
        return OracleState.CONFIGURATION
    if state is BreakerState.CLOSED:
        return OracleState.OK if seen else OracleState.UNKNOWN
    return OracleState.AWAY
