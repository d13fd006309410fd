"""What a stranger can send to the monitor, as a process, over real sockets: bounded in count and time."""

import resource
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from tests.integration.monitor.monitors import MonitorProcess, start_process

TOKEN = "the-token-of-the-attacked"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}

#: A stranger's address: this machine's own has room kept for it.
STRANGER = "127.0.0.9"


@pytest.fixture
def start(redis_server: EmbeddedRedis, namespace: str) -> Iterator[Callable[..., MonitorProcess]]:
    with ExitStack() as ends:

        def start(**settings: str) -> MonitorProcess:
            monitor = start_process(redis_server.url, namespace, **settings)
            assert monitor.process.stderr is not None
            ends.callback(monitor.process.stderr.close)
            ends.callback(monitor.process.wait, 5)
            ends.callback(monitor.process.kill)
            wait_until(lambda: monitor.get("/readyz", **RIGHT).status_code == 200, what="the first reading")
            return monitor

        yield start


@pytest.fixture(scope="module")
def garbled(redis_server: EmbeddedRedis) -> Iterator[MonitorProcess]:
    """A monitor that gets what makes no sense; of all of it no traceback may be in its log."""
    monitor = start_process(redis_server.url, "garbled")
    wait_until(lambda: monitor.get("/readyz").status_code == 200, what="the first reading")
    yield monitor
    log = monitor.end()
    assert "Traceback" not in log
    assert log.count("\n") < 30


def connect(monitor: MonitorProcess, address: str = STRANGER) -> socket.socket:
    port = int(monitor.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), 5, source_address=(address, 0))


