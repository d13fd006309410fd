"""Keeps a session with a server: connects, connects again with growing pauses, and tells of both."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from asyncua import ua

from services.poller.faults import outlive
from services.poller.news import Tell
from services.poller.source import SourceError
from services.poller.sources.opcua.wire.logons import REFUSED
from services.poller.sources.opcua.wire.reasons import reason
from services.poller.sources.opcua.wire.session import Session
from shared.backoff import Backoff
from shared.clock import Clock
from shared.logs import get_logger
from shared.records.events import Event

#: Seconds before the first new try; doubled with each up to what the group's keys say.
_FIRST_RETRY_S = 0.2

#: Seconds between two tries where a person must act: a refused password must not lock the account.
_PERSON_RETRY_S = 30.0

#: Seconds that a connection must have held for the pauses to begin anew.
_PROVEN_S = 5.0

#: Seconds after which a stop is asked for again.
_CANCEL_AGAIN_S = 0.2

#: Refusals that repeating does not mend.
_A_PERSON_S = (
    *REFUSED,
    ua.uaerrors.BadSecurityPolicyRejected,
    ua.uaerrors.BadSecurityModeRejected,
    ua.uaerrors.BadCertificateUntrusted,
    ua.uaerrors.BadCertificateInvalid,
    ua.uaerrors.BadCertificateUriInvalid,
    ua.uaerrors.BadCertificateTimeInvalid,
    SourceError,
)

_log = get_logger()


@dataclass
class Connection:
    """A session with one server, while there is one."""

    connect: Callable[[], Awaitable[Session]]  #: makes one ready to read; whatever it raises is told and tried again
    name: str  #: of group and server, for logs
    max_retry_s: float
    clock: Clock
    tell: Tell

    def __post_init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._broken = asyncio.Event()
        self._tried = asyncio.Event()
        self._stopping = False
        self._away_since: float | None = None
        #: The session, while the server is there.
        self.session: Session | None = None
        #: Why there is none.
        self.trouble: str | None = "not connected yet"
        #: Times that a session was made, after the first.
        self.reconnects = -1

    async def start(self) -> None:
        """Begin to keep the session; return after the first try, whatever came of it."""
        self._task = asyncio.create_task(outlive(self.name, self._keep), name=f"connection of {self.name}")
        await self._tried.wait()

    async def stop(self) -> None:
        """Close the session and make no other."""
        self._stopping = True
        # More than once: the client below swallows a cancellation that meets it at the wrong moment.
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_CANCEL_AGAIN_S)
        self._task = None

    def lose(self, error: Exception, session: Session | None = None) -> None:
        """Give up the session: something went wrong with it. One that has been given up already is not meant."""
        if self.session is not None and session in (None, self.session):
            self.session, self.trouble = None, reason(error)
            self._broken.set()

    async def _keep(self) -> None:
        # Each group has a connection, and a server that comes back would have all of them at once.
        backoff = Backoff(_FIRST_RETRY_S, self.max_retry_s)
        while not self._stopping:
            try:
                session = await self.connect()
            except Exception as error:  # noqa: BLE001 - asyncua raises all sorts; each means: not now
                self._say_away(error)
                for_a_person = isinstance(error, _A_PERSON_S)
                await asyncio.sleep(_PERSON_RETRY_S if for_a_person else backoff.next_s())
                continue
            began_s = self.clock.monotonic()
            try:
                self._say_there(session)
                await self._broken.wait()
            finally:
                self.session = None
                with suppress(Exception):
                    await session.close()
            self._say_away(None)
            if self.clock.monotonic() - began_s > _PROVEN_S:
                backoff.reset()

    def _say_there(self, session: Session) -> None:
        self._broken.clear()
        self.session, self.trouble = session, None
        self.reconnects += 1
        self._tried.set()
        if self._away_since is None:
            _log.info(f"{self.name}: connected")
            return
        away_s = self.clock.monotonic() - self._away_since
        self._away_since = None
        message = f"{self.name}: back after {away_s:.1f} s"
        _log.info(message)
        self.tell(Event.SOURCE_BACK, message)

    def _say_away(self, error: Exception | None) -> None:
        """Tell it once an outage; while it lasts, only where the reason changes, and only in the log."""
        before = self.trouble
        if error is not None:
            self.trouble = reason(error)
        self._tried.set()
        if self._away_since is None:
            self._away_since = self.clock.monotonic()
            message = f"{self.name}: can't be read, trying again until it can: {self.trouble}"
            _log.warning(message)
            self.tell(Event.SOURCE_LOST, message)
        elif self.trouble != before:
            _log.info(f"{self.name}: still away: {self.trouble}")
