"""A Redis that may die: failovers under load. Each test ends with every acknowledged value found by its value.

Kinds: clinging to a server that was demoted; acknowledged and gone with the primary; a balance after a loss.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from redis.crc import key_slot

from sandbox.harness.feed import Load
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import StuckError, wait_until
from shared.errors import RedisUnavailableError
from shared.queues.data_queue import DataQueue
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline
from tests.redis_topologies import RedisCluster, ask, cluster, trio
from tests.relay import Relay

#: Values a second: those of the plant.
RATE = 3490

SERVICES = ("consumer", "writer", "monitor")


@contextmanager
def at_work(
    url: str, oracle: OracleTarget, table: str, namespace: str, directory: Path, replicas: int
) -> Iterator[Pipeline]:
    """Services on a Redis of some topology; the test's own puts wait for so many replicas."""
    with Pipeline(url, oracle, table, namespace, directory) as pipeline:
        pipeline.queue.close()
        pipeline.queue = DataQueue(pipeline.link, pipeline.keys, replicas=replicas)
        processes = [pipeline.start_and_wait(service, MONITOR_PORT="0") for service in SERVICES]
        yield pipeline
        assert [process.poll() for process in processes] == [None] * len(processes)
        for service in SERVICES:
            assert "Traceback" not in pipeline.log(service)
            assert "takes no more" not in pipeline.log(service)


def goes_on(pipeline: Pipeline, load: Load, within_s: float) -> None:
    """Wait until what is put from now on is in the table."""
    puts = load.puts
    wait_until(lambda: load.puts > puts + 1, within_s, "puts that are acknowledged")
    newest = f"SELECT COUNT(*) FROM {pipeline.table}"
    before = pipeline.oracle.query(newest)[0][0]
    wait_until(lambda: pipeline.oracle.query(newest)[0][0] > before, within_s, "rows in the table")


def drained(pipeline: Pipeline) -> None:
    """Wait until nothing is under way, whatever Redis answers meanwhile."""

    def is_idle() -> bool:
        try:
            pipeline.wait_until_idle(1)
        except (RedisUnavailableError, StuckError):
            return False
        return True

    wait_until(is_idle, 60, "the pipeline to be idle")


def missing(pipeline: Pipeline, load: Load) -> set[tuple[str, datetime]]:
    """Return which of the acknowledged values are nowhere; what is there must be right."""
    table = pipeline.table_rows()
    assert all(load.rows[key] == row for key, row in table.items() if key in load.rows)
    return set(load.rows) - set(table)


def said(pipeline: Pipeline) -> dict[str, str]:
    """Return what is remembered of a Redis that went back; nothing where it did not."""
    return pipeline.link.hash(pipeline.keys.went_back)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("way", ["kill -9", "SENTINEL FAILOVER"])
def test_failovers_of_the_sentinels_lose_nothing_that_replicas_confirmed(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path, redis_program: str, way: str
) -> None:
    with (
        trio(program=redis_program) as sentinels,
        at_work(sentinels.url, oracle, table, namespace, tmp_path, replicas=1) as pipeline,
    ):
        with Load(pipeline.queue, RATE) as load:
            for _ in range(5):
                goes_on(pipeline, load, 10)
                if way == "kill -9":
                    dead = sentinels.kill_primary()
                    goes_on(pipeline, load, 10)
                    dead.start()
                else:
                    sentinels.fail_over()
                    goes_on(pipeline, load, 10)
                sentinels.wait_for_replicas()
        drained(pipeline)
        assert missing(pipeline, load) == set()
        # A failover may take back what was inserted or written last: then it is named.
        record = said(pipeline)
        assert not record or int(record["inserted"]) + int(record["written"]) > 0


def told_to_people(address: str) -> bool:
    """Tell whether the monitor, which looks every two seconds, says what went back: as a figure and as an alert."""
    went_back = httpx.get(f"{address}/api/ledger").json().get("went_back")
    alerts = httpx.get(f"{address}/api/alerts").text
    return went_back is not None and went_back["inserted"] > 0 and "redis_went_back" in alerts


