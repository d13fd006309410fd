"""What one OPC UA node says, or can't say, costs that node alone: not its group, not the session, nothing silently."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.poller.source import TagSource
from services.poller.sources.opcua import matches
from services.poller.sources.opcua.wire import faults
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.poller.pollers import PollerProcess, queued, start
from tests.integration.poller.sources.opcua.odd_plant import GOOD
from tests.integration.poller.sources.opcua.reading import one, read_until, with_source
from tests.integration.poller.sources.opcua.servers import OpcuaServer

#: Nodes whose answers come whole, with something in them that can't be stored or believed.
READABLE = {"Latin", "Surrogate", "Localized", "Infinity", "Before", "Never", "Timeless"}

#: Nodes whose answers can't be read at all, and why.
UNREADABLE = {
    "Undecodable": "ValueError: 63 is not a valid NodeIdType",
    "Large": "the answer is larger than 16000000 bytes",
    "Failing": "BadInternalError",
    "Refusing": "BadDataLost",
    "Aborted": "the server broke its answer off",
}

GOOD_TAGS = {f"Odd/D{number}" for number in range(GOOD)}
IN_TIME: dict[str, Any] = {"timeout_ms": 4000, "tags": {"glob": "Odd/*"}}


@pytest.fixture
def readable(tmp_path: Path) -> Iterator[OpcuaServer]:
    with OpcuaServer.odd(tmp_path, ODD_NODES=",".join(READABLE)) as server:
        yield server


def toml(url: str, access: str) -> str:
    return (
        f'[[group]]\nname = "line"\nplc_code = "P1"\ninterval_ms = 100\n[group.source]\ntype = "opcua"\nurl = "{url}"\n'
        f'tags = {{glob = "Odd/*"}}\naccess = "{access}"\nreconnect_max_ms = 200\n'
    )


@pytest.mark.parametrize("access", ["read", "subscribe"])
def test_texts_and_times_that_are_none_cost_their_tags_alone_all_the_way_to_the_queue(
    pollers: list[PollerProcess], readable: OpcuaServer, redis_server: EmbeddedRedis, link: RedisLink, keys: Keys,
    tmp_path: Path, access: str,
) -> None:  # fmt: skip
    """Kind: one tag's text (not UTF-8) takes all 51 tags of the group with it, and no ledger sees it."""
    poller = start(pollers, toml(readable.url, access), redis_server.url, keys.namespace, tmp_path)

    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    own_times: set[str] = set()

    def whole() -> bool:
        # A server that is slow publishes first values in several messages.
        for data in queued(link, keys):
            values.update(data.tag_values)
            errors.update(data.error_tags)
            own_times.update(data.tag_timestamps)
        return values.keys() | errors.keys() >= GOOD_TAGS | {f"Odd/{name}" for name in READABLE}

    wait_until(whole, what="all tags")
    assert values.keys() == GOOD_TAGS | {"Odd/Before", "Odd/Never", "Odd/Timeless"}
    assert errors["Odd/Latin"].startswith("a text that is not Unicode: caf\\udce9")
    assert errors["Odd/Localized"].startswith("a text that is not Unicode: caf\\udce9")
    assert errors["Odd/Surrogate"] == "a text that is not Unicode: \\udced\\udca0\\udc80"
    assert errors["Odd/Infinity"].startswith("not a number that can be stored: ")
    # The time of the poll is the one to believe.
    assert not own_times & {"Odd/Before", "Odd/Never"}
    assert "Traceback" not in poller.log


@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_a_node_whose_answer_can_not_be_read_costs_itself_not_its_group_and_not_the_session(
    tmp_path: Path, name: str
) -> None:
    """Kind: a request of many nodes fails whole for one of them, or ends the session of all."""

    async def use(source: TagSource) -> None:
        for _ in range(5):
            reading = await one(source)
            assert reading.values.keys() == GOOD_TAGS
            assert reading.errors == {f"Odd/{name}": UNREADABLE[name]}
            assert reading.trouble is None
        status = source.status()
        assert (status["server"], status["reconnects"], status["unreadable"]) == ("connected", 0, 1)

    with OpcuaServer.odd(tmp_path, ODD_NODES=name) as server:
        with_source(server.url, use, **IN_TIME)


def test_all_kinds_at_once_and_a_node_is_read_again_once_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "RETRY_S", 0.5)

    async def use(source: TagSource) -> None:
        reading = await one(source)
        assert reading.errors.keys() >= {f"Odd/{name}" for name in UNREADABLE}
        assert reading.values.keys() >= GOOD_TAGS
        await read_until(source, lambda reading: "Odd/Undecodable" in reading.values, 60)
        assert source.status()["unreadable"] == len(UNREADABLE) - 1
        assert source.status()["reconnects"] == 0

    names = ",".join(UNREADABLE)
    with OpcuaServer.odd(tmp_path, ODD_NODES=names, ODD_MENDS="Undecodable", ODD_LARGE="17000000") as server:
        with_source(server.url, use, **IN_TIME)


