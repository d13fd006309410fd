"""How a monitor is asked without a server: what the tests of who gets an answer have in common."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from services.monitor.api.state import Newest
from services.monitor.api.whole import Whole
from services.monitor.assess.assessment import Assessor
from services.monitor.http.app import create_app
from services.monitor.http.login import LOGIN_PATH
from services.monitor.settings import MonitorSettings
from tests.fakes import FakeClock
from tests.unit.monitor.overviews import healthy_overview

TOKEN = "s3cret-token-of-the-tests"
OPERATORS = "another-token-for-operators"


def monitor(**settings: Any) -> FastAPI:
    chosen = MonitorSettings.model_validate(settings)
    newest = Newest(FakeClock())  # a state that does not get old, however busy the machine is
    newest.publish(Assessor(chosen).assess(healthy_overview()))
    return create_app(Whole([newest]), chosen)


def ask(app: FastAPI, method: str, path: str, **parts: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **parts)

    return asyncio.run(send())


def log_in(app: FastAPI, token: str) -> httpx.Response:
    return ask(app, "POST", LOGIN_PATH, content=urlencode({"token": token}))


def leads_to(answer: httpx.Response) -> str:
    """Return the path that an answer sends a browser to."""
    return answer.url.join(answer.headers["location"]).path


class Inner:
    """An application that counts who reaches it, and holds them until told."""

    def __init__(self) -> None:
        self.reached = 0
        self.release = asyncio.Event()

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.reached += 1
        await self.release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(self.reached).encode()})


async def call(app: Any, path: str = "/api/ledger", *, address: str = "", headers: Any = ()) -> list[Message]:
    """Call an ASGI application; return what it sends."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "method": "GET", "query_string": b"", "headers": headers}
    scope["client"] = (address, 1)
    await app(scope, receive, send)
    return sent
