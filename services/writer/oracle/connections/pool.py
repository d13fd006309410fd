"""The connections to Oracle: as many as are allowed and needed, each in one thread's hands at a time.

A pool of our own, because the driver's has one thread that opens connections and that a listener which says nothing
holds for ever; it tells "none is free" and "none can be had" apart for nobody; and its clean-up raises whatever it
meets. Here:

- One connection is opened at a time. Whoever waits takes what is free first: the new one or one that comes back.
- While there is no connection, a failure to open one is the failure of all who wait. While there are some, it is only a
  wish that was not granted: work goes on with those there are, and it is tried again later.
- One that has been idle, or whose sister was lost, is asked whether it lives before it is lent.
- Every wait ends, and clean-up survives anything.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import oracledb

from services.writer.logons import Logons
from services.writer.oracle.codes import hint_of
from services.writer.oracle.connections.address import connect_params
from services.writer.oracle.connections.connecting import connect, warning_of
from services.writer.oracle.connections.upkeep import end_transaction, lives, part_with, say
from services.writer.oracle.errors import from_driver, oracle_error
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from shared.backoff import spread_s
from shared.clock import Clock
from shared.logs import get_logger

#: Verdicts after which a connection is sound and is lent again.
_SOUND = (Verdict.ROW, Verdict.DUPLICATE, Verdict.SPACE, Verdict.CONFIGURATION, Verdict.CREDENTIALS)

#: Idle seconds after which a connection is asked whether it lives. Under load none is idle so long; without load
#: another round trip is nothing.
IDLE_S = 0.1

#: Times ORACLE_PROBE_INTERVAL between two tries to open one more connection where that failed, at most.
GROW_AGAIN_INTERVALS = 6

_log = get_logger()


@dataclass
class _Idle:
    """A connection that nobody uses, and since when; `doubtful` when one like it was lost meanwhile."""

    connection: oracledb.Connection
    since: float
    doubtful: bool = False


class Connections:
    """Lends connections; safe to use from several threads."""

    def __init__(
        self,
        settings: WriterSettings,
        logons: Logons,
        clock: Clock,
        open_one: Callable[[WriterSettings, str], oracledb.Connection] = connect,
    ) -> None:
        """Open nothing yet: `open_one` does, with the password. Raises: SettingsError: ORACLE_DSN makes no sense."""
        try:
            connect_params(settings)
        except SinkError as error:
            _log.error(f"Oracle can't be reached yet: {error}")
        # Before any connect: otherwise a first one that hangs blocks every other in the process.
        oracledb.enable_thin_mode()  # type: ignore[no-untyped-call]
        self._settings = settings
        self._logons = logons
        self._clock = clock
        self._connect = open_one
        #: Held for moments only; notified when a connection comes free, and when opening one has failed.
        self._changed = threading.Condition()
        self._idle: list[_Idle] = []
        self._open = 0
        self._is_opening = False
        self._is_closed = False
        self._failure: SinkError | None = None
        self._failures = 0
        self._failed_at = self._grow_again_at = float("-inf")
        #: What Oracle said of the account at the newest logon, which went well; None where it said nothing.
        self.logon_warning: str | None = None

    @property
    def open_and_busy(self) -> tuple[int, int]:
        """Connections open, and those of them lent."""
        return self._open, self._open - len(self._idle)

    @property
    def shortage(self) -> str | None:
        """Why there are fewer connections than the work asked for lately; None when there are enough, or none."""
        failure = self._failure
        if failure is None or not self._open or self._clock.monotonic() - self._failed_at > 2 * self._grow_again_s:
            return None
        return str(failure)

    @contextmanager
    def lend(self) -> Iterator[oracledb.Connection]:
        """Lend a connection for one call. Raises: SinkError: there is none, or what was done with it failed."""
        connection = self._sound_one()
        try:
            yield connection
        except Exception as driver_error:
            error = driver_error if isinstance(driver_error, SinkError) else from_driver(driver_error)
            if error.verdict in _SOUND:
                self._give_back(connection)
            else:
                self._drop(connection)
            raise error from driver_error
        except BaseException:
            self._drop(connection)
            raise
        else:
            self._give_back(connection)

    def renew(self) -> None:
        """Close what is idle: a session keeps what it began with, such as its roles and what a logon trigger set."""
        with self._changed:
            idle, self._idle = self._idle, []
            self._open -= len(idle)
        for unused in idle:
            part_with(unused.connection)

    def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        self._is_closed = True
        self.renew()

    @property
    def _grow_again_s(self) -> float:
        return GROW_AGAIN_INTERVALS * self._settings.oracle_probe_interval

    def _sound_one(self) -> oracledb.Connection:
        deadline = self._clock.monotonic() + self._settings.oracle_pool_timeout
        while True:
            idle = self._wait_for_one(deadline)
            idle_s = self._clock.monotonic() - idle.since
            if (idle_s < IDLE_S and not idle.doubtful) or lives(idle.connection, self._settings.oracle_call_timeout):
                return idle.connection
            self._drop(idle.connection)
            self._drop_idle(idle.since)

    def _wait_for_one(self, deadline: float) -> _Idle:
        """Return one that is idle, opening another where there is none.

        Raises: SinkError: none could be opened and there is no other, or none came free in time.
        """
        with self._changed:
            failures = self._failures
            while not self._idle:
                if self._failure is not None and self._failures != failures and not self._open:
                    failure = self._failure
                    raise SinkError(failure.code, str(failure), failure.verdict, failure.hint)
                self._open_one_more()
                if not self._changed.wait(deadline - self._clock.monotonic()) and not self._idle:
                    raise self._none_came()
            return self._idle.pop()

    def _none_came(self) -> SinkError:
        wait_s = self._settings.oracle_pool_timeout
        if self._open:
            more = f"; no more could be opened: {self._failure}" if self._failure else ""
            said = f"DPY-4005: all {self._open} connections were in use for {wait_s:g} s{more}"
            return oracle_error("DPY-4005", said)
        last = f"; the last try: {self._failure}" if self._failure else ""
        said = f"DPY-4005: no connection to {self._settings.dsn} could be opened in {wait_s:g} s{last}"
        return SinkError("DPY-4005", said, Verdict.TRANSIENT, self._failure.hint if self._failure else "")

    def _open_one_more(self) -> None:
        """Begin to open a connection, where one may be opened and nobody is at it. The lock is held."""
        is_too_soon = self._open and self._clock.monotonic() < self._grow_again_at
        if self._is_opening or self._open >= self._settings.oracle_pool_max or is_too_soon or self._is_closed:
            return
        threading.Thread(target=self._open_and_tell, name="open-connection", daemon=True).start()
        # Not before: where no thread can be had, this is raised, and the next one who waits tries again.
        self._is_opening = True

    def _open_and_tell(self) -> None:
        try:
            with self._logons.attempt() as password:
                connection = self._connect(self._settings, password)
        except Exception as error:  # noqa: BLE001 - those who wait must hear of it, whatever it is
            failure = error if isinstance(error, SinkError) else from_driver(error, connecting=True)
            hint = failure.hint or hint_of(failure.code, str(failure))
            self._note_failure(SinkError(failure.code, str(failure), failure.verdict, hint))
            return
        self._note_warning(connection)
        with self._changed:
            self._is_opening = False
            self._failure = None
            self._failed_at = self._grow_again_at = float("-inf")
            if not self._is_closed:
                self._open += 1
                self._idle.append(_Idle(connection, self._clock.monotonic()))
                # All: one takes it, and the others may open more.
                self._changed.notify_all()
                self._open_the_least()
                return
        part_with(connection)

    def _note_warning(self, connection: oracledb.Connection) -> None:
        """Keep, and say once, what comes with a logon: that the password expires. Nobody is there to read it."""
        warning = warning_of(connection)
        if warning and warning != self.logon_warning:
            _log.warning(f"Oracle lets us log on and warns: {warning}")
        self.logon_warning = warning

    def _open_the_least(self) -> None:
        """Open what is wanted at the start. The lock is held."""
        if self._open < self._settings.oracle_pool_min:
            try:
                self._open_one_more()
            except RuntimeError as error:
                say("no thread to open a connection in", error)

    def _note_failure(self, failure: SinkError) -> None:
        with self._changed:
            self._is_opening = False
            self._failure = failure
            self._failures += 1
            self._failed_at = self._clock.monotonic()
            # Other writers met the same limit at the same moment.
            self._grow_again_at = self._failed_at + spread_s(self._grow_again_s)
            is_short = bool(self._open)
            self._changed.notify_all()
        if is_short:
            _log.warning(f"Going on with {self._open} connections, one more could not be opened: {failure}")

    def _give_back(self, connection: oracledb.Connection) -> None:
        if not end_transaction(connection):
            self._drop(connection)
            return
        with self._changed:
            if not self._is_closed:
                self._idle.append(_Idle(connection, self._clock.monotonic()))
                self._changed.notify()
                return
            self._open -= 1
        part_with(connection)

    def _drop(self, connection: oracledb.Connection) -> None:
        """Part with a connection that is not sound; what broke it may have broken those that are idle."""
        with self._changed:
            self._open -= 1
            for idle in self._idle:
                idle.doubtful = True
            # Someone who waits may open another.
            self._changed.notify()
        # A farewell waits for an answer, if the line still seems to be there: not in this thread, if there is another.
        try:
            threading.Thread(target=part_with, args=(connection,), name="part-with-connection", daemon=True).start()
        except RuntimeError as error:
            say("no thread to close a connection in", error)
            part_with(connection)

    def _drop_idle(self, since: float) -> None:
        """Drop those that have been idle for as long as one that was found dead: a firewall has forgotten them, too."""
        with self._changed:
            dead = [idle for idle in self._idle if idle.since <= since]
            self._idle = [idle for idle in self._idle if idle.since > since]
        for idle in dead:
            self._drop(idle.connection)
