"""What becomes of a loop that meets the unforeseen: it goes on, and only a fault that repeats ends the process.

faults = Faults(events, clock, "worker-1")
while not stop.is_set():
    with faults.outlived(link, stop):    # Redis away: a wait; else log, event, a pause; FatalError when it repeats
        run_once()                       # and gives back what was in hand, so that another, or the next turn, finds it
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.backoff import doubled_s
from shared.clock import Clock
from shared.errors import FatalError, RedisUnavailableError
from shared.journal.events import EventLog
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.records.events import Event, LoopNamed
from shared.redis.link import RedisLink

#: So many faults of one loop within so many seconds, and no success between, end the process: going on does not help
#: then, a new start may.
MAX_FAULTS, WITHIN_S = 5, 60.0

#: Seconds of the pause after a fault: doubled with each one, so that a fault in every turn costs no processor.
_FIRST_PAUSE_S = 0.25

_log = get_logger()

Loop = Callable[[StopFlag], None]


class Faults:
    """The faults of one loop; those of a side path (an event, a clean-up) never end the process."""

    def __init__(self, events: EventLog, clock: Clock, loop: str, *, ends_the_process: bool = True) -> None:
        self._events = events
        self._clock = clock
        self._loop = loop
        self._ends_the_process = ends_the_process
        self._at: deque[float] = deque(maxlen=MAX_FAULTS)
        self._told_at = 0.0

    @contextmanager
    def outlived(self, link: RedisLink, stop: StopFlag) -> Iterator[None]:
        """Outlive what a turn of the loop meets: wait for Redis where it is away, else as `met`. Raises: FatalError."""
        try:
            yield
        except RedisUnavailableError as error:
            link.wait_until_there(stop, error)
        except Exception as error:  # noqa: BLE001 - what is fatal, or repeats, is raised again
            self.met(error, stop)

    def met(self, error: Exception, stop: StopFlag) -> None:
        """Say what happened, with its traceback, and wait a little; call it once what was in hand is given back.

        Raises: FatalError: the error was one, or it happened MAX_FAULTS times within WITHIN_S.
        """
        if isinstance(error, FatalError) and self._ends_the_process:
            raise error
        recent = self.note(error)
        if recent >= MAX_FAULTS and self._ends_the_process:
            raise FatalError(
                f"{self._loop} met {recent} faults within {WITHIN_S:g} s, the last one {error!r}: "
                "ending, so that a new process begins afresh; what was in hand is in Redis"
            ) from error
        stop.wait(doubled_s(_FIRST_PAUSE_S, recent))

    def note(self, error: Exception) -> int:
        """Say what happened, with its traceback; return how often it did lately. For a side path of a busy loop."""
        now = self._clock.monotonic()
        self._at.append(now)
        message = f"{self._loop} met what it did not foresee and goes on: {error!r}"
        _log.error(message, exc_info=error, kind=self._loop)
        recent = sum(now - at <= WITHIN_S for at in self._at)
        # A side path may meet the same thing for ever: then once a minute, it must not push out all other events.
        if recent < MAX_FAULTS or self._ends_the_process or now - self._told_at >= WITHIN_S:
            self._events.add(Event.FAULT, message, LoopNamed(loop=self._loop))
            self._told_at = now
        return recent

    def went_well(self) -> None:
        """Forget the faults before: the loop does its work again."""
        if self._at:
            self._at.clear()


def outliving(loop: Loop, faults: Faults) -> Loop:
    """Return a loop that begins anew after a fault: for one that holds nothing which it would have to give back."""

    def run(stop: StopFlag) -> None:
        while not stop.is_set():
            try:
                loop(stop)
            except Exception as error:  # noqa: BLE001 - what is fatal is raised again
                faults.met(error, stop)
            else:
                return

    return run
