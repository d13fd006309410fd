"""Who may see anything: programs send the token with each request, people give it once, for a session."""

import asyncio
import hmac
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

from services.monitor.http.sessions import Sessions
from shared.logs import get_logger

COOKIE = "tagpipe_monitor"

#: Seconds that the answer to a wrong token takes.
WRONG_COSTS_S = 1.0

#: Wrong ones of one address whose answers are still held back; while there are as many, no token from there is read,
#: not even the right one: that is what is guessed for. So an address may guess five times a second, and a program with
#: an old token locks out nobody elsewhere.
MAX_WRONG_OF_ONE_ADDRESS = 5

#: Seconds between two looks whether the token is another one.
_ASK_AGAIN_S = 1.0

_log = get_logger()


class Gate:
    """Admits those who know the token, in constant time; everyone where none is set. For one event loop."""

    def __init__(self, current_token: Callable[[], str] = str) -> None:
        """Ask for what `current_token` says, now and then anew; an empty one is none."""
        self._current_token = current_token
        self._token = current_token().encode()
        self._asked_at = time.monotonic()
        self._sessions = Sessions()
        self._wrong: Counter[str] = Counter()

    @property
    def is_open(self) -> bool:
        """Whether no token is asked for."""
        return not self._token

    def admits(self, headers: Headers, address: str) -> bool:
        """Tell whether a request with these headers may be answered."""
        self._look_for_another_token()
        if self.is_open or (not self.is_beset(address) and self._is_the_token(_bearer(headers))):
            return True
        return self._sessions.holds(_cookie(headers), time.monotonic())

    def is_beset(self, address: str) -> bool:
        """Tell whether so many wrong tokens come from an address that none is read now."""
        return self._wrong[address] >= MAX_WRONG_OF_ONE_ADDRESS

    def begin_session(self, token: str) -> str | None:
        """Return the cookie's value for who knows the token, None for others."""
        self._look_for_another_token()
        return self._sessions.begin(time.monotonic()) if self._is_the_token(token) else None

    def end_session(self, headers: Headers) -> None:
        """End the session whose cookie these headers hold."""
        self._sessions.end(_cookie(headers))

    @asynccontextmanager
    async def holding_back(self, address: str) -> AsyncIterator[None]:
        """Let a wrong token cost time before it is answered, and say where it came from."""
        _log.warning(f"A wrong token came from {address or 'a socket'}", kind="wrong token")
        self._wrong[address] += 1
        try:
            await asyncio.sleep(WRONG_COSTS_S)
            yield
        finally:
            self._wrong[address] -= 1
            if self._wrong[address] <= 0:
                del self._wrong[address]

    def _is_the_token(self, given: str) -> bool:
        # How long a refusal takes must not tell how much of the token was right.
        return bool(self._token) and hmac.compare_digest(given.encode(errors="replace"), self._token)

    def _look_for_another_token(self) -> None:
        if time.monotonic() - self._asked_at >= _ASK_AGAIN_S:
            self._asked_at = time.monotonic()
            token = self._current_token().encode()
            if token != self._token:
                _log.info("The token is another one: all who are logged in must log in again")
                self._token = token
                self._sessions.end_all()


def sends_a_token(headers: Headers) -> bool:
    """Tell whether a request tries to be admitted by a token."""
    return "authorization" in headers


def _bearer(headers: Headers) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


def _cookie(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
