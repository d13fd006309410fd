"""Groups of simulated tags, and the leases of nobody else."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from services.poller.groups.config import GroupConfig
from services.poller.groups.fleet import Fleet
from services.poller.groups.group import PollingGroup
from services.poller.groups.lease import Lease
from services.poller.groups.triggers import FixedInterval, OnRequest
from services.poller.outbox.message import ReadBy
from services.poller.outbox.outbox import Outbox
from services.poller.outbox.waiting import Bounds
from services.poller.sources.stamps import Stamper
from shared.clock import SystemClock
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from tests.fakes import FakeEvents, FakeLink


def config_of(name: str = "line", mode: str = "HANDSHAKE", **more: Any) -> GroupConfig:
    """Return a group of three simulated tags."""
    source: Mapping[str, Any] = {"type": "simulator", "tags": 3, "bad_ratio": 0.0}
    return GroupConfig.model_validate({"name": name, "plc_code": "P1", "mode": mode, "source": source} | more)


class Book:
    """One lease for all groups."""

    def __init__(self, *, is_held: bool = False) -> None:
        self.lease = Lease()
        if is_held:
            self.lease.set(is_held=True)
        self.given_up: list[str] = []

    def lease_of(self, config: GroupConfig) -> Lease:
        del config
        return self.lease

    def give_up(self, config: GroupConfig) -> None:
        self.given_up.append(config.plc)


class BackAtOnce(FakeLink):
    """A Redis that is back at once, and why it was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.causes: list[RedisUnavailableError | None] = []

    def wait_until_there(
        self,
        stop: StopFlag,
        cause: RedisUnavailableError | None = None,
        tell: Callable[[RedisUnavailableError], object] = lambda _: None,
    ) -> bool:
        del tell
        self.causes.append(cause)
        return not stop.is_set()


def named_heartbeat() -> Heartbeat:
    """Return the heartbeat of `poller-1`, of the incarnation `abcd`."""
    heartbeat = Heartbeat(FakeLink(), Keys("t"), FakeEvents(), "poller")
    heartbeat.instance, heartbeat.incarnation = "poller-1", "abcd"
    return heartbeat


def build(config: GroupConfig) -> PollingGroup:
    """Return a group with an outbox of its own."""
    clock = SystemClock()
    outbox = Outbox(Bounds(100, 1000, 1_000_000))
    trigger = OnRequest(clock) if config.mode == "HANDSHAKE" else FixedInterval(config.interval_s, clock)
    return PollingGroup(
        config, config.build_source(Path(), lambda *_: None), trigger, outbox,
        stamper=Stamper(), clock=clock, read_by=ReadBy,
    )  # fmt: skip


def fleet_of(directory: Path) -> Fleet:
    """Return a fleet whose groups nobody else polls."""
    book = Book(is_held=True)
    return Fleet(build, book.lease_of, book.give_up, directory)


async def until(is_over: Callable[[], bool]) -> None:
    """Let everything else have its turn until something is so."""
    async with asyncio.timeout(20):
        while not is_over():  # noqa: ASYNC110 - what happens is in threads, and has no event
            await asyncio.sleep(0.001)
