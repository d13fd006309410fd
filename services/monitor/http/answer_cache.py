"""One answer a state: who asks what was asked since the last reading of Redis gets the same bytes again.

A flood of clients costs a copy each, so that it can't take the processor from the pipeline.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.monitor.api.whole import Whole

#: Paths whose answers depend on the state alone.
_PREFIX, _METRICS = "/api/", "/metrics"

#: Those below `/api/` that depend on more: one never ends, one says who asks.
_OTHERS = {"/api/stream", "/api/session"}

#: Answers kept of one state, and their bytes: parameters may be invented without end, and one may list thousands.
MAX_KEPT, MAX_KEPT_BYTES = 64, 32_000_000


class AnswerCache:
    """An ASGI middleware; it must stand behind whatever decides who may ask."""

    def __init__(self, app: ASGIApp, newest: Whole) -> None:
        self._app = app
        self._newest = newest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with what was encoded of this state, or let it be made and remember it."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _depends_on_the_state(scope["path"]):
            await self._app(scope, receive, send)
            return
        # An answer that is made while a newer state is published is remembered with the older one, which nobody asks
        # any more: so no answer outlives its state.
        encoded = self._newest.state.encoded
        question = scope["path"], scope["query_string"], scope.get("root_path", "")
        answer = encoded.get(question)
        if answer is None:
            messages: list[Message] = []
            await self._app(scope, receive, _recorder(messages))
            answer = messages
            if len(encoded) < MAX_KEPT and _bytes_of(*encoded.values(), answer) <= MAX_KEPT_BYTES:
                encoded[question] = answer
        for message in answer:
            # The headers are copied: whoever stands in front of us adds its own to them.
            await send({**message, "headers": [*message["headers"]]} if "headers" in message else message)


def _depends_on_the_state(path: str) -> bool:
    return path == _METRICS or (path.startswith(_PREFIX) and path not in _OTHERS)


def _bytes_of(*answers: Sequence[Message]) -> int:
    return sum(len(message.get("body", b"")) for answer in answers for message in answer)


def _recorder(messages: list[Message]) -> Send:
    async def record(message: Message) -> None:
        messages.append(message)

    return record
