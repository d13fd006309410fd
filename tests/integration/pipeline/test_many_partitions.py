"""Partitions that come and go, and many of them on two servers."""

import itertools
import subprocess
from collections.abc import Iterable, Iterator
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
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline


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


class Parts:
    """Up to four partitions in one Redis, and who puts one poll of each PLC after the other."""

    def __init__(self, stack: ExitStack, redis_url: str, namespace: str, pipelines: list[Pipeline]) -> None:
        self.redis_url, self.namespace = redis_url, namespace
        self.parts = [stack.enter_context(pipeline) for pipeline in pipelines]
        self.expected: Cells = {}
        self._polls = itertools.count()

    def put(self, partitions: int) -> None:
        self.expected |= put_of_12_plcs(self.redis_url, self.namespace, partitions, next(self._polls))

    def told_another_number(
        self, running: list[list[subprocess.Popen[bytes]]], partitions: int
    ) -> list[list[subprocess.Popen[bytes]]]:
        """Stop the processes of the first partitions and start them anew."""
        for part, processes in zip(self.parts, running, strict=False):
            part.stop(*processes)
        return [start(part, partitions) for part in self.parts[: len(running)]]


def pipelines_of(
    redis_url: str, oracle: OracleTarget, table: str, namespace: str, directory: Path
) -> Iterator[Pipeline]:
    """Yield one for each of four partitions of a namespace; nothing runs yet."""
    for number in range(4):
        (directory / str(number)).mkdir()
        part = Pipeline(redis_url, oracle, table, f"{namespace}.{number}", directory / str(number))
        part.environment |= {"REDIS_NAMESPACE": namespace, "PARTITION": str(number)}
        yield part


@pytest.mark.slow  # about twenty processes
@pytest.mark.timeout(300)
def test_another_number_of_partitions_loses_nothing_while_oracle_is_away(
    redis_server: EmbeddedRedis, oracle: OracleTarget, faults: OracleControl, table: str, namespace: str, tmp_path: Path
) -> None:
    """2, then 4, then 2 again, in the order that docs/scaling.md gives."""
    with ExitStack() as stack:
        pipelines = list(pipelines_of(redis_server.url, oracle, table, namespace, tmp_path))
        plant = Parts(stack, redis_server.url, namespace, pipelines)
        parts = plant.parts
        running = [start(part, 2) for part in parts[:2]]
        plant.put(2)
        for part in parts[:2]:
            part.wait_until_idle()
        faults.stop_listening(cut="rst")
        plant.put(2)

        # More of them: consumers and writers first, then who puts.
        added = [start(part, 4) for part in parts[2:]]
        running = plant.told_another_number(running, 4)
        plant.put(4)

        # Fewer: first who puts; the rest of the others is worked off, wherever it can go.
        plant.put(2)
        for part, processes in zip(parts[2:], added, strict=True):
            part.wait_until_idle()
            part.stop(*processes)
        plant.told_another_number(running, 2)

        faults.listen()
        plant.put(2)
        for part in parts[:2]:
            part.wait_until_idle()
        for number, part in enumerate(parts):
            status, said = part.run("writer", "recover", PARTITIONS=str(2 if number < 2 else 4))
            assert status == 0, said
        assert parts[0].table_rows() == plant.expected
        ledgers = [part.snapshot() for part in parts]
        assert sum(each[Counter.WRITTEN] + each[Counter.RECOVERED] for each in ledgers) == len(plant.expected)
        assert all(ledger[Counter.OVERFLOWED] == ledger[Counter.CONFLICTS] == 0 for ledger in ledgers)


def plc_of(partition: int, partitions: int) -> str:
    """Return the code of a PLC whose messages go to a partition."""
    return next(code for plc in itertools.count() if partition_of(code := f"PLC{plc:02}", partitions) == partition)


