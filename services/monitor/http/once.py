"""One answer a reading: who asks what was asked since the last reading of Redis gets the same bytes again.

A flood of clients costs a copy each, so that it can't take the processor from the pipeline.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.monitor.api.feed import Feed

#: Paths whose answers depend on the reading alone.
_PREFIX, _METRICS = "/api/", "/metrics"

#: The one path below `/api/` that never ends.
STREAM_PATH = "/api/stream"

#: Different answers kept, and their bytes: parameters may be invented without end, and one answer may list thousands.
MAX_KEPT, MAX_KEPT_BYTES = 64, 32_000_000

_Key = tuple[str, bytes, str]


class OncePerReading:
    """An ASGI middleware; it must stand behind whatever decides who may ask."""

    def __init__(self, app: ASGIApp, feed: Feed) -> None:
        self._app = app
        self._feed = feed
        self._made_of: object = None
        self._kept: dict[_Key, list[Message]] = {}
        self._kept_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is kept, or let it be made and keep it."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _is_kept(scope["path"]):
            await self._app(scope, receive, send)
            return
        made_of = self._feed.last, self._feed.failure
        if made_of != self._made_of:
            self._made_of, self._kept, self._kept_bytes = made_of, {}, 0
        kept, key = self._kept, (scope["path"], scope["query_string"], scope.get("root_path", ""))
        messages = kept.get(key)
        if messages is None:
            messages = []
            await self._app(scope, receive, _recorder(messages))
            # Before the first reading an answer waits for it; what it says is of that one, and not kept for later.
            if kept is self._kept and made_of == (self._feed.last, self._feed.failure):
                self._keep(key, messages)
        for message in messages:
            # The headers are copied: whoever stands in front of us adds its own to them.
            await send({**message, "headers": [*message["headers"]]} if "headers" in message else message)

    def _keep(self, key: _Key, messages: list[Message]) -> None:
        size = sum(len(message.get("body", b"")) for message in messages)
        if len(self._kept) < MAX_KEPT and self._kept_bytes + size <= MAX_KEPT_BYTES:
            self._kept[key] = messages
            self._kept_bytes += size


def _is_kept(path: str) -> bool:
    return path == _METRICS or (path.startswith(_PREFIX) and path != STREAM_PATH)


def _recorder(messages: list[Message]) -> Send:
    async def record(message: Message) -> None:
        messages.append(message)

    return record
