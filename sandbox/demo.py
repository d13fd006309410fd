"""The story of a demo run: start, watch, let everything arrive, give the accounts, end."""

from time import monotonic

import oracledb

from sandbox.console import DemoConsole
from sandbox.harness.services import is_idle
from sandbox.pipeline import Pipeline
from sandbox.plan import Plan
from sandbox.recording import Comparison, Recording, compare
from sandbox.summary import Accounts, Emitted, parse_goodbye
from shared.counters import Counter
from shared.errors import RedisUnavailableError
from shared.lifecycle import StopFlag
from shared.queues.snapshot import Snapshot

#: Seconds that the pipeline gets to bring everything home after the poller has ended.
DRAIN_TIMEOUT_S = 60.0

#: Seconds that the poller gets to send what it has read, at the end of a run that gives a verdict.
_POLLER_STOP_S = 10.0

#: Seconds between two looks at the figures.
_LOOK_S = 0.1

#: Exit statuses: all accounted for; something is wrong; stopped before a verdict could be given (as shells count it).
OK, WRONG, INTERRUPTED = 0, 1, 130


class Stopwatch:
    """Times a run from the first value on the buffer to the last one in the table.

    Args: lead_s: seconds that the first values stand for. Six polls, one a second, are five seconds apart, but they
    are the values of six.
    """

    def __init__(self, lead_s: float) -> None:
        self._lead_s = lead_s
        self._began_at = monotonic()
        self._first_at: float | None = None
        self._last_at = 0.0
        self._written = 0

    def look(self, ledger: Snapshot) -> None:
        """Take note of the figures of this moment."""
        now = monotonic()
        if self._first_at is None and ledger[Counter.INSERTED]:
            # Between this look and the one before: the difference is a look's.
            self._first_at = now - _LOOK_S
        if ledger[Counter.WRITTEN] != self._written:
            self._written, self._last_at = ledger[Counter.WRITTEN], now

    @property
    def running_s(self) -> float:
        """Seconds from the first value to the last one written, with the lead."""
        return self._last_at - self._first_at + self._lead_s if self._first_at is not None and self._written else 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the poller was started."""
        return monotonic() - self._began_at


class Demo:
    """One run, of a pipeline that is started."""

    def __init__(
        self, plan: Plan, recording: Recording | None, pipeline: Pipeline, console: DemoConsole, stop: StopFlag
    ) -> None:
        self._plan = plan
        self._recording = recording
        self._pipeline = pipeline
        self._console = console
        self._stop = stop

    def run(self) -> int:
        """Let the values come until the plan is carried out or somebody stops it; return the exit status.

        Raises: ChildDiedError.
        """
        self._pipeline.start_poller()
        ledger: Snapshot | None = None
        watch = Stopwatch(0.0 if self._recording else self._plan.rate.interval_ms / 1000)
        with self._console:
            self._watch(watch)
            through = self._pipeline.poller_is_done
            if not self._stop.is_set():
                self._console.say("no more polling; waiting for what is on its way")
                self._pipeline.stop_poller(_POLLER_STOP_S)
                ledger = self._drain(watch)
        if not self._stop.is_set():
            return self._verdict(ledger, watch, cut_short=not through)
        if self._plan.ends_by_itself:
            self._console.error("stopped before its end: no verdict")
            return INTERRUPTED
        return OK

    def _watch(self, watch: Stopwatch) -> None:
        while not self._stop.wait(_LOOK_S):
            self._look(watch)
            over = self._plan.seconds and watch.elapsed_s >= self._plan.seconds
            if over or self._pipeline.poller_is_done:
                return

    def _drain(self, watch: Stopwatch) -> Snapshot | None:
        """Wait until nothing is on its way any more, a bounded time; return the last ledger seen."""
        deadline = monotonic() + DRAIN_TIMEOUT_S
        ledger = None
        while monotonic() < deadline:
            ledger = self._look(watch, "draining") or ledger
            if (ledger is not None and is_idle(ledger)) or self._stop.wait(_LOOK_S):
                break
        return ledger

    def _look(self, watch: Stopwatch, note: str = "") -> Snapshot | None:
        self._pipeline.check()
        ledger = self._pipeline.ledger()
        if ledger is not None:
            watch.look(ledger)
            self._console.progress(ledger, watch.elapsed_s, note)
        return ledger

    def _verdict(self, ledger: Snapshot | None, watch: Stopwatch, *, cut_short: bool) -> int:
        if ledger is None:
            self._console.error("Redis does not answer: no accounts to give")
            return WRONG
        rows, comparison = self._read_table(cut_short=cut_short)
        accounts = Accounts(
            ledger=ledger,
            emitted=self._emitted(),
            rows=rows,
            running_s=watch.running_s,
            comparison=comparison,
            cut_short=cut_short,
        )
        return OK if self._console.summary(accounts, self._recording) else WRONG

    def _read_table(self, *, cut_short: bool) -> tuple[int | None, Comparison | None]:
        oracle = self._pipeline.stack.oracle
        try:
            rows = oracle.count("tag_data")
            if self._recording is None:
                return rows, None
            return rows, compare(self._recording, oracle.rows("tag_data"), cut_short=cut_short)
        except oracledb.Error as error:
            self._console.error(f"the table can't be read: {error}")
            return None, None

    def _emitted(self) -> Emitted | None:
        try:
            said = map(parse_goodbye, self._pipeline.events("poller"))
            return next((emitted for emitted in said if emitted is not None), None)
        except RedisUnavailableError as error:
            self._console.error(f"Redis does not say what the poller emitted: {error}")
            return None
