"""What the OPC UA tests share: a source that is open for as long as it is used, and a group that reads it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from services.poller.source import Reading, TagSource
from services.poller.sources.opcua.model import OpcuaModel
from shared.records.events import Event

T = TypeVar("T")

#: Seconds between two polls of these tests, and until a server that says nothing counts as away.
INTERVAL_S, TIMEOUT_MS = 0.1, 600


class Told:
    """What a source told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, kind: Event, message: str) -> None:
        assert message
        self.events.append(kind)


def with_source(url: str, use: Callable[[TagSource], Awaitable[T]], told: Told | None = None, **keys: Any) -> T:
    """Use a source while it is open."""
    tags = keys.pop("tags", {"glob": "Line/*"})
    model = OpcuaModel.model_validate(
        {"type": "opcua", "url": url, "tags": tags, "timeout_ms": TIMEOUT_MS, "reconnect_max_ms": 200} | keys
    )

    async def run() -> T:
        source = model.build("line", INTERVAL_S, Path(), told or Told())
        await source.open()
        try:
            return await use(source)
        finally:
            await source.close()
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            assert not left, "a task outlived its source"

    return asyncio.run(run())


async def one(source: TagSource) -> Reading:
    reading = await source.read()
    assert reading is not None
    return reading


async def read_until(source: TagSource, condition: Callable[[Reading], object], timeout_s: float = 20) -> Reading:
    """Poll until a reading is as wanted."""
    async with asyncio.timeout(timeout_s):
        reading = await one(source)
        while not condition(reading):
            await asyncio.sleep(0.02)
            reading = await one(source)
    return reading


def toml(url: str, more: str = "") -> str:
    return (
        f'[[group]]\nname = "line"\nplc_code = "P1"\ninterval_ms = 100\n[group.source]\ntype = "opcua"\nurl = "{url}"\n'
        f'tags = {{glob = "Line/*"}}\nreconnect_max_ms = 200\ntimeout_ms = {TIMEOUT_MS}\n{more}\n'
    )
