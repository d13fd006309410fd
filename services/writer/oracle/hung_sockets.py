"""Freeing threads that wait for ever inside the driver.

A listener that accepts a connection and then says nothing blocks the driver in recv(), where none of its timeouts
applies, and the driver offers no way to that socket. But the socket is a descriptor of this process: shut down, it
makes recv() return, and the thread ends with the error of a closed connection.
"""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

import oracledb

#: Where a process finds its own descriptors (Linux, else BSD and macOS).
_DESCRIPTORS = next((path for path in (Path("/proc/self/fd"), Path("/dev/fd")) if path.is_dir()), None)


def release_stuck_threads(dsn: str) -> int:
    """Shut down every connection of this process to the addresses of a DSN; return how many.

    For when a whole pool is given up: what was sound among them ends with DPY-4011, and its batch is tried again.
    """
    addresses = _addresses(dsn)
    return sum(_shut_down(descriptor, addresses) for descriptor in _descriptors())


def _descriptors() -> list[int]:
    return [int(entry.name) for entry in _DESCRIPTORS.iterdir() if entry.name.isdigit()] if _DESCRIPTORS else []


def _addresses(dsn: str) -> set[tuple[str, int]]:
    params = oracledb.ConnectParams()
    params.parse_connect_string(dsn)
    hosts = params.host if isinstance(params.host, list) else [params.host]
    ports = params.port if isinstance(params.port, list) else [params.port] * len(hosts)
    found: set[tuple[str, int]] = set()
    for host, port in zip(hosts, ports, strict=False):
        with suppress(OSError):
            found |= {info[4][:2] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}  # type: ignore[misc]
    return found


def _shut_down(descriptor: int, addresses: set[tuple[str, int]]) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
        # A copy: the driver keeps its own descriptor and closes it itself.
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            if connection.type != socket.SOCK_STREAM or connection.getpeername()[:2] not in addresses:
                return False
            connection.shutdown(socket.SHUT_RDWR)
            return True
    except OSError:
        return False
