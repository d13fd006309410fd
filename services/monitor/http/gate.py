"""Who asks: programs send a token with each request, people give it once, for a session."""

import asyncio
import hmac
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.datastructures import Headers

from services.monitor.api.cookies import OURS, cookies_named
from services.monitor.api.roles import Role, Visitor
from services.monitor.http.sessions import Sessions
from shared.logs import get_logger

COOKIE = f"{OURS}monitor"

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
    """Admits those who know a token, in constant time; everyone where none of readers is set. For one event loop."""

    def __init__(self, readers_token: Callable[[], str] = str, operators_token: Callable[[], str] = str) -> None:
        """Ask for what these say, now and then anew; an empty one is none."""
        self._current_tokens = {Role.READER: readers_token, Role.OPERATOR: operators_token}
        self._tokens = self._read_tokens()
        self._asked_at = time.monotonic()
        self._sessions = Sessions()
        self._wrong: Counter[str] = Counter()

    @property
    def is_open(self) -> bool:
        """Whether everybody may read."""
        return not self._tokens[Role.READER]

    def visitor(self, headers: Headers, address: str) -> Visitor | None:
        """Return who sends a request with these headers; None for a stranger, who may see nothing."""
        return self._visitor(headers, address, reads_token=not self.is_beset(address))

    def still_admits(self, visitor: Visitor | None, headers: Headers, address: str) -> bool:
        """Tell whether a request that goes on is still that of the same visitor: a stream ends with its session."""
        # Its token is no guess: what it says was read when it came. Else wrong ones beside it would keep it open.
        return self._visitor(headers, address, reads_token=True) == visitor

    def _visitor(self, headers: Headers, address: str, *, reads_token: bool) -> Visitor | None:
        self._look_for_other_tokens()
        token = _bearer(headers)
        role = self._role_of(token) if reads_token else None
        if role is not None:
            return Visitor(role, address)
        now_s = time.monotonic()
        role = next(
            filter(None, (self._sessions.role(key, now_s) for key in cookies_named(session_cookie(headers), headers))),
            None,
        )
        if role is not None:
            return Visitor(role, address, has_session=True)
        # A wrong token is a guess at the operators' even where everybody may read.
        is_guess = bool(token and self._tokens[Role.OPERATOR])
        return Visitor(Role.OPEN, address) if self.is_open and not is_guess else None

    def is_beset(self, address: str) -> bool:
        """Tell whether so many wrong tokens come from an address that none is read now."""
        return self._wrong[address] >= MAX_WRONG_OF_ONE_ADDRESS

    def begin_session(self, token: str) -> str | None:
        """Return the cookie's value for who knows a token, None for others."""
        self._look_for_other_tokens()
        role = self._role_of(token)
        return None if role is None else self._sessions.begin(role, time.monotonic())

    def end_session(self, headers: Headers) -> None:
        """End the session whose cookie these headers hold."""
        for key in cookies_named(session_cookie(headers), headers):
            self._sessions.end(key)

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

    def _role_of(self, given: str) -> Role | None:
        # How long a refusal takes must not tell how much of a token was right.
        fits = [
            role for role, token in self._tokens.items() if hmac.compare_digest(given.encode(errors="replace"), token)
        ]
        return fits[0] if given and fits else None

    def _read_tokens(self) -> dict[Role, bytes]:
        return {role: current().encode() for role, current in self._current_tokens.items()}

    def _look_for_other_tokens(self) -> None:
        if time.monotonic() - self._asked_at >= _ASK_AGAIN_S:
            self._asked_at = time.monotonic()
            tokens = self._read_tokens()
            if tokens != self._tokens:
                _log.info("A token is another one: all who are logged in must log in again")
                self._tokens = tokens
                self._sessions.end_all()


def session_cookie(headers: Headers) -> str:
    """Return how a session's cookie is called at the port that was asked: cookies know no ports, a host has several."""
    port = headers.get("host", "").rpartition(":")[2]
    return f"{COOKIE}_{port}" if re.fullmatch("[0-9]{1,5}", port) else COOKIE


def sends_a_token(headers: Headers) -> bool:
    """Tell whether a request tries to be admitted by a token."""
    return "authorization" in headers


def _bearer(headers: Headers) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""
