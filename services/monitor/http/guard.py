"""What stands before every path: hosts, the token, limits, and headers that keep browsers strict."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import h11
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.monitor.api.answers.schemas import Error
from services.monitor.api.cookies import keep_ours
from services.monitor.api.failures import failure_response
from services.monitor.api.roles import Visitor
from services.monitor.dashboard.pages import PAGES, STATIC
from services.monitor.http.addresses import bare
from services.monitor.http.gate import Gate, sends_a_token
from services.monitor.http.hosts import AllowedHosts, is_same_origin
from services.monitor.http.login import LOGIN_PATH, login_page
from services.monitor.http.rate_limiter import RateLimiter

#: Paths that need no token: whoever restarts the process must not need one, and one must be able to log in.
OPEN_PATHS = frozenset({"/livez", LOGIN_PATH})

#: Paths that have their room whatever else is asked: of those who restart, route and watch.
WATCHED_PATHS = frozenset({"/livez", "/readyz", "/metrics"})

#: Requests under way at the same time, open streams and pages among them: in all, of one address, and of those who have
#: not shown who they are. More are refused: answering them would take the processor from the pipeline where both share
#: a machine.
MAX_AT_ONCE, MAX_OF_ONE_ADDRESS, MAX_STRANGERS = 300, 100, 50

#: Bytes that may follow the headers, whatever is asked.
MAX_BODY = 16_384

_STRICT = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}

#: Of all answers but files.
NOT_KEPT = {"Cache-Control": "no-store"}

#: The API answers data, never pages: a browser has nothing to load, run or frame.
HEADERS = {**_STRICT, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}

#: Everything comes from here, and nothing that stands in a page is run or styles it.
PAGE_HEADERS = {
    **_STRICT,
    # With no-referrer, browsers send our own form with `Origin: null`, as that of a stranger.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


class Guard:
    """An ASGI middleware; written out because Starlette's base class would buffer streams."""

    def __init__(
        self, app: ASGIApp, gate: Gate, hosts: AllowedHosts | None = None, rate: RateLimiter | None = None
    ) -> None:
        self._app = app
        self._gate = gate
        self._hosts = hosts or AllowedHosts((), is_open=gate.is_open)
        self._rate = rate or RateLimiter()
        self._open: Counter[str] = Counter()
        self._strangers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass the request on; add the headers to either answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        keep_ours(scope)
        headers, address = Headers(scope=scope), bare((scope.get("client") or ("",))[0])
        # As one that logs in is counted and named, too.
        scope["client"] = address, 0
        visitor = self._gate.visitor(headers, address)
        is_stranger = visitor is None
        state = scope.setdefault("state", {})
        state["visitor"] = visitor or Visitor()
        state["is_still_admitted"] = lambda: self._gate.still_admits(visitor, headers, address)
        self._open[address] += 1
        self._strangers += is_stranger
        try:
            app = await self._choose(scope, headers, address, is_stranger=is_stranger)
            await app(scope, receive, _with_headers(scope["path"], send))
        except h11.LocalProtocolError:
            # What followed the headers was no HTTP: the server has said so by itself, and takes no other answer.
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._strangers -= is_stranger
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    async def _choose(self, scope: Scope, headers: Headers, address: str, *, is_stranger: bool) -> ASGIApp:
        """Return what answers: the application, or a refusal."""
        path, host = scope["path"], headers.get("host", "")
        if not _is_short(headers):
            return _too_large()
        if path == "/livez":
            return self._app
        if not self._hosts.allow(host):
            return _other_host()
        if scope["method"] == "POST" and not is_same_origin(headers):
            return _other_origin()
        return (
            self._app if path.startswith(STATIC) else await self._admit(path, headers, address, is_stranger=is_stranger)
        )

    async def _admit(self, path: str, headers: Headers, address: str, *, is_stranger: bool) -> ASGIApp:
        if is_stranger and path not in OPEN_PATHS:
            return await self._refusal(path, headers, address)
        if path in WATCHED_PATHS or await self._has_its_turn(address, is_stranger=is_stranger):
            return self._app
        return _too_many()

    async def _refusal(self, path: str, headers: Headers, address: str) -> ASGIApp:
        if self._strangers > MAX_STRANGERS:
            return _too_many()
        if sends_a_token(headers):
            if self._gate.is_beset(address):
                return _slower()
            async with self._gate.holding_back(address):
                return _unauthorized()
        return _ask_to_log_in if _is_page(path) else _unauthorized()

    async def _has_its_turn(self, address: str, *, is_stranger: bool) -> bool:
        """Wait for the request's turn; False when there is no room for it, or that would take too long."""
        if is_stranger and self._strangers > MAX_STRANGERS:
            return False
        if self._open.total() > MAX_AT_ONCE or self._open[address] > MAX_OF_ONE_ADDRESS:
            return False
        wait_s = self._rate.turn(time.monotonic())
        if wait_s:
            await asyncio.sleep(wait_s)
        return wait_s is not None


def _is_short(headers: Headers) -> bool:
    """Tell whether what follows the headers is said to be short, and once: who stands between sees the same end."""
    length = headers.get("content-length", "0")
    is_number = length.isdecimal() and len(length) < 10  # noqa: PLR2004 - letters that int() may be given
    return "transfer-encoding" not in headers and is_number and int(length) <= MAX_BODY


def _is_page(path: str) -> bool:
    return path == "/" or path.startswith(PAGES)


def _with_headers(path: str, send: Send) -> Send:
    is_file = path.startswith(STATIC)
    added = {**(PAGE_HEADERS if _is_page(path) else HEADERS), **({} if is_file else NOT_KEPT)}

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(added)
        await send(message)

    return send_with_headers


async def _ask_to_log_in(scope: Scope, receive: Receive, send: Send) -> None:
    await login_page(Request(scope), 401)(scope, receive, send)


def _refusal(status: int, code: str, message: str, **headers: str) -> Callable[[], ASGIApp]:
    """Return what makes the application that refuses a request: a new one each time, since headers are added to it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: failure_response(status, Error(error=code, message=message), named)


_unauthorized = _refusal(
    401, "UNAUTHORIZED", "Send the header `Authorization: Bearer <MONITOR_API_TOKEN>`", WWW_Authenticate="Bearer"
)
_too_many = _refusal(
    503, "TOO_MANY_CLIENTS", "More requests than the monitor answers; try again later", Retry_After="1"
)
_slower = _refusal(
    429, "TOO_MANY_TRIES", "Too many wrong tokens come from there; try again in a moment", Retry_After="2"
)
_too_large = _refusal(413, "TOO_LARGE", f"Give Content-Length, {MAX_BODY} bytes at most", Connection="close")
_other_host = _refusal(
    421,
    "HOST_NOT_ALLOWED",
    "The monitor does not go by that name: call it by an address, or name it in MONITOR_ALLOWED_HOSTS",
)
_other_origin = _refusal(
    403,
    "ORIGIN_NOT_ALLOWED",
    "Another site's page may not do that here. Behind a proxy: have it pass on the Host that it was asked, with the "
    "port (nginx: `proxy_set_header Host $http_host`)",
)