class Eight:
    """Eight partitions on two servers: each a consumer, a writer and somebody who puts; a monitor of all."""

    def __init__(
        self, stack: ExitStack, servers: list[EmbeddedRedis], oracle: OracleTarget, table: str, directory: Path
    ) -> None:
        urls = [servers[number // 4].url for number in range(8)]
        everywhere = {"REDIS_URL": ",".join(urls), "REDIS_NAMESPACE": "plant", "PARTITIONS": "8"}
        self.parts: list[Pipeline] = []
        self.writers: list[subprocess.Popen[bytes]] = []
        for number, url in enumerate(urls):
            (directory / str(number)).mkdir()
            part = stack.enter_context(Pipeline(url, oracle, table, f"plant.{number}", directory / str(number)))
            part.environment |= {**everywhere, "PARTITION": str(number)}
            part.start("consumer", INSTANCE_NAME="consumer-1")
            self.writers.append(part.start("writer", INSTANCE_NAME="writer-1"))
            self.parts.append(part)
        self.monitor = start_process(everywhere["REDIS_URL"], "plant", PARTITIONS="8")
        stack.callback(self.monitor.end)
        self.loads = [
            stack.enter_context(
                Load(
                    DataQueue.connect(everywhere["REDIS_URL"], "plant", partition=number, partitions=8),
                    100,
                    50,
                    plc_code=plc_of(number, 8),
                )
            )
            for number in range(8)
        ]

    def written(self, number: int) -> int:
        """Return what the monitor says of a partition; 0 while it can't."""
        return int(self.monitor.get(f"/api/ledger?partition={number}").json().get("written", 0))

    def go_on(self, numbers: Iterable[int]) -> None:
        """Wait until what is put to partitions from now on is in the table."""
        for number in numbers:
            self._goes_on(number)

    def _goes_on(self, number: int) -> None:
        load, puts = self.loads[number], self.loads[number].puts
        wait_until(lambda: load.puts > puts + 1, 60, f"puts to partition {number}")
        before = wait_until(lambda: self.written(number), 60, f"an answer for partition {number}")
        wait_until(lambda: self.written(number) > before, 60, f"rows of partition {number}")

    def away(self) -> list[bool]:
        """Return which partitions the monitor takes for gone."""
        return [each["away"] for each in self.monitor.get("/api/partitions").json()["partitions"]]


@pytest.mark.slow  # about twenty processes
@pytest.mark.timeout(400)
@pytest.mark.req("FR-001", "FR-005")
def test_eight_partitions_on_two_servers_lose_a_writer_get_one_and_lose_a_server(
    two_servers: list[EmbeddedRedis], oracle: OracleTarget, table: str, tmp_path: Path
) -> None:
    """What one partition suffers is its own; the table is the sum of the ledgers."""
    with ExitStack() as stack:
        plant = Eight(stack, two_servers, oracle, table, tmp_path)
        parts, monitor = plant.parts, plant.monitor
        plant.go_on(range(8))
        monitor.shows("/api/buffer/health", {"status": "healthy"})

        # A writer is killed, another partition gets a second one: the first one's successor takes over what it held.
        parts[1].kill(plant.writers[1])
        parts[3].start_and_wait("writer", INSTANCE_NAME="writer-2")
        parts[1].start_and_wait("writer", INSTANCE_NAME="writer-1")
        plant.go_on(range(8))

        # A server with four of them goes: the others are written and told of.
        two_servers[1].kill()
        wait_until(lambda: plant.away() == [False] * 4 + [True] * 4, what="four to be away")
        plant.go_on(range(4))
        assert monitor.get("/api/ledger").json()["written"] > 0
        assert monitor.get("/api/ledger?partition=3").status_code == 200
        assert monitor.get("/api/ledger?partition=4").status_code == 503
        two_servers[1].start()
        plant.go_on(range(8))

        for load in plant.loads:
            load.end()
        ledgers = [part.wait_until_idle(60) for part in parts]
        expected = {key: cell for load in plant.loads for key, cell in load.rows.items()}
        assert oracle.cells(table) == expected
        assert sum(ledger[Counter.WRITTEN] for ledger in ledgers) == len(expected)
        assert all(ledger[counter] == 0 for ledger in ledgers for counter in (Counter.OVERFLOWED, Counter.CONFLICTS))
        monitor.shows("/api/ledger", {"written": len(expected), "balances": True})
