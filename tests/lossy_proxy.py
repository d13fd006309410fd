"""A TCP proxy in front of Redis that loses answers: the command runs, its reply never arrives."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class LossyProxy:
    """Forwards to a port of 127.0.0.1, as a context manager; `lose_next` replies vanish with their connection."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._to_lose = 0
        self._marker = b""
        self._sockets: list[socket.socket] = []

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def lose_next(self, count: int, marker: bytes) -> None:
        """Lose the replies to the next `count` commands that contain `marker`."""
        with self._lock:
            self._to_lose, self._marker = count, marker

    def _is_to_be_lost(self, request: bytes) -> bool:
        with self._lock:
            if self._to_lose and self._marker in request:
                self._to_lose -= 1
                return True
            return False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target_port))
                self._sockets += [client, server]
                threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        """Requests and replies in turn, as one client on one connection sends them."""
        doomed = threading.Event()

        def replies() -> None:
            with suppress(OSError):
                while data := server.recv(1 << 20):
                    if doomed.is_set():
                        break
                    client.sendall(data)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=replies, daemon=True).start()
        with suppress(OSError):
            while data := client.recv(1 << 20):
                if self._is_to_be_lost(data):
                    doomed.set()
                server.sendall(data)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in [self._listener, *self._sockets]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
