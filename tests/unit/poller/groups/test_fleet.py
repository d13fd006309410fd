"""Groups that are polled while their lease is held."""

import asyncio
from functools import partial
from pathlib import Path

from services.poller.groups.config import GroupConfig
from services.poller.groups.fleet import Fleet
from services.poller.groups.group import PollingGroup
from services.poller.groups.triggers import OnRequest
from tests.unit.poller.fleets import Book, build, config_of, until

CONFIG = config_of()


def is_another(fleet: Fleet, group: PollingGroup) -> bool:
    return fleet.groups[0] is not group


async def poll(fleet: Fleet) -> str:
    group = fleet.group("line")
    assert group is not None
    assert isinstance(group.trigger, OnRequest)
    return (await group.trigger.ask()).state


def test_a_group_is_polled_while_its_lease_is_held_and_again_when_it_is_held_again() -> None:
    async def run() -> None:
        book = Book()
        fleet = Fleet(build, book.lease_of, book.give_up, Path())
        async with asyncio.TaskGroup() as tasks:
            fleet.start([CONFIG], tasks)
            await asyncio.sleep(0)
            assert fleet.groups[0].status.state == "starting"
            for _ in range(2):
                book.lease.set(is_held=True)
                assert await poll(fleet) == "read"
                first = fleet.groups[0]
                book.lease.set(is_held=False, holder="another")
                await until(partial(is_another, fleet, first))
                assert first.status.state == "stopped"
                assert fleet.group("line") is None
                assert fleet.polled == []
            fleet.cancel()

    asyncio.run(run())


def test_a_lease_is_given_up_with_its_group_and_when_the_plc_becomes_another() -> None:
    async def run() -> None:
        book = Book()
        fleet = Fleet(build, book.lease_of, book.give_up, Path())
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
        book = Book(is_held=True)
        lost = CONFIG.model_copy(
            update={"source": GroupConfig.model_validate(
                {"name": "x", "plc_code": "P1", "source": {"type": "replay", "file": "/nowhere.csv"}}
            ).source}
        )  # fmt: skip
        fleet = Fleet(build, book.lease_of, book.give_up, Path())
        async with asyncio.TaskGroup() as tasks:
            fleet.start([lost], tasks)
            await fleet.wait_until_done()
        assert fleet.groups[0].status.state == "failed"

    asyncio.run(run())