@pytest.mark.parametrize("name", ["Undecodable", "Large", "Aborted"])
def test_a_subscription_tells_of_all_others_while_one_can_not_be_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a library drops what it can't decode, with all that was told in the same breath."""
    monkeypatch.setattr(faults, "RETRY_S", 0.5)

    async def use(source: TagSource) -> None:
        seen: set[str] = set()
        failed: set[str] = set()
        async with asyncio.timeout(60):
            while not (seen >= GOOD_TAGS and failed):
                reading = await one(source)
                seen |= reading.values.keys()
                failed |= reading.errors.keys()
            # Expect: from then on changes come as they do, each once; what was read anew may have come twice.
            numbers: list[int] = []
            while len(numbers) < 20:
                values = (await one(source)).values
                numbers += [int(str(value)) for address, value in values.items() if address == "Odd/D7"]
        assert numbers[10:] == sorted(set(numbers[10:]))
        assert failed == {f"Odd/{name}"}
        assert source.status()["unreadable"] == 1
        await read_until(source, lambda reading: f"Odd/{name}" in reading.values, 60)
        assert source.status()["unreadable"] == 0
        # Expect: watched again.
        await read_until(source, lambda reading: f"Odd/{name}" in reading.values, 60)
        assert source.status()["reconnects"] == 0

    with OpcuaServer.odd(tmp_path, ODD_NODES=name, ODD_MENDS=name, ODD_LARGE="17000000") as server:
        with_source(server.url, use, **IN_TIME, access="subscribe", queue_size=1)


@pytest.mark.parametrize("access", [pytest.param("read", marks=pytest.mark.slow), "subscribe"])
def test_a_server_that_takes_connections_before_its_nodes_are_there_is_read_whole_in_the_end(
    tmp_path: Path, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: what is not there at the connect is never looked for again, and nobody is told."""
    monkeypatch.setattr(matches, "FIRST_BROWSE_S", 0.5)
    monkeypatch.setattr(faults, "RETRY_S", 0.5)

    async def all_of(source: TagSource) -> set[str]:
        seen: set[str] = set()
        async with asyncio.timeout(30):
            while not seen >= GOOD_TAGS:
                seen |= (await one(source)).values.keys()
                await asyncio.sleep(0.01)
        return seen

    async def use(source: TagSource) -> None:
        assert await all_of(source) == GOOD_TAGS
        # Given that it is started anew: the same nodes come as late as before.
        await asyncio.to_thread(server.kill)
        await read_until(source, lambda reading: reading.trouble)
        await asyncio.to_thread(server.start)
        early = await read_until(source, lambda reading: "Odd/D0" in reading.values)
        while "Odd/D49" not in early.errors:
            early = await one(source)
        assert early.errors["Odd/D49"] == "BadNodeIdUnknown"
        assert await all_of(source) == GOOD_TAGS

    server = OpcuaServer.odd(tmp_path, ODD_NODES="", ODD_LATE="30")
    with server:
        with_source(server.url, use, **IN_TIME, access=access)


@pytest.mark.parametrize("access", ["read", "subscribe"])
def test_a_node_at_which_the_server_hangs_up_is_found_and_left_out(tmp_path: Path, access: str) -> None:
    """Kind: the connection ends, again and again, and nobody says for which of its nodes."""

    async def use(source: TagSource) -> None:
        await read_until(source, lambda _reading: source.status()["unreadable"] == 1, 60)
        seen: set[str] = set()
        errors: dict[str, str] = {}
        async with asyncio.timeout(60):
            # A subscription tells of the tags first, and of the one that it left out when it has found it.
            while not (seen >= GOOD_TAGS and "the connection ends when it is read" in errors.get("Odd/Closing", "")):
                reading = await one(source)
                seen |= reading.values.keys()
                errors |= reading.errors
                await asyncio.sleep(0.01)
        reconnects = source.status()["reconnects"]
        for _ in range(20):
            reading = await one(source)
            assert reading.trouble is None
        assert source.status()["reconnects"] == reconnects

    with OpcuaServer.odd(tmp_path, ODD_NODES="Closing") as server:
        with_source(server.url, use, **IN_TIME, access=access)


def test_where_no_node_can_be_read_it_is_the_server_that_is_at_fault_not_the_nodes(tmp_path: Path) -> None:
    """Kind: a verdict on what is innocent, and it stands when the cause has gone."""
    tags = [{"address": f"ns=2;s=Odd.{name}", "name": name} for name in ("Refusing", "Failing")]

    async def use(source: TagSource) -> None:
        reading = await one(source)
        assert reading.trouble in {"BadDataLost", "BadInternalError"}
        assert source.status()["unreadable"] == 0

    with OpcuaServer.odd(tmp_path, ODD_NODES="Refusing,Failing") as server:
        with_source(server.url, use, tags=tags, timeout_ms=4000)


def test_a_folder_that_can_not_be_browsed_costs_what_is_below_it_and_is_said(tmp_path: Path) -> None:
    """Kind: one node of a walk through thousands keeps all from being found."""
    with capture_logs() as logs, OpcuaServer.odd(tmp_path, ODD_NODES="", ODD_DARK="1") as server:
        reading = with_source(server.url, one, tags={"glob": "**"}, timeout_ms=4000)
    assert reading.values.keys() >= GOOD_TAGS
    assert "what is below node ns=2;s=Dark is left out, it can't be read: BadDataLost" in str(logs)
