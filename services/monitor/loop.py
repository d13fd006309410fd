"""The monitor's loop: Redis is read, judged and published once a tick, for all clients; and a heartbeat."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import InitVar, dataclass, replace
from time import monotonic

from services.monitor.api.state import Blame, Newest
from services.monitor.assess.assessment import Assessor
from services.monitor.assess.said import Said
from services.monitor.read.reader import RedisReader
from shared import __version__
from shared.clock import Clock
from shared.errors import FatalError, RedisRefusedError, RedisUnavailableError
from shared.journal.events import EventLog
from shared.life.beating import Beating
from shared.life.faults import Faults
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.records.events import Event
from shared.records.heartbeats import ServiceStatus
from shared.redis.link import RedisLink

#: Seconds between two readings: what an answer is behind at most, in normal times.
TICK_S = 0.5

#: Seconds that the goodbye to Redis may take; a Redis that hangs must not hold up the stop.
GOODBYE_S = 0.5

_log = get_logger()


@dataclass(kw_only=True)
class Loop:
    """Publishes a new state from Redis until stopped, whatever Redis does meanwhile."""

    link: RedisLink
    reader: RedisReader
    assessor: Assessor
    newest: Newest
    heartbeat: Heartbeat
    events: EventLog
    clock: Clock
    describe: InitVar[Callable[[], ServiceStatus | None]] = lambda: None

    def __post_init__(self, describe: Callable[[], ServiceStatus | None]) -> None:
        self._beating = Beating(self.heartbeat, self.events, self.clock, describe, on_name=self._say_hello)
        self._turn = self._beating.watch("the monitor's reader")
        self._faults = Faults(self.events, self.clock, "the monitor's reader", ends_the_process=False)
        self._next_tick, self._took_s = self.clock.monotonic(), 0.0
        #: What ended the thread although nobody asked it to.
        self.crash: BaseException | None = None

    def start(self, stop: StopFlag) -> threading.Thread:
        """Run in a thread of its own until `stop` is set.

        A daemon: a read of a frozen Redis may hang for longer than we may take to stop.
        """
        thread = threading.Thread(target=self._guarded_run, args=[stop], name="reader", daemon=True)
        thread.start()
        return thread

    def run(self, stop: StopFlag) -> None:
        """Go on until stopped; while Redis is away, the newest state says so and the link tries again."""
        with self._beating.go_on():
            while not stop.is_set():
                self._turn()
                try:
                    self.run_once()
                    stop.wait(self._until_next_tick())
                except RedisUnavailableError as error:
                    self._say_away(error)
                    self.link.wait_until_there(stop, error, self._say_away)
                except Exception as error:  # noqa: BLE001 - who watches must not be the first to fall
                    self.newest.fail(
                        Said("a reading could not be worked out: {error}", error=repr(error)), Blame.MONITOR
                    )
                    self._faults.met(error, stop)
        self._say_goodbye()

    def _until_next_tick(self) -> float:
        """Return the seconds to the next reading: even distances, but half of the time at least is left to others."""
        now = self.clock.monotonic()
        pause_s = self._took_s if self._took_s > TICK_S / 2 else 0.0
        self._next_tick = max(self._next_tick + TICK_S, now + pause_s)
        return self._next_tick - now

    def run_once(self) -> None:
        """Read, judge and publish. Raises: RedisUnavailableError."""
        began, self._took_s = self.clock.monotonic(), 0.0
        self.newest.asks()
        try:
            overview = self.reader.read(self._asks)
        except FatalError as error:
            self._say_unreadable(str(error))
            return
        self.newest.answered()
        overview = replace(overview, redis=replace(overview.redis, refusal=self._beating.refusal))
        self.newest.publish(self.assessor.assess(overview))
        self._took_s = self.clock.monotonic() - began

    def _asks(self) -> None:
        # A reading of much from a slow Redis is no loop that stands still.
        self._turn()
        self.newest.asks()

    def _say_hello(self, name: str) -> None:
        self.events.add(Event.STARTED, f"Monitor {name} {__version__} started")

    def _say_away(self, error: RedisUnavailableError) -> None:
        self.newest.fail(str(error), refused=isinstance(error, RedisRefusedError))

    def _say_unreadable(self, reason: str) -> None:
        if self.newest.fail(reason):
            _log.error(f"{reason}; the API answers 503 until that is mended")

    def _say_goodbye(self) -> None:
        if self.heartbeat.instance and not self.newest.is_failing:
            try:
                self.events.add(Event.STOPPED, f"Monitor {self.heartbeat.instance} stopped")
                self.heartbeat.close()
            except RedisUnavailableError as error:
                _log.debug(f"the heartbeat ends by itself: {error}")

    def _guarded_run(self, stop: StopFlag) -> None:
        # A thread that died inside a live process is the worst outcome: its end must end the process.
        try:
            self.run(stop)
        except BaseException as error:  # noqa: BLE001 - `__main__` raises it again
            self.crash = error
            stop.set()


def join_all(threads: Iterable[threading.Thread]) -> None:
    """Wait until all have said goodbye, together not longer than GOODBYE_S."""
    deadline = monotonic() + GOODBYE_S
    for thread in threads:
        thread.join(max(0.0, deadline - monotonic()))
