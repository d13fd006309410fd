"""What strangers do to a monitor all at once, as a process of its own: bounded in count and time, on loopback alone.

python -m tests.fault.monitor.flood PORT SECONDS TOKEN
"""

import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

#: Addresses of this machine that are not the one it watches itself from.
ADDRESSES = [f"127.0.0.{number}" for number in range(20, 30)]

#: Threads of each kind, and connections that an idle one keeps.
THREADS, HELD = 3, 60

#: Pauses: each kind has its own pace, so that the processor is left to who is measured.
_PAUSE_S = 0.02


class Flood:
    """All kinds at once, until told."""

    def __init__(self, port: int, seconds: float, token: str) -> None:
        self._port, self._token = port, token.encode()
        self._until = time.monotonic() + seconds
        self.done: Counter[str] = Counter()

    def run(self) -> None:
        """Send it; return when the time is over."""
        kinds = (self.idle, self.slow, self.headers, self.garbage, self.nowhere, self.guesses, self.unread)
        threads = [
            threading.Thread(target=self._repeat, args=(kind, ADDRESSES[(7 * place + number) % len(ADDRESSES)]))
            for place, kind in enumerate(kinds)
            for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _repeat(self, kind: Callable[[str], None], address: str) -> None:
        while time.monotonic() < self._until:
            with suppress(OSError):
                kind(address)
                self.done[kind.__name__] += 1
            time.sleep(_PAUSE_S)

    def _connect(self, address: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), 2, source_address=(address, 0))

    def _hold(self, address: str, first: bytes, then: bytes = b"") -> None:
        """Keep connections for two seconds; send a letter now and then."""
        held: list[socket.socket] = []
        with suppress(OSError):
            for _ in range(HELD):
                held.append(self._connect(address))
                held[-1].sendall(first)
        for _ in range(10):
            for connection in held:
                with suppress(OSError):
                    connection.sendall(then)
            time.sleep(0.2)
        for connection in held:
            connection.close()

    def _ask(self, address: str, sent: bytes) -> None:
        with self._connect(address) as connection:
            connection.sendall(sent)
            connection.recv(4096)

    def idle(self, address: str) -> None:
        """Connect, and say nothing."""
        self._hold(address, b"")

    def slow(self, address: str) -> None:
        """Send a request letter by letter."""
        self._hold(address, b"POST /monitoring/login HTTP/1.1\r\nHost: localhost\r\n", b"x")

    def headers(self, address: str) -> None:
        """Send header lines without end."""
        with self._connect(address) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n")
            for number in range(2_000):
                connection.sendall(b"x-%d: %s\r\n" % (number, b"y" * 1_000))

    def garbage(self, address: str) -> None:
        """Send what is no HTTP."""
        self._ask(address, bytes(range(256)) * 4 + b"\r\n\r\n")

    def nowhere(self, address: str) -> None:
        """Ask for pages that are not there."""
        self._ask(address, b"GET /monitoring/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % time.monotonic_ns())

    def guesses(self, address: str) -> None:
        """Try tokens."""
        authorization = b"Authorization: Bearer %d\r\n" % time.monotonic_ns()
        self._ask(address, b"GET /api/ledger HTTP/1.1\r\nHost: localhost\r\n" + authorization + b"\r\n")

    def unread(self, address: str) -> None:
        """Open streams, as somebody who may, and read nothing of them."""
        authorization = b"Authorization: Bearer %s\r\n" % self._token
        self._hold(address, b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n" + authorization + b"\r\n")


if __name__ == "__main__":
    flood = Flood(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
    flood.run()
    sys.stdout.write(" ".join(f"{kind}={count}" for kind, count in sorted(flood.done.items())) + "\n")
