"""What stands before every path: the token, if one is set, and headers that keep browsers strict."""

import hmac

from pydantic import SecretStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.monitor.problems import problem_response
from services.monitor.schemas import Error

#: Paths that need no token: whoever restarts the process must not need one.
OPEN_PATHS = frozenset({"/livez"})

#: The API answers data, never pages: a browser has nothing to load, run or frame.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Guard:
    """An ASGI middleware; written out because Starlette's base class would buffer streams."""

    def __init__(self, app: ASGIApp, token: SecretStr | None) -> None:
        self._app = app
        self._expected = f"Bearer {token.get_secret_value()}".encode() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or pass the request on; add the headers to either answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app = self._app if self._admits(scope) else _unauthorized
        await app(scope, receive, send_with_headers)

    def _admits(self, scope: Scope) -> bool:
        if self._expected is None or scope["path"] in OPEN_PATHS:
            return True
        given = Headers(scope=scope).get("authorization", "")
        # In constant time: how long a refusal takes must not tell how much of the token was right.
        return hmac.compare_digest(given.encode(), self._expected)


async def _unauthorized(scope: Scope, receive: Receive, send: Send) -> None:
    problem = Error(error="UNAUTHORIZED", message="Send the header `Authorization: Bearer <MONITOR_API_TOKEN>`")
    await problem_response(401, problem, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
