"""Partitions: each with a Redis, consumers and writers of its own, and nothing of one waits for another."""

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.feed import Load, expected_rows, poll
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
def two_servers() -> Iterator[list[EmbeddedRedis]]:
    with EmbeddedRedis() as first, EmbeddedRedis() as second:
        yield [first, second]


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
        roles = [(each["role"], each["partition"]) for each in monitor.get("/api/services").json()["services"]]
        assert sorted(roles) == [(role, number) for role in ("consumer", "monitor", "writer") for number in (0, 1)]

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

        # If: both are gone, nothing is answered; it lives, and goes on with whichever is back.
        two_servers[0].kill()
        wait_until(lambda: monitor.get("/api/ledger").status_code == 503, what="no answer")
        assert monitor.get("/livez").status_code == 200
        two_servers[1].start()
        wait_until(lambda: monitor.get("/api/ledger").status_code == 200, what="the other to be told of")
    finally:
        monitor.end()


def put_of_12_plcs(redis_url: str, namespace: str, partitions: int, number: int) -> Cells:
    """Put one poll of each PLC where so many partitions make it go; return the rows."""
    to = [DataQueue.connect(redis_url, namespace, partition=each, partitions=partitions) for each in range(partitions)]
    rows: Cells = {}
    for plc_code in [f"PLC{plc:02}" for plc in range(12)]:
        data = poll(number, 50, plc_code)
        to[partition_of(plc_code, partitions)].put(data, timeout=10)
        rows |= expected_rows(data)
    return rows


def start(part: Pipeline, partitions: int) -> list[subprocess.Popen[bytes]]:
    """Start a consumer and a writer that are told so many partitions."""
    return [part.start_and_wait(role, PARTITIONS=str(partitions)) for role in ("consumer", "writer")]


@pytest.mark.slow  # about twenty processes
@pytest.mark.timeout(300)
def test_another_number_of_partitions_loses_nothing_while_oracle_is_away(
    redis_server: EmbeddedRedis, oracle: OracleTarget, faults: OracleControl, table: str, namespace: str, tmp_path: Path
) -> None:
    """2, then 4, then 2 again, in the order that docs/scaling.md gives."""
    with ExitStack() as stack:
        parts = []
        for number in range(4):
            directory = tmp_path / str(number)
            directory.mkdir()
            part = Pipeline(redis_server.url, oracle, table, f"{namespace}.{number}", directory)
            part.environment |= {"REDIS_NAMESPACE": namespace, "PARTITION": str(number)}
            parts.append(stack.enter_context(part))
        expected: Cells = {}
        polls = itertools.count()

        def put(partitions: int) -> None:
            expected.update(put_of_12_plcs(redis_server.url, namespace, partitions, next(polls)))

        running = [start(part, 2) for part in parts[:2]]
        put(2)
        for part in parts[:2]:
            part.wait_until_idle()
        faults.stop_listening(cut="rst")
        put(2)

        # More of them: consumers and writers first, then who puts.
        running += [start(part, 4) for part in parts[2:]]
        for number in range(2):
            parts[number].stop(*running[number])
            running[number] = start(parts[number], 4)
        put(4)

        # Fewer: first who puts; the rest of the others is worked off, wherever it can go.
        put(2)
        for part, processes in zip(parts[2:], running[2:], strict=True):
            part.wait_until_idle()
            part.stop(*processes)
        for number in range(2):
            parts[number].stop(*running[number])
            running[number] = start(parts[number], 2)

        faults.listen()
        put(2)
        for part in parts[:2]:
            part.wait_until_idle()
        for number, part in enumerate(parts):
            partitions = 2 if number < 2 else 4
            status, said = part.run("writer", "recover", PARTITIONS=str(partitions))
            assert status == 0, said
        assert parts[0].table_rows() == expected
        ledgers = [part.snapshot() for part in parts]
        assert sum(ledger[Counter.WRITTEN] + ledger[Counter.RECOVERED] for ledger in ledgers) == len(expected)
        assert all(ledger[Counter.OVERFLOWED] == ledger[Counter.CONFLICTS] == 0 for ledger in ledgers)


