"""The thread of one receiver: looks what is due, sends it when it is its turn, remembers what was told."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from services.monitor.api.state import State
from services.monitor.notify.memory import Memory, Turn
from services.monitor.notify.notice import News, Notice
from services.monitor.notify.receiver import NotTakenError, Receiver
from services.monitor.notify.schedule import Schedule
from shared.backoff import doubled_s
from shared.clock import Clock
from shared.errors import RedisUnavailableError
from shared.life.faults import Faults
from shared.lifecycle import StopFlag
from shared.logs import get_logger

#: Seconds between two looks.
TURN_S = 2.0

#: Seconds after a failed try, doubled with each one, and at most.
_FIRST_RETRY_S, _LAST_RETRY_S = 5.0, 300.0

_log = get_logger()


@dataclass
class Fares:
    """How the notices to a receiver fare: of `MonitorStatus` what follows its kind."""

    sent: int = 0  #: since the start
    failed: int = 0  #: tries since the start
    failure: str | None = None  #: why the last try failed; None when it did not
    failing_since: float | None = None


@dataclass
class Messenger:
    """Tells one receiver what is due, as long as it takes."""

    receiver: Receiver
    schedule: Schedule
    memory: Memory
    state: Callable[[], State]
    _: KW_ONLY
    clock: Clock
    faults: Faults
    pipeline: str
    dashboard: str = ""

    def __post_init__(self) -> None:
        self.kind = self.receiver.kind
        self._who = secrets.token_hex(8)
        self._failures_in_a_row, self._next_try = 0, 0.0
        self.fares = Fares()

    def start(self, stop: StopFlag) -> threading.Thread:
        """Run in a thread of its own until `stop` is set. A daemon: a try may take longer than we may take to stop."""
        thread = threading.Thread(target=self._run, args=[stop], name=f"notices-{self.kind}", daemon=True)
        thread.start()
        return thread

    def _run(self, stop: StopFlag) -> None:
        while not stop.wait(TURN_S):
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - who tells of trouble must outlive it
                self.faults.met(error, stop)
        try:
            self.memory.give_back(self._who)
        except RedisUnavailableError as error:
            _log.debug(f"the turn to send notices ends by itself: {error}")

    def turn(self) -> None:
        """Look once, and send what is due."""
        state, now = self.state(), self.clock.now().timestamp()
        whose = self.memory.take_turn(self._who)
        self.schedule.told = dict(self.memory.told)
        self.schedule.see(state.alerts, _stale(state), now)
        if whose is not Turn.OURS:
            self.schedule.stand_by()
            self._goes_well()
            return
        news = self.schedule.due(now)
        if news and self.clock.monotonic() >= self._next_try:
            self._try(news, now)
        self._remember()

    def _try(self, news: list[News], now: float) -> None:
        try:
            complaint = self.receiver.send(Notice(self.pipeline, now, news, self.dashboard))
        except NotTakenError as error:
            self._goes_wrong(str(error), now)
            return
        self.fares.sent += 1
        self.schedule.tell(news, now)
        if complaint:
            self._say(complaint, now)
        else:
            self._goes_well()

    def _remember(self) -> None:
        try:
            self.memory.remember(self.schedule.told)
        except RedisUnavailableError as error:
            _log.debug(f"what was told is written down later: {error}")

    def _goes_wrong(self, why: str, now: float) -> None:
        self._say(why, now)
        self.fares.failed += 1
        self._failures_in_a_row += 1
        self._next_try = self.clock.monotonic() + doubled_s(_FIRST_RETRY_S, self._failures_in_a_row, _LAST_RETRY_S)

    def _say(self, why: str, now: float) -> None:
        if why != self.fares.failure:
            _log.warning(f"A notice by {self.kind} was not taken: {why}")
        self.fares.failure, self.fares.failing_since = why, self.fares.failing_since or now

    def _goes_well(self) -> None:
        if self.fares.failure is not None:
            _log.info(f"Notices by {self.kind} are taken again, or another monitor sends them")
        self._failures_in_a_row, self._next_try = 0, 0.0
        self.fares.failure = self.fares.failing_since = None


def _stale(state: State) -> frozenset[int | None]:
    """Return the partitions of which nothing fresh is known; None stands for the only one."""
    if not state.partitions:
        return frozenset([None] if state.failure is not None else [])
    return frozenset(number for number, part in enumerate(state.partitions) if part.failure is not None)
