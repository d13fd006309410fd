"""An address that leads elsewhere from one moment to the next, as a name or a proxy does at a failover."""

import socket
import threading
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Self


class Relay:
    """Passes connections on to a port of this machine; those that stand stay where they are."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._counts: Counter[int] = Counter()
        self._age = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def leads_to(self, port: int) -> None:
        """Pass new connections on to another port."""
        self._target = port

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listener.getsockname()[1])

    def forget(self) -> None:
        """Pass nothing on any more over the connections that stand, and tell nobody: as a firewall that forgot them."""
        self._age += 1

    def connections_to(self, port: int) -> int:
        """Return how many connections were passed on to a port."""
        return self._counts[port]

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return
            try:
                theirs = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                # Nobody is there now: whoever asks again may find somebody.
                ours.close()
                continue
            self._counts[self._target] += 1
            self._open += [ours, theirs]
            for source, target in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=self._pass_on, args=[source, target, self._age], daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, age: int) -> None:
        with suppress(OSError):
            while received := source.recv(65_536):
                if age == self._age:
                    target.sendall(received)
        # Also where the end was a reset: a proxy that keeps quiet about it would be another fault.
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for opened in self._open:
            opened.close()
