"""A way to the database on which answers may wait for a while, and urgent data is counted."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass
class Way:
    """The port of this machine that leads to the database; how many urgent bytes have gone there."""

    port: int
    urgent: int = 0


@contextmanager
def slow_relay(address: tuple[str, int], delay_s: float) -> Iterator[Way]:
    """Listen on a port of this machine, pass connections on to an address, hold up each part of an answer."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        way = Way(server.getsockname()[1])
        relay = threading.Thread(target=_serve, args=(server, address, delay_s, over, way), daemon=True)
        relay.start()
        try:
            yield way
        finally:
            over.set()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            relay.join()


def _serve(server: socket.socket, address: tuple[str, int], delay_s: float, over: threading.Event, way: Way) -> None:
    pairs: list[tuple[socket.socket, socket.socket]] = []
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            database = socket.create_connection(address)
            pairs.append((client, database))
            for source, target, wait_s in ((client, database, 0.0), (database, client, delay_s)):
                threading.Thread(target=_pass_on, args=(source, target, wait_s, over, way), daemon=True).start()
    for pair in pairs:
        for end in pair:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _pass_on(source: socket.socket, target: socket.socket, wait_s: float, over: threading.Event, way: Way) -> None:
    with suppress(OSError, ValueError):  # ValueError: it was closed meanwhile
        while True:
            readable, _, urgent = select.select([source], [], [source])
            if urgent:
                target.send(source.recv(1, socket.MSG_OOB), socket.MSG_OOB)
                way.urgent += 1
            if readable:
                if not (received := source.recv(65_536)) or over.wait(wait_s):
                    break
                target.sendall(received)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
