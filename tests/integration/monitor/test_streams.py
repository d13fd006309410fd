"""Streams and what becomes of them when their clients are not as they should be."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.monitor.http.guard import MAX_AT_ONCE, MAX_OF_ONE_ADDRESS
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.monitor.monitors import Monitor, MonitorProcess, monitor_in_a_thread, start_process

STREAMS = ("/api/stream", "/monitoring/news")


def connect(monitor: Monitor, path: str, receive_bytes: int = 0) -> socket.socket:
    """Ask for a path; read nothing of the answer."""
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.connect(("127.0.0.1", int(monitor.url.rsplit(":", 1)[1])))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


@pytest.fixture
def monitor(redis_server: EmbeddedRedis, namespace: str) -> Iterator[Monitor]:
    with monitor_in_a_thread(redis_server.url, namespace) as monitor:
        monitor.shows("/api/ledger", {"inserted": 0})
        yield monitor


@pytest.mark.parametrize("path", STREAMS)
def test_streams_that_are_reset_as_they_open_leave_no_place_taken(monitor: Monitor, path: str) -> None:
    """Kind: a place that is given back by who never began: resets as they opened used up all of them for good."""
    with connect(monitor, path) as first:
        assert first.recv(12) == b"HTTP/1.1 200"
    for _ in range(MAX_AT_ONCE + 60):
        client = connect(monitor, path)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        # So many a second are let in at all: those that are refused hold no place.
        time.sleep(0.002)
    with ExitStack() as held:
        for _ in range(MAX_OF_ONE_ADDRESS // 2):
            held.enter_context(connect(monitor, path))
        wait_until(lambda: monitor.get("/api/ledger").status_code == 200, what="an answer beside many streams")


@pytest.mark.parametrize("path", STREAMS)
def test_proxies_are_asked_to_pass_news_on_at_once_and_to_keep_none(monitor: Monitor, path: str) -> None:
    with httpx.stream("GET", monitor.url + path, timeout=5) as answer:
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-store"
        assert next(line for line in answer.iter_lines() if not line.startswith("event:")).startswith("data:")


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


def test_who_reads_nothing_of_a_large_answer_keeps_no_connection(
    monitor: Monitor, link: RedisLink, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a close that waits until the other end reads: it never ends, and who counts open ones does not see it."""
    monkeypatch.setattr("services.monitor.http.connections.UNREAD_S", 0.3)
    group = '{"plc_code": "P", "group_name": "%d", "mode": "FIXED", "last_seen_at": 1.0}'
    link.command("HSET", keys.polling, *(part for number in range(20_000) for part in (number, group % number)))
    # Larger than what the kernel takes of it by itself.
    size = 4_500_000
    wait_until(lambda: len(monitor.get("/api/polling/status").content) > size, what="a large answer")
    with connect(monitor, "/api/polling/status", receive_bytes=4096) as client:
        wait_until(lambda: not is_held_open(client), what="the monitor's end to be closed")
        client.settimeout(10)
        received = len(b"".join(iter(lambda: client.recv(65_536), b"")))
    assert 0 < received < size


def is_held_open(client: socket.socket) -> bool:
    """Tell whether the other end of a loopback connection is a process's still: ESTABLISHED, or told to close."""
    here, there = (f":{end[1]:04X}" for end in (client.getsockname(), client.getpeername()))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    states = [fields[3] for fields in lines if fields[1].endswith(there) and fields[2].endswith(here)]
    return states in (["01"], ["08"])


def resident_mb(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:  # noqa: PTH123 - no file of a disk
        (line,) = [line for line in status if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1000
