"""OPC UA against a small server of our own: what is read, what is subscribed, and what happens while it is away."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.poller.source import Reading, TagSource
from services.poller.sources.opcua import subscribed
from services.poller.sources.opcua.server import Server
from services.poller.sources.opcua.wire import faults
from services.poller.sources.opcua.wire.session import SESSION_MS
from shared.keys import Keys
from shared.records.events import Event
from shared.redis.link import RedisLink
from tests.integration.poller.pollers import PollerProcess, events, queued, start
from tests.integration.poller.sources.opcua.plant import LOST, RELOADED, STAMPED_AT
from tests.integration.poller.sources.opcua.reading import Told, one, read_until, toml, with_source
from tests.integration.poller.sources.opcua.servers import OpcuaServer


@pytest.fixture(scope="module")
def shared_plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpcuaServer]:
    """A server that no test breaks."""
    with OpcuaServer.quick(tmp_path_factory.mktemp("plant")) as server:
        yield server


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[OpcuaServer]:
    """A server that the test may kill and freeze."""
    with OpcuaServer.quick(tmp_path) as server:
        yield server


@pytest.mark.req("FR-017", "FR-018")
def test_every_type_and_quality_is_read_with_the_time_of_its_source(shared_plant: OpcuaServer) -> None:
    reading = with_source(shared_plant.url, one)
    counter = reading.values.pop("Line/Counter")
    assert isinstance(counter, int)
    assert reading.values == {
        "Line/Bool": True, "Line/Int": -7, "Line/Big": 2**63 + 1, "Line/Double": 0.1, "Line/Text": "점검중",
        "Line/Time": "2026-05-06T07:08:09+00:00", "Line/Bytes": "00ff", "Line/Uncertain": 12.5, "Line/Stamped": 1,
        "Line/Array[0]": 1.5, "Line/Array[1]": 2.5, "Line/Array[2]": 3.5,
    }  # fmt: skip
    assert reading.qualities == {"Line/Uncertain": "UNCERTAIN"}
    assert reading.errors == {
        "Line/Bad": "BadAttributeIdInvalid",
        "Line/NotANumber": "not a number that can be stored: nan",
        "Line/Empty": "an array without elements",
    }
    assert reading.tag_timestamps["Line/Stamped"] == STAMPED_AT


def test_nodes_are_named_in_a_list_or_a_file_and_a_bad_one_costs_only_itself(
    shared_plant: OpcuaServer, tmp_path: Path
) -> None:
    tags = ["ns=2;s=Line.Int", {"address": "nsu=urn:plant;s=Line.Bool", "name": "on"}, "ns=2;s=Line.Nowhere",
            "nsu=urn:other;s=Line.Int"]  # fmt: skip
    expected = {"ns=2;s=Line.Int": -7, "on": True}
    errors = {
        "ns=2;s=Line.Nowhere": "BadNodeIdUnknown",
        "nsu=urn:other;s=Line.Int": "the server has no namespace urn:other",
    }
    reading = with_source(shared_plant.url, one, tags=tags)
    assert (reading.values, reading.errors, reading.trouble) == (expected, errors, None)
    file = tmp_path / "tags.csv"
    file.write_text("address,name\nns=2;s=Line.Int,\nnsu=urn:plant;s=Line.Bool,on\n")
    assert with_source(shared_plant.url, one, tags={"file": str(file)}).values == expected


@pytest.mark.parametrize("access", ["read", "subscribe"])
def test_a_tag_that_is_called_as_an_element_of_an_array_keeps_its_own_value(
    shared_plant: OpcuaServer, access: str
) -> None:
    """Kind: two under one name. Controllers show an array and, as nodes of their own, its elements, which many count
    from 1: `list[1]` was theirs or ours, which is the next one, as their order in the file was; GOOD.
    """
    names = {"Array": "list", "Int": "list[1]", "Big": "list[7]"}
    for order in (names, dict(reversed(names.items()))):
        tags = [{"address": f"ns=2;s=Line.{node}", "name": name} for node, name in order.items()]
        reading = with_source(shared_plant.url, one, tags=tags, access=access)
        assert reading.values == {"list[0]": 1.5, "list[1]": -7, "list[2]": 3.5, "list[7]": 2**63 + 1}


def test_a_node_below_two_folders_is_found_by_the_path_that_is_asked_for(shared_plant: OpcuaServer) -> None:
    """Kind: one way to a thing hides the others. A folder whose nodes were met elsewhere before held nothing."""
    reading = with_source(shared_plant.url, one, tags={"glob": "Views/**/I*"})
    assert reading.values == {"Views/Line/Int": -7}
    both = with_source(shared_plant.url, one, tags={"glob": ["Line/Int", "Views/Line/*t"]})
    assert {address: value for address, value in both.values.items() if "Int" in address} == {
        "Line/Int": -7, "Views/Line/Int": -7,
    }  # fmt: skip
    everything = with_source(shared_plant.url, one, tags={"glob": "**/Int"})
    assert everything.values == {"Line/Int": -7}


def test_a_large_group_is_read_in_chunks(shared_plant: OpcuaServer) -> None:
    tags = [{"address": "ns=2;s=Line.Int", "name": f"D{number}"} for number in range(50)]
    reading = with_source(shared_plant.url, one, tags=tags, read_chunk=7)
    assert reading.values == {f"D{number}": -7 for number in range(50)}


@pytest.mark.req("FR-014")
def test_a_value_that_does_not_change_has_the_time_of_the_poll_from_the_second_on(shared_plant: OpcuaServer) -> None:
    async def twice(source: TagSource) -> tuple[Reading, Reading]:
        return await one(source), await one(source)

    first, second = with_source(shared_plant.url, twice, tags=["ns=2;s=Line.Stamped"])
    assert first.tag_timestamps == {"ns=2;s=Line.Stamped": STAMPED_AT}
    assert second.tag_timestamps == {}
    assert second.values == first.values
    poll = with_source(shared_plant.url, one, tags=["ns=2;s=Line.Stamped"], timestamps="poll")
    assert poll.tag_timestamps == {}


@pytest.mark.parametrize(
    ("access", "away", "how"),
    [
        ("read", "bad", "killed"),
        ("read", "silent", "killed"),
        ("read", "bad", "frozen"),
        ("subscribe", "bad", "killed"),
        ("subscribe", "silent", "frozen"),
    ],
)
def test_a_server_that_goes_away_is_told_and_read_again_when_it_is_back(
    plant: OpcuaServer, access: str, away: str, how: str
) -> None:
    told = Told()
    tags = ["ns=2;s=Line.Int", "ns=2;s=Line.Counter"]

    async def use(source: TagSource) -> None:
        await read_until(source, lambda reading: reading.values)
        await asyncio.to_thread(plant.kill if how == "killed" else plant.pause)
        gone = await read_until(source, lambda reading: reading.trouble, 30)
        assert gone.values == {}
        assert gone.errors == (dict.fromkeys(tags, gone.trouble) if away == "bad" else {})
        assert source.status()["server"] == "away"
        await asyncio.to_thread(plant.start if how == "killed" else plant.resume)
        back = await read_until(source, lambda reading: "ns=2;s=Line.Int" in reading.values)
        assert (back.values["ns=2;s=Line.Int"], back.trouble) == (-7, None)
        # The first values of a subscription may come while the connection is still being made up.
        await asyncio.to_thread(wait_until, lambda: source.status()["server"] == "connected", 10, "the connection")
        assert source.status()["reconnects"] == 1

    with_source(plant.url, use, told, tags=tags, access=access, away=away)
    assert told.events == [Event.SOURCE_LOST, Event.SOURCE_BACK]


def test_an_index_stands_for_the_namespace_that_it_was_first_met_with(plant: OpcuaServer) -> None:
    """Kind: a place taken for a name. The server numbered its namespaces anew at its restart, and the value of another
    node was stored as the tag's, GOOD.
    """

    async def use(source: TagSource) -> None:
        await read_until(source, lambda reading: reading.values.get("ns=2;s=Line.Int") == -7)
        await asyncio.to_thread(plant.kill)
        await read_until(source, lambda reading: reading.trouble, 30)
        await asyncio.to_thread(plant.start, NAMESPACES_BEFORE="1")
        back = await read_until(source, lambda reading: "ns=2;s=Line.Int" in reading.values)
        assert back.values == {"ns=2;s=Line.Int": -7}

    with_source(plant.url, use, tags=["ns=2;s=Line.Int"])


def test_a_session_that_nobody_closed_is_not_kept_for_an_hour(shared_plant: OpcuaServer) -> None:
    """Kind: what is left behind shuts out who comes. A PLC has five or ten sessions; each poller that was killed, and
    each break of the line, took one for the hour that the library asks for.
    """

    async def use(source: TagSource) -> None:
        await read_until(source, lambda reading: reading.values)
        assert isinstance(source, Server)
        assert source.connection.session is not None
        # As the server has granted it.
        assert source.connection.session.client.session_timeout == SESSION_MS <= 60_000

    with_source(shared_plant.url, use)


def test_a_server_that_was_never_there_is_waited_for(tmp_path: Path) -> None:
    server = OpcuaServer.quick(tmp_path)
    told = Told()

    async def use(source: TagSource) -> Reading:
        away = await one(source)
        assert (away.errors, away.values) == ({}, {})  # Nothing is known of what a glob would match.
        assert away.trouble is not None
        await asyncio.to_thread(server.start)
        return await read_until(source, lambda reading: reading.values)

    try:
        assert "Line/Int" in with_source(server.url, use, told).values
    finally:
        server.kill()
    assert told.events == [Event.SOURCE_LOST, Event.SOURCE_BACK]


def test_a_subscription_hands_on_every_change_once_and_in_order(shared_plant: OpcuaServer) -> None:
    async def use(source: TagSource) -> list[tuple[int, datetime]]:
        seen: list[tuple[int, datetime]] = []
        async with asyncio.timeout(20):
            while len(seen) < 60:
                reading = await one(source)
                for address, value in reading.values.items():
                    if address == "ns=2;s=Line.Counter":
                        assert isinstance(value, int)
                        seen.append((value, reading.tag_timestamps[address]))
        status = source.status()
        assert (status["changes_dropped"], status["publishes_missed"], status["lost_at_server"]) == (0, 0, 0)
        return seen

    tags = ["ns=2;s=Line.Counter", "ns=2;s=Line.Int"]
    # The counter changes every 20 ms, the server tells of it every 100 ms: about five changes a time.
    seen = with_source(shared_plant.url, use, tags=tags, access="subscribe", sampling_ms=0, queue_size=100)
    numbers = [number for number, _ in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    times = [time for _, time in seen]
    assert times == sorted(set(times))


def test_a_change_whose_publishing_got_lost_is_read(shared_plant: OpcuaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a loss that is counted and not made good. A tag that seldom changes kept its old value until it changed
    again; and while no other changed nobody even counted.
    """
    monkeypatch.setattr(subscribed, "_KEEP_ALIVE_S", 0.5)

    async def use(source: TagSource) -> None:
        await read_until(source, lambda reading: reading.values == {"ns=2;s=Switch": 0})
        async with Client(shared_plant.url) as client:
            switch = client.get_node("ns=2;s=Switch")
            await switch.write_value(LOST, ua.VariantType.Int32)
            await read_until(source, lambda reading: reading.values == {"ns=2;s=Switch": LOST})
            await switch.write_value(0, ua.VariantType.Int32)
        assert source.status()["publishes_missed"] == 1
        assert source.status()["reconnects"] == 0

    with_source(shared_plant.url, use, tags=["ns=2;s=Switch"], access="subscribe")


