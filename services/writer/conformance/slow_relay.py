"""A way to the database that is slow: whatever it answers waits for a while."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def slow_relay(address: tuple[str, int], delay_s: float) -> Iterator[int]:
    """Listen on a port of this machine, pass connections on to an address, hold up each part of an answer."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        relay = threading.Thread(target=_serve, args=(server, address, delay_s, over), daemon=True)
        relay.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            relay.join()


def _serve(server: socket.socket, address: tuple[str, int], delay_s: float, over: threading.Event) -> None:
    pairs: list[tuple[socket.socket, socket.socket]] = []
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            database = socket.create_connection(address)
            pairs.append((client, database))
            for source, target, wait_s in ((client, database, 0.0), (database, client, delay_s)):
                threading.Thread(target=_pass_on, args=(source, target, wait_s, over), daemon=True).start()
    for pair in pairs:
        for end in pair:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _pass_on(source: socket.socket, target: socket.socket, wait_s: float, over: threading.Event) -> None:
    with suppress(OSError):
        while (received := source.recv(65_536)) and not over.wait(wait_s):
            target.sendall(received)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
