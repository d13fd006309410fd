"""Groups that are polled while their lease is held."""

import asyncio
from pathlib import Path

from services.poller.groups.config import GroupConfig
from services.poller.groups.fleet import Fleet
from services.poller.groups.group import PollingGroup
from services.poller.groups.lease import Lease
from services.poller.groups.triggers import OnRequest
from services.poller.outbox.message import ReadBy
from services.poller.outbox.outbox import Outbox
from services.poller.outbox.waiting import Bounds
from services.poller.sources.stamps import Stamper
from shared.clock import SystemClock

CONFIG = GroupConfig.model_validate(
    {"name": "line", "plc_code": "P1", "mode": "HANDSHAKE", "source": {"type": "simulator", "tags": 3}}
)


class Book:
    def __init__(self) -> None:
        self.lease = Lease()
        self.given_up: list[str] = []

    def lease_of(self, config: GroupConfig) -> Lease:
        del config
        return self.lease

    def give_up(self, config: GroupConfig) -> None:
        self.given_up.append(config.plc)


def build(config: GroupConfig) -> PollingGroup:
    clock = SystemClock()
    outbox = Outbox(Bounds(100, 1000, 1_000_000))
    return PollingGroup(
        config, config.build_source(Path(), lambda *_: None), OnRequest(clock), outbox,
        stamper=Stamper(), clock=clock, read_by=ReadBy,
    )  # fmt: skip


async def poll(fleet: Fleet) -> str:
    group = fleet.group("line")
    assert group is not None
    assert isinstance(group.trigger, OnRequest)
    return (await group.trigger.ask()).state


def test_a_group_is_polled_while_its_lease_is_held_and_again_when_it_is_held_again() -> None:
    async def run() -> None:
        book = Book()
        fleet = Fleet(build, book, Path())
        async with asyncio.TaskGroup() as tasks:
            fleet.start([CONFIG], tasks)
            await asyncio.sleep(0)
            assert fleet.groups[0].status.state == "starting"
            for _ in range(2):
                book.lease.set(is_held=True)
                assert await poll(fleet) == "read"
                first = fleet.groups[0]
                book.lease.set(is_held=False, holder="another")
                while fleet.groups[0] is first:  # noqa: ASYNC110 - it takes some turns
                    await asyncio.sleep(0)
                assert first.status.state == "stopped"
                assert fleet.group("line") is None
                assert fleet.polled == []
            fleet.cancel()

    asyncio.run(run())


def test_a_lease_is_given_up_with_its_group_and_when_the_plc_becomes_another() -> None:
    async def run() -> None:
        book = Book()
        fleet = Fleet(build, book, Path())
        async with asyncio.TaskGroup() as tasks:
            fleet.start([CONFIG], tasks)
            await fleet.exchange([CONFIG.model_copy(update={"group_id": 7})], tasks)
            assert book.given_up == []
            await fleet.exchange([CONFIG.model_copy(update={"plc_code": "P2"})], tasks)
            assert book.given_up == ["P1"]
            await fleet.exchange([], tasks)
            assert book.given_up == ["P1", "P2"]

    asyncio.run(run())


def test_a_group_that_fails_ends_although_its_lease_is_held() -> None:
    async def run() -> None:
        book = Book()
        book.lease.set(is_held=True)
        lost = CONFIG.model_copy(
            update={"source": GroupConfig.model_validate(
                {"name": "x", "plc_code": "P1", "source": {"type": "replay", "file": "/nowhere.csv"}}
            ).source}
        )  # fmt: skip
        fleet = Fleet(build, book, Path())
        async with asyncio.TaskGroup() as tasks:
            fleet.start([lost], tasks)
            await fleet.wait_until_done()
        assert fleet.groups[0].status.state == "failed"

    asyncio.run(run())
