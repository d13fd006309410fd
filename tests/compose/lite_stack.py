"""`make test-compose`: what docs/operations.md promises of the Compose stack, tried on the lite one.

Not collected by `make test`: it needs a Docker engine, and minutes. The tests run in this order on one stack; each
leaves it running and well.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.harness.waiting import wait_until
from tests.compose.feed import Feed, feeding
from tests.compose.stack import SERVICES, Stack

pytestmark = pytest.mark.timeout(900)

#: Seconds that Oracle is away for.
OUTAGE_S = 60.0

#: Seconds that `docker compose down` may take: the longest grace period, Redis', and a little for the engine.
DOWN_LIMIT_S = 35.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("secrets")) as stack:
        stack.make("up")
        yield stack


@pytest.mark.parametrize("profile", ["", "observability"])
@pytest.mark.parametrize("override", ["", "lite", "staging"])
def test_compose_accepts_the_files(tmp_path: Path, override: str, profile: str) -> None:
    files = ["docker-compose.yml", *([f"docker-compose.{override}.yml"] if override else [])]
    given = {
        "COMPOSE_FILE": os.pathsep.join(files),
        "COMPOSE_PROFILES": profile,
        "ORACLE_DSN": "db/X",
        "ORACLE_USER": "u",
    }
    services = set(Stack(tmp_path).run(["docker", "compose", "config", "--services"], environment=given).split())
    bundled = set() if override == "staging" else {"redis", "oracle", "poller"}
    watching = {"prometheus", "alertmanager", "grafana"} if profile else set()
    assert services == {"consumer", "writer", "monitor"} | bundled | watching


def test_values_flow_into_the_table(stack: Stack) -> None:
    with feeding(stack) as feed:
        feed.wait_for(2_000)
    assert stack.oracle.query("SELECT COUNT(*) FROM tag_data WHERE tag_name LIKE 'PLC01.%'") != [(0,)]
    assert stack.ledger()["overflowed"] == 0


@pytest.mark.parametrize("service", [*SERVICES, "redis", "oracle"])
def test_is_healthy_and_may_do_little(stack: Stack, service: str) -> None:
    (container,) = stack.containers(service)
    settings = container["HostConfig"]
    assert container["State"]["Health"]["Status"] == "healthy"
    assert settings["ReadonlyRootfs"]
    assert settings["CapDrop"] == ["ALL"]
    assert not settings["CapAdd"]
    assert not settings["Privileged"]
    assert settings["Memory"] > 0
    assert settings["RestartPolicy"]["Name"] == "unless-stopped"
    assert stack.exec(service, "id -u").strip() not in {"", "0"}
    published = {port for port, hosts in container["NetworkSettings"]["Ports"].items() if hosts}
    # Those of Redis and Oracle are this test's own: published.yml.
    assert published == {"monitor": {"8000/tcp"}, "redis": {"6379/tcp"}, "oracle": {"1521/tcp"}}.get(service, set())
    assert {hosts[0]["HostIp"] for hosts in settings["PortBindings"].values()} <= {"127.0.0.1"}


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/api/buffer/health", "/monitoring/buffer"])
def test_the_monitor_answers(stack: Stack, path: str) -> None:
    assert stack.get(path).status_code == 200


def test_check_finds_nothing_wrong(stack: Stack) -> None:
    # But for what it is: the stand-in is no database, and check says so.
    said = stack.make("check")
    assert "0 failed, 1 warnings" in said
    assert "the Oracle stand-in of the demo and the tests: no database" in said


@pytest.mark.parametrize("service", SERVICES)
def test_is_unhealthy_while_its_loop_stands_still(stack: Stack, service: str) -> None:
    # Process 1 is the init, which can't be stopped from inside.
    stack.exec(service, "kill -STOP -1")
    wait_until(lambda: stack.health(service) == {"unhealthy"}, 90, f"{service} to be unhealthy")
    stack.exec(service, "kill -CONT -1")
    wait_until(lambda: stack.health(service) == {"healthy"}, 60, f"{service} to be healthy again")


def test_scaled_out_while_values_flow(stack: Stack) -> None:
    with feeding(stack) as feed:
        stack.make("scale", "SERVICE=writer", "N=3")
        stack.make("scale", "SERVICE=consumer", "N=2")
        wait_until(lambda: len(stack.alive("writer")) == 3, 30, "three writers to be listed")
        assert len(stack.alive("consumer")) == 2
        feed.wait_for(4_000)
        assert stack.ledger()["overflowed"] == 0
        written = [stack.compose("logs", "--no-log-prefix", "--index", str(n), "writer") for n in (1, 2, 3)]
        assert all("writes to TAG_DATA" in log for log in written)
        stack.make("scale", "SERVICE=writer", "N=1")
        stack.make("scale", "SERVICE=consumer", "N=1")
        feed.wait_for(1_000)
    wait_until(lambda: len(stack.alive("writer")) == 1, 30, "one writer to be left")
    assert stack.ledger()["overflowed"] == 0


@pytest.mark.parametrize("service", SERVICES)
def test_restarted_alone_while_values_flow(stack: Stack, service: str) -> None:
    with feeding(stack) as feed:
        feed.wait_for(400)
        before = _started_at(stack, service)
        stack.make("restart", f"SERVICE={service}")
        wait_until(lambda: stack.health(service) == {"healthy"}, 60, f"{service} to be healthy")
        assert _started_at(stack, service) != before
        feed.wait_for(800)
    assert _others_went_on(stack, service)
    assert stack.ledger()["overflowed"] == 0


@pytest.mark.parametrize("service", SERVICES)
def test_killed_alone_while_values_flow(stack: Stack, service: str) -> None:
    with feeding(stack) as feed:
        feed.wait_for(400)
        (before,) = stack.containers(service)
        # From inside: the engine takes `docker kill` for a wish, and would not restart it.
        stack.exec(service, "kill -KILL -1")
        wait_until(lambda: stack.containers(service)[0]["RestartCount"] > before["RestartCount"], 30, "the restart")
        wait_until(lambda: stack.health(service) == {"healthy"}, 60, f"{service} to be healthy")
        feed.wait_for(800)
    assert _others_went_on(stack, service)
    assert stack.ledger()["overflowed"] == 0


def test_redis_restarted_while_values_flow(stack: Stack) -> None:
    with feeding(stack) as feed:
        feed.wait_for(400)
        inserted = stack.ledger()["inserted"]
        stack.make("restart", "SERVICE=redis")
        wait_until(lambda: stack.health("redis") == {"healthy"}, 60, "redis to be healthy")
        feed.wait_for(800)
    assert stack.ledger()["inserted"] > inserted
    assert stack.ledger()["overflowed"] == 0
    wait_until(lambda: all(stack.health(service) == {"healthy"} for service in SERVICES), 60, "all to be healthy")


def test_oracle_away_for_a_minute(stack: Stack) -> None:
    feed = Feed(stack)
    feed.start()
    try:
        stack.compose("stop", "oracle")
        away_since = time.monotonic()
        while time.monotonic() < away_since + OUTAGE_S:
            assert stack.ledger()["overflowed"] == 0
            feed.wait_for(400)
        assert stack.ledger()["backed_up"] > OUTAGE_S * 100
        assert stack.backup_files()
        stack.compose("start", "oracle")
        wait_until(lambda: _oracle_is_back(stack), 60, "the writer to write to Oracle again")
        feed.wait_for(800)
    finally:
        feed.stop()
    stack.make("recover")
    assert stack.backup_files() == []
    feed.wait_until_stored()
    ledger = stack.ledger()
    assert ledger["overflowed"] == 0
    assert ledger["recovered"] == ledger["backed_up"]


def test_staging_takes_over_with_secrets_from_files(stack: Stack) -> None:
    with feeding(stack) as feed:
        stack.staging("up", "--detach", "--wait")
        try:
            stack.compose("stop", "writer", "consumer")
            wait_until(lambda: len(stack.alive("writer")) == len(stack.alive("consumer")) == 1, 30, "staging's alone")
            feed.wait_for(800)
            assert "wrong" not in stack.staging("exec", "--no-TTY", "writer", "env")
            stack.compose("start", "writer", "consumer")
        finally:
            stack.staging("down", "--volumes")
    assert stack.ledger()["overflowed"] == 0


def test_down_and_up_again(stack: Stack) -> None:
    feed = Feed(stack)
    feed.start()
    # So that something is pending.
    stack.compose("stop", "writer")
    assert stack.containers("writer")[0]["State"]["ExitCode"] == 0
    feed.wait_for(1_200)
    feed.stop()
    before = wait_until(lambda: _pending(stack), 20, "values to wait in the buffer")
    began_at, began = time.time(), time.monotonic()
    stack.make("down")
    assert time.monotonic() - began < DOWN_LIMIT_S
    exits = stack.exits_since(began_at)
    assert exits == {"consumer": 0, "monitor": 0, "poller": 0, "redis": 0, "oracle": 0}, "143, 137: not by itself"
    assert stack.left() == ""
    stack.make("up")
    feed.wait_until_stored()
    after = stack.ledger()
    assert after["written"] >= before["written"] + before["in_buffer"]
    assert after["overflowed"] == 0


def _pending(stack: Stack) -> dict[str, int] | None:
    ledger = stack.ledger()
    return ledger if ledger["in_buffer"] >= 1_000 and not ledger["queued_messages"] else None


def _started_at(stack: Stack, service: str) -> str:
    return str(stack.containers(service)[0]["State"]["StartedAt"])


def _others_went_on(stack: Stack, service: str) -> bool:
    others = [*SERVICES, "redis", "oracle"]
    others.remove(service)
    return all(each["State"]["Running"] for other in others for each in stack.containers(other))


def _oracle_is_back(stack: Stack) -> bool:
    try:
        answer = stack.get("/api/buffer/health")
    except httpx.TransportError:
        return False
    return bool(answer.json().get("oracle_connection_ok"))
