"""Redis answers, but with an error: no service ends, nothing is lost, and all goes on by itself."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from sandbox.harness.feed import Load
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.queues.data_queue import DataQueue
from shared.redis.link import RedisLink
from tests.fault.ledger import assert_nothing_lost_nothing_twice, drain
from tests.oracle_target import OracleTarget
from tests.pipeline import QUIET_GROUP, Pipeline
from tools.redis_rights import OPTIONAL, PRODUCER, rules


def set_(link: RedisLink, name: str, value: object) -> None:
    link.command("CONFIG", "SET", name, str(value))


def refusals(log: str) -> int:
    """Return how often a service said that it was told MASTERDOWN, or that it found a replica."""
    return log.count("MASTERDOWN") + log.count("this server is a replica")


@pytest.mark.timeout(180)
def test_no_answer_ends_a_service(oracle: OracleTarget, table: str, namespace: str, tmp_path: Path) -> None:
    """Kind: answers whose code the client library strips ended services, or held them to a demoted server."""
    (tmp_path / "groups.toml").write_text(QUIET_GROUP)
    settings = {"POLLER_CONFIG": str(tmp_path / "groups.toml"), "MONITOR_PORT": "0"}
    with EmbeddedRedis() as redis, Pipeline(redis.url, oracle, table, namespace, tmp_path) as pipeline:
        services = ("consumer", "writer", "monitor", "poller")
        processes = [pipeline.start_and_wait(service, **settings) for service in services]
        admin = RedisLink(redis.url)

        def goes_on(load: Load) -> None:
            until = load.values + 1500
            wait_until(lambda: load.values >= until, 30, "values put")

        with Load(pipeline.queue, 3491) as load:
            goes_on(load)
            # A failover to nowhere and back: what was written before is not replicated from an empty master.
            admin.command("REPLICAOF", "127.0.0.1", 1)
            wait_until(lambda: all("READONLY" in pipeline.log(name) for name in ("consumer", "writer", "poller")))
            # Who is on duty is told the cause, not only that services seem to be gone.
            address = pipeline.log("monitor").split("Monitor at ", 1)[1].split()[0]
            wait_until(lambda: "redis_refuses" in httpx.get(f"{address}/api/alerts").text, what="the alert")
            admin.command("REPLICAOF", "NO", "ONE")
            goes_on(load)
            set_(admin, "min-replicas-to-write", 1)
            wait_until(lambda: all("NOREPLICAS" in pipeline.log(name) for name in ("consumer", "writer")))
            set_(admin, "min-replicas-to-write", 0)
            goes_on(load)
            admin.command("ACL", "SETUSER", "default", "-@scripting")
            wait_until(lambda: all("NOPERM" in pipeline.log(name) for name in ("consumer", "writer")))
            admin.command("ACL", "SETUSER", "default", "+@all")
            goes_on(load)
            set_(admin, "replica-serve-stale-data", "no")
            before = {name: refusals(pipeline.log(name)) for name in ("consumer", "writer")}
            admin.command("REPLICAOF", "127.0.0.1", 1)
            # Who has a connection is told MASTERDOWN; who opens one finds a replica.
            wait_until(lambda: all(refusals(pipeline.log(name)) > before[name] for name in before), what="refusals")
            wait_until(lambda: "redis_refuses" in httpx.get(f"{address}/api/alerts").text, what="the alert")
            admin.command("REPLICAOF", "NO", "ONE")
            goes_on(load)
        admin.close()
        drain(pipeline)
        assert_nothing_lost_nothing_twice(pipeline, load.rows)
        assert [process.poll() for process in processes] == [None] * 4
        for service in services:
            assert "Traceback" not in pipeline.log(service)
            assert "takes no more" not in pipeline.log(service)
            assert pipeline.log(service).count("\n") < 200


OPERATORS = {"Authorization": "Bearer the-token-of-operators"}


def act(address: str) -> None:
    """Ask every owner of something to do it, and wait until they have."""
    for kind, body in (
        ("drop_messages", {}), ("pause", {"target": "writer"}), ("pause", {"target": "consumer"}),
        ("resume", {"target": "writer"}), ("resume", {"target": "consumer"}), ("acknowledge", {}),
    ):  # fmt: skip

        def is_asked() -> bool:
            # What there is to do the monitor knows when it has read Redis again.
            url = f"{address}/api/actions/{kind}"  # noqa: B023 - called at once
            answer = httpx.post(url, json=body, headers=OPERATORS, timeout=10)  # noqa: B023
            assert answer.status_code in {202, 409}, answer.text
            return answer.status_code == 202

        wait_until(is_asked, what=f"{kind} to be asked for", every_s=0.2)

        def ended() -> bool:
            items = httpx.get(f"{address}/api/actions").json()["items"]
            # The monitor reads the board twice a second: what was asked for may not be on it yet.
            is_there = bool(items) and items[0]["kind"] == kind  # noqa: B023
            return is_there and all(item["state"] in {"done", "failed"} for item in items)

        wait_until(ended, 30, f"the end of {kind}")
    items = httpx.get(f"{address}/api/actions").json()["items"]
    assert [item for item in items if item["state"] != "done"] == []


def run_commands(pipeline: Pipeline, urls: Mapping[str, str]) -> None:
    """Run what people run beside the services, each with the user of its service."""
    (pipeline.directory / "history.csv").write_text(
        "timestamp,tag_name,tag_value,quality\n2026-01-02T00:00:00,PLC09.a,1,GOOD\n"
    )
    for service, *command in (
        ("writer", "check"), ("writer", "recover"), ("writer", "import", "history.csv"),
        ("writer", "verify", "--from", "2026-01-02T03:00", "--to", "2026-01-02T04:00"),
        ("consumer", "rejected", "--drop"), ("monitor", "acknowledge"),
    ):  # fmt: skip
        status, said = pipeline.run(service, *command, REDIS_URL=urls[service])
        # What is optional is not there: verify says what it can't know then.
        refused = [line for line in said.splitlines() if "NOPERM" in line and "'xrange'" not in line]
        assert (status, refused) == (0, []), said


@pytest.mark.parametrize("way", ["RESP2", "RESP3", "the least rights"])
def test_every_service_works(
    redis_server: EmbeddedRedis, oracle: OracleTarget, table: str, namespace: str, tmp_path: Path, way: str
) -> None:
    """The rights of each service are those that deploy/redis gives it, and no others."""
    (tmp_path / "groups.toml").write_text(QUIET_GROUP)
    settings = {
        "POLLER_CONFIG": str(tmp_path / "groups.toml"), "MONITOR_PORT": "0",
        "MONITOR_OPERATOR_TOKEN": "the-token-of-operators",
    }  # fmt: skip
    services = ("poller", "consumer", "writer", "monitor")
    urls = dict.fromkeys(services, f"{redis_server.url}?protocol={way[-1]}")
    if way == "the least rights":
        admin = RedisLink(redis_server.url)
        for service in services:
            name = f"{namespace}-{service}"
            needed = [rule for rule in rules(service, namespace) if rule.removeprefix("+") not in OPTIONAL]
            admin.command("ACL", "SETUSER", name, "on", ">p@/#", *needed)
            urls[service] = f"redis://{name}:p%40%2F%23@127.0.0.1:{redis_server.port}/0"
        admin.close()
    with Pipeline(redis_server.url, oracle, table, namespace, tmp_path) as pipeline:
        processes = [pipeline.start_and_wait(service, REDIS_URL=urls[service], **settings) for service in services]
        pipeline.queue.put_encoded([b"no message"])
        expected = pipeline.put(polls=3, tags=500)
        drain(pipeline)
        assert pipeline.table_rows() == expected
        wait_until(lambda: "Monitor at http" in pipeline.log("monitor"), what="the monitor")
        address = pipeline.log("monitor").split("Monitor at ", 1)[1].split()[0]
        wait_until(lambda: len(httpx.get(f"{address}/api/services").json()["services"]) == 4, what="all to be seen")
        assert "started" in {event["kind"] for event in httpx.get(f"{address}/api/events").json()["events"]}
        # And: another writer takes over what one left, and puts it back on the way.
        pipeline.kill(processes[2])
        expected |= pipeline.put(polls=2, tags=500)
        processes[2] = pipeline.start_and_wait("writer", REDIS_URL=urls["writer"])
        drain(pipeline)
        assert pipeline.table_rows() == expected
        if way == "the least rights":
            act(address)
            run_commands(pipeline, urls)
            # Valkey 9.1 died of being asked whether a user may EVAL: `check` asks that.
            assert redis_server.process is not None
            assert redis_server.process.poll() is None
        assert [process.poll() for process in processes] == [None] * 4
        for service in services:
            refused = [line for line in pipeline.log(service).splitlines() if "NOPERM" in line]
            # Of how much room it has left Redis need not tell.
            assert [line for line in refused if "'info'" not in line] == []


def test_a_redis_that_takes_no_more_clients_is_waited_for(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path
) -> None:
    """Seen in the field: the client library asked again inside its own error handling, for ever, with a line a time."""
    with (
        EmbeddedRedis(options=["--maxclients", "30"]) as redis,
        Pipeline(redis.url, oracle, table, namespace, tmp_path) as pipeline,
    ):
        processes = [pipeline.start_and_wait(service) for service in ("consumer", "writer")]
        expected = pipeline.put(polls=2, tags=500)
        pipeline.wait_until_idle()
        admin = RedisLink(redis.url)
        admin.ping()
        # If: others take all the places, and ours are lost
        set_(admin, "maxclients", 1)
        for line in admin.command("CLIENT", "LIST").decode().splitlines():
            client = dict(field.split("=", 1) for field in line.split())
            if client["name"] in {"tagpipe-consumer", "tagpipe-writer"}:
                admin.command("CLIENT", "KILL", "ID", client["id"])
        wait_until(lambda: all("max number of clients" in pipeline.log(name) for name in ("consumer", "writer")))
        set_(admin, "maxclients", 1000)
        admin.close()
        # Expect: all goes on, and little was said of it
        expected |= pipeline.put(polls=2, tags=500)
        drain(pipeline)
        assert pipeline.table_rows() == expected
        assert [process.poll() for process in processes] == [None, None]
        for service in ("consumer", "writer"):
            assert pipeline.log(service).count("max number of clients") == 1
            assert "Traceback" not in pipeline.log(service)


def test_a_producers_user_puts_and_can_do_nothing_else(redis_server: EmbeddedRedis, namespace: str) -> None:
    """Kind: one password for all: who gets hold of a polling engine's could empty the buffer or forge the ledger."""
    admin, keys = RedisLink(redis_server.url), Keys(namespace)
    admin.command("ACL", "SETUSER", f"{namespace}-p", "on", ">secret", *rules(PRODUCER, namespace))
    url = f"redis://{namespace}-p:secret@127.0.0.1:{redis_server.port}/0"
    queue = DataQueue.connect(url, namespace)
    link = RedisLink(url)
    assert queue.put({"timestamp": "2026-01-02T03:04:05", "plc_code": "P", "tag_values": {"D1": 1}}) == 1
    assert queue.put_encoded([b"one", b"two"]) == 2
    assert int(link.command("RPUSH", keys.data_queue, "three")) == queue.depth() == 4
    for attempt in (
        ["LPOP", keys.data_queue], ["LRANGE", keys.data_queue, 0, -1], ["DEL", keys.data_queue],
        ["RPUSH", keys.buffer, "forged"], ["HSET", keys.counters, "written", 1], ["XADD", keys.events, "*", "a", "b"],
        ["RPUSH", "{other}:data_queue", "x"], ["EVAL", "return redis.call('HSET', KEYS[1], 'a', 1)", 1, keys.counters],
        ["CONFIG", "SET", "dir", "."], ["FLUSHALL"], ["ACL", "LIST"], ["KEYS", "*"], ["SCRIPT", "FLUSH"],
        ["FUNCTION", "LIST"], ["REPLICAOF", "127.0.0.1", 1], ["MODULE", "LIST"],
    ):  # fmt: skip
        with pytest.raises(RedisUnavailableError, match="NOPERM"):
            link.command(*attempt)
    assert admin.command("EXISTS", keys.buffer, keys.counters, keys.events) == 0
    queue.close()
    for each in (link, admin):
        each.close()
