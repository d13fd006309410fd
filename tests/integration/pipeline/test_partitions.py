"""Partitions: each with a Redis, consumers and writers of its own, and nothing of one waits for another."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.harness.feed import expected_rows, poll
from sandbox.harness.oracle import Cells
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from shared.partitions import partition_of
from shared.queues.data_queue import DataQueue
from tests.integration.monitor.monitors import start_process
from tests.integration.pipeline.acting import OPERATORS, Desk
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline

PLCS = ["PLC01", "PLC02", "PLC04", "PLC07"]


@pytest.fixture
def partitions(
    two_servers: list[EmbeddedRedis], oracle: OracleTarget, table: str, tmp_path: Path
) -> Iterator[list[Pipeline]]:
    """Two partitions on two servers with a consumer and a writer each, running; all write to one table."""
    urls = ",".join(server.url for server in two_servers)
    with (
        Pipeline(two_servers[0].url, oracle, table, "plant.0", tmp_path / "0") as first,
        Pipeline(two_servers[1].url, oracle, table, "plant.1", tmp_path / "1") as second,
    ):
        for number, partition in enumerate((first, second)):
            partition.directory.mkdir()
            shared = {"REDIS_URL": urls, "REDIS_NAMESPACE": "plant", "PARTITIONS": "2", "PARTITION": str(number)}
            partition.environment |= shared
            partition.start_and_wait("consumer")
            partition.start_and_wait("writer")
        yield [first, second]


def queues(two_servers: list[EmbeddedRedis]) -> list[DataQueue]:
    urls = ",".join(server.url for server in two_servers)
    return [DataQueue.connect(urls, "plant", partition=number, partitions=2) for number in range(2)]


@pytest.mark.req("FR-001")
def test_every_partition_brings_its_plcs_to_the_one_table(
    two_servers: list[EmbeddedRedis], partitions: list[Pipeline]
) -> None:
    expected: Cells = {}
    to = queues(two_servers)
    for number in range(20):
        for plc_code in PLCS:
            data = poll(number, 50, plc_code)
            to[partition_of(plc_code, 2)].put(data, timeout=10)
            expected |= expected_rows(data)
    ledgers = [partition.wait_until_idle() for partition in partitions]
    assert partitions[0].table_rows() == expected
    # Each has its part, and the table is their sum.
    assert all(ledger[Counter.INSERTED] > 0 for ledger in ledgers)
    assert sum(ledger[Counter.WRITTEN] for ledger in ledgers) == len(expected)


def test_a_partition_whose_redis_is_gone_holds_up_no_other(
    two_servers: list[EmbeddedRedis], partitions: list[Pipeline]
) -> None:
    to = queues(two_servers)
    other = next(plc_code for plc_code in PLCS if partition_of(plc_code, 2) == 0)
    two_servers[1].kill()
    data = poll(1, 100, other)
    to[0].put(data, timeout=10)
    partitions[0].wait_until_idle()
    assert partitions[0].table_rows() == expected_rows(data)

    # Its own processes live, and go on when it is back.
    two_servers[1].start()
    late = poll(2, 100, next(plc_code for plc_code in PLCS if partition_of(plc_code, 2) == 1))
    to[1].put(late, timeout=10)
    partitions[1].wait_until_idle()
    assert partitions[0].table_rows() == expected_rows(data) | expected_rows(late)


def pause_the_writers_of(number: int, partitions: list[Pipeline], desk: Desk) -> None:
    """Ask for a pause in one partition; what is asked for goes to its Redis, and those of others go on."""
    asked = desk.ask("pause", target="writer", partition=number)
    assert (asked["partition"], asked["others"]) == (number, [])
    assert desk.until(asked["id"], "done")["partition"] == number
    paused = [partition.link.command("HLEN", partition.keys.paused) for partition in partitions]
    assert paused == [int(part == number) for part in range(len(partitions))]
    everywhere = desk.ask("resume", target="writer")
    assert {each["partition"] for each in (everywhere, *everywhere["others"])} == {0, 1}
    for each in (everywhere, *everywhere["others"]):
        desk.until(each["id"], "done")
    assert [partition.link.command("HLEN", partition.keys.paused) for partition in partitions] == [0, 0]


def what_is_asked_of_all_says_who_is_away(desk: Desk) -> None:
    """Kind: done in part, said to be done. "Recover all" left a partition out without a word."""
    paused = desk.ask("pause", target="writer")
    assert (paused["partition"], paused["others"], paused["partitions_away"]) == (0, [], [1])
    desk.until(paused["id"], "done")
    assert desk.ask("resume", target="writer", partition=0)["partitions_away"] == []
    refused = desk.post("recover")
    assert (refused.status_code, "partition 1 is away" in refused.text) == (409, True), refused.text


def test_the_monitor_tells_of_all_and_of_those_that_are_left(
    two_servers: list[EmbeddedRedis], partitions: list[Pipeline]
) -> None:
    to = queues(two_servers)
    for plc_code in PLCS:
        to[partition_of(plc_code, 2)].put(poll(1, 50, plc_code), timeout=10)
    parts = [partition.wait_until_idle()[Counter.WRITTEN] for partition in partitions]
    urls = ",".join(server.url for server in two_servers)
    monitor = start_process(urls, "plant", PARTITIONS="2", MONITOR_OPERATOR_TOKEN=OPERATORS)
    try:
        monitor.shows("/api/ledger", {"written": sum(parts), "balances": True})
        for number, written in enumerate(parts):
            monitor.shows(f"/api/ledger?partition={number}", {"written": written})
        assert monitor.get("/api/ledger?partition=2").status_code == 404

        def all_live() -> bool:
            # A service that met a server restarted a moment ago beats again in the next second.
            roles = [(each["role"], each["partition"]) for each in monitor.get("/api/services").json()["services"]]
            return sorted(roles) == [(role, number) for role in ("consumer", "monitor", "writer") for number in (0, 1)]

        wait_until(all_live, what="every service of both partitions")

        pause_the_writers_of(1, partitions, Desk(monitor.url))

        # If: one server is gone, the other is told of all the same.
        two_servers[1].kill()
        wait_until(lambda: monitor.get("/api/partitions").json()["partitions"][1]["away"], what="it to be away")
        monitor.shows("/api/ledger", {"written": parts[0]})
        assert monitor.get("/api/ledger?partition=1").status_code == 503
        alerts = monitor.get("/api/alerts").json()["alerts"]
        assert [(each["code"], each["partition"]) for each in alerts if each["code"] == "redis_away"] == [
            ("redis_away", 1)
        ]
        assert 'tagpipe_redis_up{partition="1"} 0.0' in monitor.get("/metrics").text

        what_is_asked_of_all_says_who_is_away(Desk(monitor.url))

        # If: both are gone, nothing is answered; it lives, and goes on with whichever is back.
        two_servers[0].kill()
        wait_until(lambda: monitor.get("/api/ledger").status_code == 503, what="no answer")
        assert monitor.get("/livez").status_code == 200
        two_servers[1].start()
        wait_until(lambda: monitor.get("/api/ledger").status_code == 200, what="the other to be told of")
    finally:
        monitor.end()
