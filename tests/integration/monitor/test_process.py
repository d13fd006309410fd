"""The monitor as a process: real Redis, real HTTP, real signals."""

import signal
import socket
from collections.abc import Callable, Iterator

import httpx
import pytest

from sandbox.harness.command import run_command
from sandbox.harness.redis import EmbeddedRedis, free_port
from sandbox.harness.waiting import wait_until
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.monitor.monitors import MonitorProcess, environment, monitor_in_a_thread, start_process

StartMonitor = Callable[..., MonitorProcess]


@pytest.fixture
def start_monitor() -> Iterator[StartMonitor]:
    """Start monitors; all are gone after the test."""
    started: list[MonitorProcess] = []

    def start(redis_url: str, namespace: str, **settings: str) -> MonitorProcess:
        started.append(start_process(redis_url, namespace, **settings))
        return started[-1]

    yield start
    for monitor in started:
        monitor.process.kill()
        monitor.process.wait()
        if monitor.process.stderr is not None:
            monitor.process.stderr.close()


@pytest.fixture
def monitor(start_monitor: StartMonitor, redis_server: EmbeddedRedis, namespace: str) -> MonitorProcess:
    return start_monitor(redis_server.url, namespace)


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    """A server that the test may kill or freeze."""
    with EmbeddedRedis() as server:
        yield server


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_every_network_of_ipv6_is_one_of_ipv4_too(redis_server: EmbeddedRedis, namespace: str) -> None:
    """Kind: another default than everybody's: on `::` nobody was answered who asked by IPv4."""
    token, over_tls = "a-token-of-the-tests", {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    settings = {"monitor_host": "::", "monitor_api_token": token, "monitor_trusted_proxies": "127.0.0.1"}
    with monitor_in_a_thread(redis_server.url, namespace, **settings) as monitor:
        port = monitor.url.rsplit(":", 1)[1]
        for host in ("127.0.0.1", "[::1]"):
            assert httpx.get(f"http://{host}:{port}/livez", timeout=5).status_code == 200
        # A proxy is known by its own address, and not by the one that IPv6 makes of it
        login = f"http://127.0.0.1:{port}/monitoring/login"
        answer = httpx.post(login, data={"token": token}, headers=over_tls, timeout=5)
        assert "Secure" in answer.headers["set-cookie"]


def test_redis_away_is_a_503_that_ends_by_itself(
    start_monitor: StartMonitor, own_redis: EmbeddedRedis, namespace: str
) -> None:
    monitor = start_monitor(own_redis.url, namespace)
    wait_until(lambda: monitor.get("/readyz").status_code == 200)
    own_redis.kill()
    wait_until(lambda: monitor.get("/readyz").status_code == 503)
    for path in ("/api/ledger", "/api/buffer/status", "/api/buffer/health", "/api/events", "/readyz"):
        answer = monitor.get(path)
        assert answer.status_code == 503
        assert answer.json()["error"] == "REDIS_UNAVAILABLE"
        assert set(answer.json()) == {"error", "message", "details"}
        assert "Traceback" not in answer.text
    # What was said first (the connection was cut) is not what it is now, and a person acts on it.
    wait_until(lambda: "nothing listens there" in monitor.get("/readyz").text, what="why it is away now")
    assert monitor.get("/livez").status_code == 200
    own_redis.start()
    wait_until(lambda: monitor.get("/api/ledger").status_code == 200, what="recovery")
    # Expect one line when it went and one when it came, however many tries lay between
    log = monitor.end()
    assert log.count("is not usable") == 1
    assert log.count("is back after") == 1
    assert "Traceback" not in log


def test_monitor_starts_without_redis(start_monitor: StartMonitor, namespace: str) -> None:
    server = EmbeddedRedis(port=free_port())
    monitor = start_monitor(server.url, namespace)
    assert monitor.get("/api/ledger").status_code == 503
    with server:
        wait_until(lambda: monitor.get("/api/ledger").status_code == 200, what="the first answer")
        assert monitor.process.poll() is None


@pytest.mark.req("OPS-3")
def test_frozen_redis_neither_hangs_an_answer_nor_the_stop(
    start_monitor: StartMonitor, own_redis: EmbeddedRedis, namespace: str
) -> None:
    monitor = start_monitor(own_redis.url, namespace)
    wait_until(lambda: monitor.get("/readyz").status_code == 200)
    own_redis.pause()
    wait_until(lambda: monitor.get("/api/ledger").status_code == 503, what="503 from a frozen Redis")
    monitor.process.send_signal(signal.SIGTERM)
    assert monitor.process.wait(timeout=5) == 0
    own_redis.resume()


@pytest.mark.req("OPS-3")
def test_sigterm_ends_the_monitor_within_5_s_even_with_open_streams(
    monitor: MonitorProcess, link: RedisLink, keys: Keys
) -> None:
    wait_until(lambda: link.command("ZCARD", keys.services) == 1, what="the monitor's heartbeat")
    with httpx.stream("GET", monitor.url + "/api/stream", timeout=10) as response:
        next(response.iter_lines())
        monitor.process.send_signal(signal.SIGTERM)
        assert monitor.process.wait(timeout=5) == 0
    # Expect it to have given its name back, and to have said where it was and that it is gone
    assert link.command("ZCARD", keys.services) == 0
    log = monitor.end()
    assert f"Monitor at {monitor.url}" in log
    assert "Shutdown complete" in log


def test_port_that_is_taken_is_one_clear_line_and_status_1(
    monitor: MonitorProcess, redis_server: EmbeddedRedis, namespace: str
) -> None:
    port = monitor.url.rsplit(":", 1)[1]
    second = run_command("services.monitor", environ=environment(redis_server.url, namespace, MONITOR_PORT=port))
    assert second.returncode == 1
    (line,) = second.stderr.splitlines()
    assert f"127.0.0.1:{port}" in line
    assert "MONITOR_PORT" in line


def test_token_opens_the_api_and_never_reaches_the_log(
    start_monitor: StartMonitor, redis_server: EmbeddedRedis, namespace: str
) -> None:
    monitor = start_monitor(redis_server.url, namespace, MONITOR_API_TOKEN="s3cret-token-of-the-tests")
    assert monitor.get("/api/ledger").status_code == 401
    assert monitor.get("/api/ledger", Authorization="Bearer wrong").status_code == 401
    assert monitor.get("/api/ledger", Authorization="Bearer s3cret-token-of-the-tests").status_code == 200
    assert "s3cret-token-of-the-tests" not in monitor.end()


def test_a_token_that_somebody_puts_into_an_address_opens_nothing_and_reaches_no_log(
    start_monitor: StartMonitor, redis_server: EmbeddedRedis, namespace: str
) -> None:
    """Kind: a secret where addresses are kept: logs, proxies, histories, the Referer of the next page."""
    token = "s3cret-token-of-the-tests"
    monitor = start_monitor(redis_server.url, namespace, MONITOR_API_TOKEN=token, LOG_LEVEL="DEBUG")
    for path in (
        f"/api/ledger?token={token}",
        f"/api/ledger?access_token={token}",
        f"/api/stream?token={token}&authorization=Bearer%20{token}",
        f"/monitoring?token={token}",
        f"/monitoring/login?token={token}",
        f"/api/{token}",
        f"/metrics;token={token}",
    ):
        answer = monitor.get(path, Referer=f"http://localhost/?token={token}", Cookie=f"token={token}")
        assert answer.status_code in {200, 303, 401, 404}
        # What is shown without one is the login alone.
        assert answer.status_code != 200 or "/monitoring/login" in str(answer.url)
        assert token not in answer.text
        assert token not in str(answer.headers)
    assert monitor.get("/api/ledger", Authorization=f"Bearer {token}").status_code == 200
    assert token not in monitor.end()


def test_redis_with_a_key_of_another_kind_is_said_once_and_answered_by_503(
    monitor: MonitorProcess, link: RedisLink, keys: Keys
) -> None:
    link.command("SET", keys.backup_files, "not a hash")
    wait_until(lambda: monitor.get("/api/ledger").status_code == 503)
    assert "WRONGTYPE" in monitor.get("/api/ledger").json()["details"]["reason"]
    link.command("DEL", keys.backup_files)
    wait_until(lambda: monitor.get("/api/ledger").status_code == 200)
    assert monitor.end().count("WRONGTYPE") == 1
