"""HEAD, on every path that answers GET: the same headers, and nothing after them."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class AnswerHead:
    """An ASGI middleware that asks as GET and keeps what follows the headers to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; of a HEAD's answer only the headers come back."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def gone() -> Message:
            # So that a stream, which has no end of its own, ends.
            return {"type": "http.disconnect"}

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)

        await self._app({**scope, "method": "GET"}, gone, send_headers)
        await send({"type": "http.response.body", "body": b""})
