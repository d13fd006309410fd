"""Heartbeats from a place of their own: a thread that does nothing else, so no file and no slow answer holds them up.

A heartbeat proves that the loops turn, not only that the process is there. Each loop that is watched says so once a
turn; when one stands still for longer than its patience, the thread stops beating: the process then counts as dead, and
what it holds is taken over. While Redis is away everybody stands still; that is nobody's fault and does not count.

    beating = Beating(heartbeat, events, clock)
    turn = beating.watch("consumer")
    with beating.go_on():
        while not stop.is_set():
            turn()
            ...
"""

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import KW_ONLY, InitVar, dataclass

from shared.clock import Clock
from shared.errors import RedisFullError, RedisRefusedError, RedisUnavailableError
from shared.journal.events import EventLog
from shared.life.faults import Faults
from shared.life.heartbeat import BEAT_INTERVAL_S, Heartbeat
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.records.heartbeats import ServiceStatus

#: Seconds without a turn after which a loop counts as hung: longer than any answer of Redis may take.
LOOP_PATIENCE_S = 15.0

#: Seconds between two ticks of this thread at which the process itself was stopped: SIGSTOP, a suspended machine.
_PAUSE_S = 5.0

#: Seconds that the end waits for a beat that is on its way.
_END_S = 0.5

_log = get_logger()


class Turn:
    """A loop's proof that it turns: call it once a turn."""

    def __init__(self, loop: str, patience_s: float, clock: Clock) -> None:
        self.loop = loop
        self._patience_s = patience_s
        self._clock = clock
        self._at = clock.monotonic()
        self._thread: int | None = None
        self.is_hung = False

    def __call__(self) -> None:
        """Say that the loop has turned."""
        self._thread = threading.get_ident()
        self._at = self._clock.monotonic()

    def forgive(self) -> None:
        """Begin to count anew: nobody could turn."""
        self._at = self._clock.monotonic()

    def stands_for_s(self) -> float:
        """Return the seconds since the last turn if they are more than the loop's patience; else 0."""
        seconds = self._clock.monotonic() - self._at
        return seconds if seconds > self._patience_s else 0.0

    def where(self) -> str:
        """Return where in the program the loop stands."""
        frame = sys._current_frames().get(self._thread or 0)  # noqa: SLF001 - the documented way
        return "".join(traceback.format_stack(frame)) if frame is not None else "its thread is gone\n"


@dataclass
class Beating:
    """Beats once a second while every loop that it watches turns."""

    heartbeat: Heartbeat
    events: InitVar[EventLog]
    clock: Clock
    #: What to say: this and `state` are called at each beat, and touch no file and no network.
    describe: Callable[[], ServiceStatus | None] = lambda: None
    _: KW_ONLY
    on_name: Callable[[str], None] = lambda _name: None  #: called once with the process's name, if it has none yet
    state: Callable[[], str] = lambda: "running"

    def __post_init__(self, events: EventLog) -> None:
        self._faults = Faults(events, self.clock, "the heartbeat", ends_the_process=False)
        self._stop = StopFlag()
        self._turns: list[Turn] = []
        self._ticked_at = self.clock.monotonic()
        #: Why Redis refused the last beat although it answers and has room; None when it took it.
        self.refusal: str | None = None

    def watch(self, loop: str, patience_s: float = LOOP_PATIENCE_S) -> Turn:
        """Return what a loop calls once a turn."""
        turn = Turn(loop, patience_s, self.clock)
        self._turns.append(turn)
        return turn

    @contextmanager
    def go_on(self) -> Iterator[None]:
        """Beat until the block ends; then nothing more is said, so that the name can be given back."""
        for turn in self._turns:
            turn.forgive()
        thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        with self.heartbeat.sign.shown(lambda: any(turn.stands_for_s() for turn in self._turns)):
            thread.start()
            try:
                yield
            finally:
                self._stop.set()
                thread.join(_END_S)
        self.heartbeat.sign.remove()

    def _run(self) -> None:
        while True:
            try:
                self.beat_once()
            except Exception as error:  # noqa: BLE001 - a heartbeat that dies unseen kills the living
                self._faults.met(error, self._stop)
            if self._stop.wait(BEAT_INTERVAL_S):
                return

    def beat_once(self) -> None:
        """Beat, if all loops turn and Redis is there."""
        self._forgive_a_pause()
        if any(self._is_hung(turn) for turn in self._turns):
            return
        try:
            if not self.heartbeat.instance:
                self.on_name(self.heartbeat.register(self.state()))
            self.heartbeat.beat(self.state(), self.describe())
            self.refusal = None
            self.heartbeat.sign.is_ready = True
            with suppress(RedisUnavailableError):
                self.heartbeat.look_around()
        except RedisUnavailableError as error:
            self.heartbeat.sign.is_ready = False
            is_refused = isinstance(error, RedisRefusedError) and not isinstance(error, RedisFullError)
            self.refusal = str(error) if is_refused else None
            # The loops say that Redis is away, and wait for it; here the next beat is soon enough.
            _log.debug(f"no heartbeat: {error}")
            for turn in self._turns:
                turn.forgive()

    def _forgive_a_pause(self) -> None:
        """See whether this thread stood still as well: then the process was stopped, and no loop is to blame."""
        now = self.clock.monotonic()
        if now - self._ticked_at > _PAUSE_S:
            for turn in self._turns:
                turn.forgive()
        self._ticked_at = now

    def _is_hung(self, turn: Turn) -> bool:
        stands_s = turn.stands_for_s()
        if stands_s and not turn.is_hung:
            _log.critical(
                f"{turn.loop} has not turned for {stands_s:.0f} s: no more heartbeats, this process counts as dead "
                f"until it turns. It stands here:\n{turn.where()}"
            )
        elif turn.is_hung and not stands_s:
            _log.warning(f"{turn.loop} turns again: heartbeats go on")
        turn.is_hung = bool(stands_s)
        return turn.is_hung