def resident_mb(monitor: MonitorProcess) -> float:
    status = Path(f"/proc/{monitor.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def is_closed(connection: socket.socket, within_s: float) -> bool:
    connection.settimeout(within_s)
    try:
        return connection.recv(65_536) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_header_lines_without_end_cost_no_memory(start: Callable[..., MonitorProcess]) -> None:
    """Kind: whatever is collected before it is understood has a bound (20 MB of header lines ended it)."""
    monitor = start()
    before = resident_mb(monitor)
    for begin in (b"GET / HTTP/1.1\r\n", b"GET /" + b"x" * 20_000_000, b"x" * 20_000_000):
        with connect(monitor) as connection, suppress(OSError):
            connection.sendall(begin)
            for number in range(20_000):
                connection.sendall(b"x-%d: %s\r\n" % (number, b"y" * 1000))
    assert monitor.get("/livez").status_code == 200
    assert resident_mb(monitor) < before + 30


def test_connections_that_send_nothing_take_no_one_elses_place(start: Callable[..., MonitorProcess]) -> None:
    """Kind: descriptors are a bound that somebody else can use up."""
    monitor = start()
    # So that a few hundred connections are more than the process may have.
    resource.prlimit(monitor.process.pid, resource.RLIMIT_NOFILE, (250, 250))
    with ExitStack() as ends:
        for number in range(400):
            with suppress(OSError):
                ends.enter_context(connect(monitor, f"127.0.0.{10 + number % 5}"))
        answers = [monitor.get(path).status_code for path in ("/livez", "/api/ledger", "/metrics")]
    assert answers == [200, 200, 200]
    # It says something of it, and not a line for each.
    assert len(monitor.end()) < 20_000


@pytest.mark.slow  # both deadlines are ten seconds
def test_a_request_that_does_not_arrive_is_not_waited_for(start: Callable[..., MonitorProcess]) -> None:
    """Kind: a letter now and then keeps a connection for ever."""
    monitor = start(MONITOR_OPERATOR_TOKEN=TOKEN)
    with connect(monitor) as silent, connect(monitor) as slow, connect(monitor) as acting:
        acting.sendall(
            b"POST /api/actions/pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Authorization: Bearer " + TOKEN.encode() + b"\r\n\r\n"
        )
        slow.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert slow.recv(65_536).startswith(b"HTTP/1.1 200")
        until = time.monotonic() + 25
        slow.settimeout(0.5)
        while time.monotonic() < until:
            # Of one that may act what follows the headers comes letter by letter.
            with suppress(OSError):
                acting.sendall(b" ")
            with suppress(TimeoutError):
                slow.sendall(b"G")
                if slow.recv(65_536) == b"":
                    break
        else:
            pytest.fail("a second request that came letter by letter was waited for")
        assert is_closed(silent, 25)
        assert is_closed(acting, 5)


def test_unfinished_logins_lock_nobody_out(start: Callable[..., MonitorProcess]) -> None:
    monitor = start(MONITOR_API_TOKEN=TOKEN)
    with ExitStack() as ends:
        for _ in range(305):
            connection = ends.enter_context(connect(monitor))
            with suppress(OSError):
                connection.sendall(
                    b"POST /monitoring/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\ntoken="
                )
        assert monitor.get("/api/ledger", **RIGHT).status_code == 200
        assert monitor.get("/livez").status_code == 200


def test_streams_of_one_client_lock_nobody_out(start: Callable[..., MonitorProcess]) -> None:
    monitor = start()
    with ExitStack() as ends:
        streams = [ends.enter_context(connect(monitor)) for _ in range(150)]
        for stream in streams:
            stream.sendall(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        first = [stream.recv(12) for stream in streams]
        assert first.count(b"HTTP/1.1 200") == 100
        assert first.count(b"HTTP/1.1 503") == 50
        assert monitor.get("/api/ledger").status_code == 200


@pytest.mark.parametrize("way", ["header", "form"])
def test_guesses_are_slowed_told_and_lock_nobody_out(start: Callable[..., MonitorProcess], way: str) -> None:
    """Kind: a secret that may be guessed thousands of times a second, silently."""
    monitor = start(MONITOR_API_TOKEN=TOKEN)

    def guess(number: int) -> int:
        with httpx.Client(transport=httpx.HTTPTransport(local_address=STRANGER), timeout=30) as client:
            if way == "header":
                return client.get(
                    f"{monitor.url}/api/ledger", headers={"Authorization": f"Bearer {number}"}
                ).status_code
            return client.post(f"{monitor.url}/monitoring/login", data={"token": str(number)}).status_code

    with ThreadPoolExecutor(20) as guessers:
        guesses = [guessers.submit(guess, number) for number in range(40)]
        assert monitor.get("/api/ledger", **RIGHT).status_code == 200
        statuses = [guess.result() for guess in guesses]
    # Five at once are read, and each holds its place for a second; the others were not read at all.
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 30
    log = monitor.end()
    assert f"A wrong token came from {STRANGER}" in log
    assert log.count("wrong token") <= 25


def test_only_a_proxy_that_is_named_says_for_whom_it_asks(start: Callable[..., MonitorProcess]) -> None:
    """Kind: a header that anybody may send, believed."""
    over_tls = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    for trusted, is_secure in (("", False), ("127.0.0.1", True)):
        monitor = start(MONITOR_API_TOKEN=TOKEN, MONITOR_TRUSTED_PROXIES=trusted)
        answer = httpx.post(f"{monitor.url}/monitoring/login", data={"token": TOKEN}, headers=over_tls)
        assert ("Secure" in answer.headers["set-cookie"]) is is_secure
        monitor.end()


_LOGIN = b"POST /monitoring/login HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        _LOGIN + b"Content-Length: 20\r\n\r\ntoken=",
        _LOGIN + b"Transfer-Encoding: chunked\r\n\r\nzzz\r\n",
        _LOGIN + b"Content-Length: 20\r\nExpect: 100-continue\r\n\r\n",
        _LOGIN + b"Origin: http://[::1\r\nContent-Length: 0\r\n\r\n",
        _LOGIN + b"Content-Type: \xff\r\nCookie: \xff=\xff\r\nContent-Length: 7\r\n\r\ntoken=\xff",
        b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /%ff%fe%00%0a%1b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/events?kind=%ff%1b%0a&limit=" + b"9" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/ledger HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /monitoring/static/%2e%2e%2f%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /monitoring/static/..//..//api/ledger HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b'GET /monitoring/login HTTP/1.1\r\nHost: localhost\r\nCookie: a="' + b"\\" * 15_000 + b'"\r\n\r\n',
        b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"; ".join(b"a%d=1" % n for n in range(1500)) + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\nHost: localhost\nContent-Length:\n 5\n\nhello",
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nRange: bytes=" + b"0-," * 4000 + b"0-1\r\n\r\n",
        _LOGIN + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/ledger HTTP/1.1\r\n\r\n",
        _LOGIN + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    ],
)
def test_what_strangers_send_is_never_a_fault_of_ours(garbled: MonitorProcess, request_bytes: bytes) -> None:
    """Kind: a request that breaks off or makes no sense was a 500, and a traceback in the log for whoever sent it."""
    for reset in (False, True):
        with connect(garbled) as connection, suppress(OSError):
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(request_bytes)
            connection.settimeout(0.2)
            assert not connection.recv(1000).startswith(b"HTTP/1.1 500")


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nAAAAAXX0\r\n\r\n",
        b"5\r\nAAAAA\n0\n0\r\n\r\n",
        b"5;x=\n\r\nAAAAA\r\n0\r\n\r\n",
        b"+5\r\nAAAAA\r\n0\r\n\r\n",
        b"0x5\r\nAAAAA\r\n0\r\n\r\n",
        b"5 \x0b\r\nAAAAA\r\n0\r\n\r\n",
    ],
)
def test_a_body_that_a_proxy_may_read_otherwise_is_the_end_of_its_connection(
    garbled: MonitorProcess, body: bytes
) -> None:
    """Kind: two readers of one stream that do not agree where a request ends: the next one is a stranger's."""
    hidden = b"GET /api/ledger HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(garbled) as connection, suppress(OSError):
        connection.settimeout(20)
        connection.sendall(_LOGIN + b"Transfer-Encoding: chunked\r\n\r\n" + body + hidden)
        said = b""
        while part := connection.recv(65_536):
            said += part
        assert said.count(b"HTTP/1.1 ") <= 1, said
        assert b"in_buffer" not in said


def test_a_thousand_requests_in_one_go_are_answered_one_by_one_and_hold_up_nobody(
    start: Callable[..., MonitorProcess],
) -> None:
    """Kind: a bound for each connection or client that what comes within one request passes by."""
    monitor = start()
    with connect(monitor) as connection:
        connection.settimeout(20)
        connection.sendall(b"GET /api/ledger HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        with httpx.Client() as other:
            statuses = [other.get(f"{monitor.url}/api/ledger").status_code for _ in range(5)]
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK\r\n") < 1000:
            part = connection.recv(1_000_000)
            assert part, answers[-300:]
            answers += part
    assert statuses == [200] * 5


def test_garbage_is_refused_and_is_no_flood_of_log_lines(start: Callable[..., MonitorProcess]) -> None:
    """Kind: a line of the log for each thing that a stranger sends."""
    monitor = start()
    for number in range(300):
        with connect(monitor) as connection, suppress(OSError):
            connection.sendall(bytes([number % 256]) * 50 + b"\r\n\r\n")
            connection.recv(1000)
    assert monitor.get("/livez").status_code == 200
    assert monitor.end().count("\n") < 60
