"""What stands before every path: the token, if one is set, limits, and headers that keep browsers strict."""

import asyncio
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.monitor.api.failures import failure_response
from services.monitor.api.schemas import Error
from services.monitor.dashboard.pages import PAGES, STATIC
from services.monitor.http.login import LOGIN_PATH, Gate, login_page
from services.monitor.http.rate_limiter import RateLimiter

#: Paths that need no token: whoever restarts the process must not need one, and one must be able to log in.
OPEN_PATHS = frozenset({"/livez", LOGIN_PATH})

#: Requests under way at the same time, open streams and pages among them. More are refused: answering them would take
#: the processor from the pipeline where both share a machine.
MAX_AT_ONCE = 300

_STRICT = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

_NOT_KEPT = {"Cache-Control": "no-store"}

#: The API answers data, never pages: a browser has nothing to load, run or frame.
HEADERS = {
    **_STRICT,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

#: Everything comes from here, and nothing that stands in a page is run or styles it.
PAGE_HEADERS = {
    **_STRICT,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


class Guard:
    """An ASGI middleware; written out because Starlette's base class would buffer streams."""

    def __init__(self, app: ASGIApp, gate: Gate, rate: RateLimiter | None = None) -> None:
        self._app = app
        self._gate = gate
        self._open = 0
        self._rate = rate or RateLimiter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass the request on; add the headers to either answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._open += 1
        try:
            app = await self._choose(scope)
            await app(scope, receive, _with_headers(scope["path"], send))
        finally:
            self._open -= 1

    async def _choose(self, scope: Scope) -> ASGIApp:
        """Return what answers: the application, or a refusal."""
        path = scope["path"]
        if path.startswith(STATIC):
            return self._app
        if path not in OPEN_PATHS and not self._gate.admits(Headers(scope=scope)):
            return login_page(401) if _is_page(path) else _unauthorized
        if path != "/livez" and (self._open > MAX_AT_ONCE or not await self._has_its_turn()):
            return _too_many
        return self._app

    async def _has_its_turn(self) -> bool:
        """Wait for the request's turn; False when that would take too long."""
        wait_s = self._rate.turn(time.monotonic())
        if wait_s:
            await asyncio.sleep(wait_s)
        return wait_s is not None


def _is_page(path: str) -> bool:
    return path == "/" or path.startswith(PAGES)


def _with_headers(path: str, send: Send) -> Send:
    is_file = path.startswith(STATIC)
    added = {**(PAGE_HEADERS if _is_page(path) else HEADERS), **({} if is_file else _NOT_KEPT)}

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(added)
        await send(message)

    return send_with_headers


async def _unauthorized(scope: Scope, receive: Receive, send: Send) -> None:
    error = Error(error="UNAUTHORIZED", message="Send the header `Authorization: Bearer <MONITOR_API_TOKEN>`")
    await failure_response(401, error, {"WWW-Authenticate": "Bearer"})(scope, receive, send)


async def _too_many(scope: Scope, receive: Receive, send: Send) -> None:
    error = Error(error="TOO_MANY_CLIENTS", message="More requests than the monitor answers; try again later")
    await failure_response(503, error, {"Retry-After": "1"})(scope, receive, send)