def plc_of(partition: int, partitions: int) -> str:
    """Return the code of a PLC whose messages go to a partition."""
    return next(code for plc in itertools.count() if partition_of(code := f"PLC{plc:02}", partitions) == partition)


@pytest.mark.slow  # about twenty processes
@pytest.mark.timeout(400)
@pytest.mark.req("FR-001", "FR-005")
def test_eight_partitions_on_two_servers_lose_a_writer_get_one_and_lose_a_server(
    two_servers: list[EmbeddedRedis], oracle: OracleTarget, table: str, tmp_path: Path
) -> None:
    """What one partition suffers is its own; the table is the sum of the ledgers."""
    urls = [two_servers[number // 4].url for number in range(8)]
    everywhere = {"REDIS_URL": ",".join(urls), "REDIS_NAMESPACE": "plant", "PARTITIONS": "8"}
    with ExitStack() as stack:
        parts: list[Pipeline] = []
        writers = []
        for number, url in enumerate(urls):
            directory = tmp_path / str(number)
            directory.mkdir()
            part = stack.enter_context(Pipeline(url, oracle, table, f"plant.{number}", directory))
            part.environment |= {**everywhere, "PARTITION": str(number)}
            part.start("consumer", INSTANCE_NAME="consumer-1")
            writers.append(part.start("writer", INSTANCE_NAME="writer-1"))
            parts.append(part)
        monitor = start_process(everywhere["REDIS_URL"], "plant", PARTITIONS="8")
        stack.callback(monitor.end)
        queues = [
            DataQueue.connect(everywhere["REDIS_URL"], "plant", partition=number, partitions=8) for number in range(8)
        ]
        loads = [
            stack.enter_context(Load(queue, 100, 50, plc_code=plc_of(number, 8))) for number, queue in enumerate(queues)
        ]

        def written(number: int) -> int:
            """Return what the monitor says of a partition; 0 while it can't."""
            return int(monitor.get(f"/api/ledger?partition={number}").json().get("written", 0))

        def go_on(number: int) -> None:
            """Wait until what is put to a partition from now on is in the table."""
            puts = loads[number].puts
            wait_until(lambda: loads[number].puts > puts + 1, 60, f"puts to partition {number}")
            before = wait_until(lambda: written(number), 60, f"an answer for partition {number}")
            wait_until(lambda: written(number) > before, 60, f"rows of partition {number}")

        for number in range(8):
            go_on(number)
        monitor.shows("/api/buffer/health", {"status": "healthy"})

        # A writer is killed, another partition gets a second one: the first one's successor takes over what it held.
        parts[1].kill(writers[1])
        parts[3].start_and_wait("writer", INSTANCE_NAME="writer-2")
        parts[1].start_and_wait("writer", INSTANCE_NAME="writer-1")
        for number in range(8):
            go_on(number)

        # A server with four of them goes: the others are written and told of.
        two_servers[1].kill()
        wait_until(
            lambda: (
                [each["away"] for each in monitor.get("/api/partitions").json()["partitions"]]
                == [False] * 4 + [True] * 4
            ),
            what="four to be away",
        )
        for number in range(4):
            go_on(number)
        assert monitor.get("/api/ledger").json()["written"] > 0
        assert monitor.get("/api/ledger?partition=3").status_code == 200
        assert monitor.get("/api/ledger?partition=4").status_code == 503
        two_servers[1].start()
        for number in range(8):
            go_on(number)

        for load in loads:
            load.end()
        ledgers = [part.wait_until_idle(60) for part in parts]
        expected = {key: cell for load in loads for key, cell in load.rows.items()}
        assert oracle.cells(table) == expected
        assert sum(ledger[Counter.WRITTEN] for ledger in ledgers) == len(expected)
        assert all(ledger[counter] == 0 for ledger in ledgers for counter in (Counter.OVERFLOWED, Counter.CONFLICTS))
        monitor.shows("/api/ledger", {"written": len(expected), "balances": True})