def test_a_node_that_is_gone_and_back_is_watched_again(
    shared_plant: OpcuaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a name that stays while what it stood for is replaced. A program was loaded into the controller: what was
    watched is gone, and of the new node of that id nothing was ever told.
    """
    monkeypatch.setattr(faults, "RETRY_S", 0.5)

    async def use(source: TagSource) -> None:
        await read_until(source, lambda reading: reading.values == {"ns=2;s=Switch": 0})
        async with Client(shared_plant.url) as client:
            await client.get_node("ns=2;s=Switch").write_value(RELOADED, ua.VariantType.Int32)
            await read_until(source, lambda reading: reading.errors == {"ns=2;s=Switch": "BadNodeIdUnknown"})
            await read_until(source, lambda reading: reading.values == {"ns=2;s=Switch": 0})
            await client.get_node("ns=2;s=Switch").write_value(1, ua.VariantType.Int32)
            await read_until(source, lambda reading: reading.values == {"ns=2;s=Switch": 1})
            await client.get_node("ns=2;s=Switch").write_value(0, ua.VariantType.Int32)
        assert source.status()["reconnects"] == 0

    with_source(shared_plant.url, use, tags=["ns=2;s=Switch"], access="subscribe")


def test_more_tags_than_a_subscription_may_have_are_in_several(tmp_path: Path) -> None:
    """Kind: a limit of one, where several may be. A controller has 1,000 items in each subscription; the others were
    BAD for as long as the group had more.
    """

    async def use(source: TagSource) -> None:
        seen: set[str] = set()
        counted: set[object] = set()
        async with asyncio.timeout(20):
            while not (seen >= {"Line/Bool", "Line/Time", "Line/Stamped", "Line/Bytes"} and len(counted) > 3):
                reading = await one(source)
                assert "BadTooManyMonitoredItems" not in reading.errors.values()
                seen |= reading.values.keys()
                counted |= {reading.values.get("Line/Counter")}
        assert source.status()["reconnects"] == 0

    server = OpcuaServer.quick(tmp_path)
    server.start(MOST_ITEMS="4")
    try:
        with_source(server.url, use, access="subscribe")
    finally:
        server.kill()


def test_a_server_that_looks_less_often_than_asked_for_is_told(
    shared_plant: OpcuaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kind: what was asked for taken for granted."""

    async def use(source: TagSource) -> Mapping[str, Any]:
        await read_until(source, lambda reading: reading.values)
        return source.status()

    keys: dict[str, Any] = {"tags": ["ns=2;s=Line.Int"], "access": "subscribe"}
    # This server looks as often as it publishes.
    assert with_source(shared_plant.url, use, **keys, sampling_ms=20)["sampling_ms"] == 100
    assert "it looks at a tag every 100 ms, not every 20" in capsys.readouterr().out
    assert with_source(shared_plant.url, use, **keys)["sampling_ms"] == 100
    assert "it looks" not in capsys.readouterr().out


def test_a_server_that_keeps_fewer_changes_than_asked_for_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kind: what was asked for taken for granted. Of a queue of one no server says that changes are lost."""

    async def use(source: TagSource) -> Mapping[str, Any]:
        await read_until(source, lambda reading: reading.values)
        return source.status()

    server = OpcuaServer.quick(tmp_path)
    server.start(LONGEST_QUEUE="1")
    try:
        keys: dict[str, Any] = {"tags": ["ns=2;s=Line.Counter"], "access": "subscribe", "queue_size": 100}
        assert with_source(server.url, use, **keys, sampling_ms=0)["queue_size"] == 1
        assert "it keeps 1 changes of a tag between two publishings, not 100" in capsys.readouterr().out
        # Who samples as often as he is told loses nothing.
        assert with_source(server.url, use, **keys)["queue_size"] == 1
        assert "it keeps" not in capsys.readouterr().out
    finally:
        server.kill()


def test_a_subscribed_node_that_is_none_is_bad_and_costs_only_itself(shared_plant: OpcuaServer) -> None:
    reading = with_source(shared_plant.url, one, tags=["ns=2;s=Line.Nowhere", "ns=2;s=Line.Bool"], access="subscribe")
    assert reading.errors == {"ns=2;s=Line.Nowhere": "BadNodeIdUnknown"}


@pytest.mark.req("OPS-3")
def test_the_poller_puts_it_all_on_the_queue_and_tells_of_an_outage(
    pollers: list[PollerProcess], plant: OpcuaServer, redis_server: EmbeddedRedis, link: RedisLink, keys: Keys,
    tmp_path: Path,
) -> None:  # fmt: skip
    poller = start(pollers, toml(plant.url), redis_server.url, keys.namespace, tmp_path)
    wait_until(lambda: len(queued(link, keys)) > 3, what="some messages")
    message = queued(link, keys)[0]
    assert message.tag_values["Line/Array[1]"] == 2.5
    assert message.tag_qualities == {"Line/Uncertain": "UNCERTAIN"}
    assert message.tag_timestamps["Line/Stamped"] == STAMPED_AT.replace(tzinfo=None)
    assert message.timestamp - message.tag_timestamps["Line/Counter"] < timedelta(minutes=1)
    assert message.error_tags["Line/Bad"] == "BadAttributeIdInvalid"
    plant.kill()
    wait_until(lambda: events(link, keys, "source_lost"), what="the event")
    wait_until(lambda: len(queued(link, keys)[-1].error_tags) == 16, what="a reading that is BAD all through")
    plant.start()
    wait_until(lambda: events(link, keys, "source_back"), what="the event")
    wait_until(lambda: queued(link, keys)[-1].tag_values, what="a good reading")
    assert poller.stop() < 5
    assert "Traceback" not in poller.log
    assert "Emitted" in poller.log


@pytest.mark.req("OPS-3")
def test_the_poller_stops_in_time_while_its_server_is_frozen(
    pollers: list[PollerProcess], plant: OpcuaServer, redis_server: EmbeddedRedis, link: RedisLink, keys: Keys,
    tmp_path: Path,
) -> None:  # fmt: skip
    poller = start(pollers, toml(plant.url), redis_server.url, keys.namespace, tmp_path)
    wait_until(lambda: queued(link, keys), what="a message")
    plant.pause()
    poller.wait_for_log("can't be read, trying again until it can")
    assert poller.stop() < 5
    plant.resume()
    assert poller.process.returncode == 0
    assert "Traceback" not in poller.log
