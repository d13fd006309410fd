"""Streams and what becomes of them when their clients are not as they should be."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.monitor.http.guard import MAX_AT_ONCE
from tests.integration.monitor.monitors import Monitor, MonitorProcess, monitor_in_a_thread, start_process

STREAMS = ("/api/stream", "/monitoring/news")


def connect(monitor: Monitor, path: str, receive_bytes: int = 0) -> socket.socket:
    """Ask for a path; read nothing of the answer."""
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.connect(("127.0.0.1", int(monitor.url.rsplit(":", 1)[1])))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: plant\r\n\r\n".encode())
    return client


@pytest.fixture
def monitor(redis_server: EmbeddedRedis, namespace: str) -> Iterator[Monitor]:
    with monitor_in_a_thread(redis_server.url, namespace) as monitor:
        monitor.shows("/api/ledger", {"inserted": 0})
        yield monitor


@pytest.mark.parametrize("path", STREAMS)
def test_streams_that_are_reset_as_they_open_leave_no_place_taken(monitor: Monitor, path: str) -> None:
    """Kind: a place that is given back by who never began: resets as they opened used up all of them for good."""
    for _ in range(MAX_AT_ONCE + 60):
        client = connect(monitor, path)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        # So many a second are let in at all: those that are refused hold no place.
        time.sleep(0.002)
    with ExitStack() as held:
        for _ in range(MAX_AT_ONCE // 2):
            held.enter_context(connect(monitor, path))
        wait_until(lambda: monitor.get("/api/ledger").status_code == 200, what="an answer beside many streams")


@pytest.mark.parametrize("path", STREAMS)
def test_proxies_are_asked_to_pass_news_on_at_once_and_to_keep_none(monitor: Monitor, path: str) -> None:
    with httpx.stream("GET", monitor.url + path, timeout=5) as answer:
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-store"
        assert next(answer.iter_lines()).startswith("data:")


@pytest.fixture
def process(redis_server: EmbeddedRedis, namespace: str) -> Iterator[MonitorProcess]:
    process = start_process(redis_server.url, namespace)
    yield process
    process.process.kill()
    process.process.communicate()


def test_clients_that_read_nothing_hold_up_neither_others_nor_the_end(process: MonitorProcess) -> None:
    """Kind: one slow reader of a stream fills the memory of the sender, or keeps it from stopping."""
    process.shows("/api/ledger", {"inserted": 0})
    with ExitStack() as held:
        for path in STREAMS * 10:
            held.enter_context(connect(process, path, receive_bytes=4096))
        # Until far more was sent than their sockets take
        before = resident_mb(process.process.pid)
        ends_at = time.monotonic() + 8
        while time.monotonic() < ends_at:
            assert process.get("/api/alerts").status_code == 200
            time.sleep(0.2)
        assert resident_mb(process.process.pid) - before < 60
        said = process.end()
    assert "Traceback" not in said
    assert process.process.returncode == 0


def resident_mb(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:  # noqa: PTH123 - no file of a disk
        (line,) = [line for line in status if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1000
