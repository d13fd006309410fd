"""What stands before every path: the token, if one is set, limits, and headers that keep browsers strict."""

import asyncio
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.monitor.api.failures import failure_response
from services.monitor.api.schemas import Error
from services.monitor.dashboard.mount import PAGES
from services.monitor.http.login import LOGIN_PATH, Gate, login_page
from services.monitor.http.rate_limiter import RateLimiter

#: Paths that need no token: whoever restarts the process must not need one, and one must be able to log in.
OPEN_PATHS = frozenset({"/livez", LOGIN_PATH})

#: What the pages load; its names hold its version, so that browsers may keep it.
_ASSETS = f"{PAGES}/_nicegui/"

#: Requests and streams under way, and pages open, at the same time. More are refused: answering them would take the
#: processor from the pipeline where both share a machine.
MAX_AT_ONCE = 300

_STRICT = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

#: The API answers data, never pages: a browser has nothing to load, run or frame.
HEADERS = {
    **_STRICT,
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

#: Everything comes from here. Scripts and styles stand in the page as NiceGUI makes it, and Vue compiles its templates
#: there, hence the three `unsafe`; what the pages show is escaped or set as text.
PAGE_HEADERS = {
    **_STRICT,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
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
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        self._open += 1
        try:
            if scope["type"] == "http":
                await self._http(scope, receive, _with_headers(scope["path"], send))
            else:
                await self._websocket(scope, receive, send)
        finally:
            self._open -= 1

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path not in OPEN_PATHS and not self._gate.admits(Headers(scope=scope)):
            is_page = path == "/" or (path.startswith(PAGES) and not path.startswith(_ASSETS))
            app: ASGIApp = login_page(401) if is_page else _unauthorized
        elif path != "/livez" and (self._open > MAX_AT_ONCE or not await self._has_its_turn(path)):
            app = _too_many
        else:
            app = self._app
        await app(scope, receive, send)

    async def _has_its_turn(self, path: str) -> bool:
        """Wait for the request's turn; False when that would take too long. A page's own files need none."""
        if path.startswith(_ASSETS):
            return True
        wait_s = self._rate.turn(time.monotonic())
        if wait_s:
            await asyncio.sleep(wait_s)
        return wait_s is not None

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if self._open > MAX_AT_ONCE or not self._gate.admits(headers) or not _is_own_page(headers):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)


def _with_headers(path: str, send: Send) -> Send:
    added = PAGE_HEADERS if path == "/" or path.startswith(PAGES) else HEADERS

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(added)
            if path.startswith(PAGES) and not path.startswith(_ASSETS):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return send_with_headers


def _is_own_page(headers: Headers) -> bool:
    """Tell whether a page of ours opens this connection: browsers let pages of any site open them, and say which."""
    origin = headers.get("origin")
    return origin is None or origin.split("://", 1)[-1] == headers.get("host")


async def _unauthorized(scope: Scope, receive: Receive, send: Send) -> None:
    error = Error(error="UNAUTHORIZED", message="Send the header `Authorization: Bearer <MONITOR_API_TOKEN>`")
    await failure_response(401, error, {"WWW-Authenticate": "Bearer"})(scope, receive, send)


async def _too_many(scope: Scope, receive: Receive, send: Send) -> None:
    error = Error(error="TOO_MANY_CLIENTS", message="More requests than the monitor answers; try again later")
    await failure_response(503, error, {"Retry-After": "1"})(scope, receive, send)
