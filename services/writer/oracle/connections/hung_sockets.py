"""Freeing a thread that waits for ever inside the driver.

A listener that accepts a connection and then says nothing blocks the driver in recv(), where none of its timeouts
applies, and the driver offers no way to that socket. But the socket is a descriptor of this process: shut down, it
makes recv() return, and the driver goes on with the next address, or fails.
"""

import os
import socket
import stat
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

#: Where a process finds its own descriptors (Linux, else BSD and macOS).
_DESCRIPTORS = next((path for path in (Path("/proc/self/fd"), Path("/dev/fd")) if path.is_dir()), None)

#: A connection: its descriptor and its own address. The number alone is given to another socket once it is closed.
Connected: TypeAlias = tuple[int, object]


def connected_sockets() -> set[Connected]:
    """Return the TCP connections of this process, those that are being opened included."""
    found: set[Connected] = set()
    entries = _DESCRIPTORS.iterdir() if _DESCRIPTORS else ()
    for descriptor in [int(entry.name) for entry in entries if entry.name.isdigit()]:
        with suppress(OSError), _copy(descriptor) as connection:
            if connection.type == socket.SOCK_STREAM and connection.family in (socket.AF_INET, socket.AF_INET6):
                found.add((descriptor, connection.getsockname()))
    return found


def shut_down(connections: Iterable[Connected], peers: AbstractSet[tuple[str, int]] | None) -> int:
    """Shut down those of these connections that are open, and return how many.

    peers: only those to these addresses; None: to whatever address.
    """
    return sum(_shut_down(connected, peers) for connected in connections)


def _copy(descriptor: int) -> socket.socket:
    """Return the socket under another descriptor: the driver keeps its own and closes it itself.

    Raises: OSError: it is none.
    """
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        raise OSError(f"{descriptor} is no socket")
    return socket.socket(fileno=os.dup(descriptor))


def _shut_down(connected: Connected, peers: AbstractSet[tuple[str, int]] | None) -> bool:
    descriptor, name = connected
    with suppress(OSError), _copy(descriptor) as connection:
        if connection.getsockname() != name or (peers is not None and connection.getpeername()[:2] not in peers):
            return False
        connection.shutdown(socket.SHUT_RDWR)
        return True
    return False