class LaggingRelay:
    """Passes on what a primary tells its replica, so many seconds late; what is on its way when it is cut is lost."""

    def __init__(self, port: int, lag_s: float) -> None:
        self._port = port
        self._lag_s = lag_s
        self._cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        self._cut.set()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.create_connection(("127.0.0.1", self._port))
                threading.Thread(target=self._pass_on, args=[theirs, ours, self._lag_s], daemon=True).start()
                threading.Thread(target=self._pass_on, args=[ours, theirs, 0.0], daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, lag_s: float) -> None:
        on_its_way: list[tuple[float, bytes]] = []
        with suppress(OSError):
            source.settimeout(0.02)
            while not self._cut.is_set():
                with suppress(TimeoutError):
                    received = source.recv(65_536)
                    if not received:
                        break
                    on_its_way.append((time.monotonic() + lag_s, received))
                while on_its_way and on_its_way[0][0] <= time.monotonic():
                    target.sendall(on_its_way.pop(0)[1])
        for side in (source, target):
            side.close()


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("replicas", [0, 1], ids=["without WAIT", "with WAIT"])
def test_a_replica_that_lags_is_promoted(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path, replicas: int
) -> None:
    """What went with the primary is named by an alert, though the ledger balances; confirmed, nothing went."""
    options = ["--repl-diskless-sync-delay", "0"]
    with EmbeddedRedis(options=options) as primary:
        lagging = LaggingRelay(primary.port, 1.5)
        behind = [*options, "--replicaof", f"127.0.0.1 {lagging.port}"]
        with EmbeddedRedis(options=behind) as replica, Relay(primary.port) as relay:
            wait_until(lambda: "master_link_status': 'up" in ask(replica.port, "INFO", "replication"), 30, "a replica")
            with at_work(relay.url, oracle, table, namespace, tmp_path, replicas) as pipeline:
                with Load(pipeline.queue, RATE) as load:
                    wait_until(lambda: load.puts > (30 if not replicas else 4), 60, "values put")
                    lagging.cut()
                    primary.kill()
                    relay.leads_to(replica.port)
                    ask(replica.port, "REPLICAOF", "NO", "ONE")
                    goes_on(pipeline, load, 10)
                    # What looks once a second has looked.
                    wait_until(lambda: said(pipeline) or replicas, 10, "what went back to be told")
                drained(pipeline)
                assert bool(missing(pipeline, load)) == (replicas == 0)
                if not replicas:
                    assert int(said(pipeline)["inserted"]) > 0
                    address = pipeline.log("monitor").split("Monitor at ", 1)[1].split()[0]
                    assert pipeline.snapshot().balances
                    wait_until(lambda: told_to_people(address), 10, "the monitor to tell it")


@pytest.mark.timeout(120)
def test_a_proxy_that_leads_elsewhere_after_a_demotion_is_followed(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path
) -> None:
    """Its connections to the old one are left open: ten seconds of split brain, and values lost without a word."""
    options = ["--repl-diskless-sync-delay", "0"]
    with EmbeddedRedis(options=options) as old, EmbeddedRedis(options=options) as new, Relay(old.port) as relay:
        ask(new.port, "REPLICAOF", "127.0.0.1", old.port)
        wait_until(lambda: "'state': 'online'" in ask(old.port, "INFO", "replication"), 30, "a replica")
        with at_work(relay.url, oracle, table, namespace, tmp_path, replicas=1) as pipeline:
            with Load(pipeline.queue, RATE) as load:
                goes_on(pipeline, load, 10)
                ask(old.port, "FAILOVER")
                wait_until(lambda: ask(new.port, "ROLE").startswith("['master"), what="the new primary")
                relay.leads_to(new.port)
                goes_on(pipeline, load, 5)
            drained(pipeline)
            assert missing(pipeline, load) == set()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", ["owner killed", "slot moved", "slot uncovered"])
def test_a_cluster_that_changes_under_load_ends_nobody_and_loses_nothing(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path, redis_program: str, fault: str
) -> None:
    with (
        cluster(owners=3, replicas=1, program=redis_program) as nodes,
        at_work(nodes.url, oracle, table, namespace, tmp_path, replicas=1) as pipeline,
    ):
        dead: list[EmbeddedRedis] = []
        with Load(pipeline.queue, RATE) as load:
            for _ in range(2):
                goes_on(pipeline, load, 15)
                happen(fault, nodes, pipeline, dead)
                goes_on(pipeline, load, 20)
                for node in dead:
                    node.start()
                    wait_until(lambda node=node: "'master_link_status': 'up'" in raw(node), 30, "its return")  # type: ignore[misc]
                dead.clear()
        drained(pipeline)
        assert missing(pipeline, load) == set()


def raw(node: EmbeddedRedis) -> str:
    return ask(node.port, "INFO", "replication")


def happen(fault: str, nodes: RedisCluster, pipeline: Pipeline, dead: list[EmbeddedRedis]) -> None:
    """Let one thing happen to the node that holds our keys."""
    owner, slot = nodes.owner(pipeline.keys.data_queue), key_slot(pipeline.keys.data_queue.encode())
    if fault == "owner killed":
        owner.kill()
        dead.append(owner)
    elif fault == "slot moved":
        others = [node for node in nodes.nodes if node is not owner and ask(node.port, "ROLE").startswith("['m")]
        nodes.move_slot(slot, others[0], owner, batch=2)
    else:
        ask(owner.port, "CLUSTER", "DELSLOTS", slot)
        logs = [pipeline.log_path(service) for service in ("consumer", "writer")]
        wait_until(lambda: any("CLUSTERDOWN" in log.read_text() for log in logs), what="the slot to be gone")
        ask(owner.port, "CLUSTER", "ADDSLOTS", slot)
