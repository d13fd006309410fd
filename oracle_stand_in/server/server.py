"""The listener: accepts connections, stops and starts again, and cuts those there are."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Coroutine

from oracle_stand_in.faults.state import Cut, fires
from oracle_stand_in.server.connection import RESET_ON_CLOSE, Connection
from oracle_stand_in.server.instance import Instance
from oracle_stand_in.server.session import Session

log = logging.getLogger("oracle-stand-in")
#: connections that may wait to be accepted
BACKLOG = 128
#: seconds between two tries to accept when there is no room for more connections
ACCEPT_PAUSE_S = 1.0
#: connections that fill a queue of length 0 for certain
FILLERS = 4


class Server:
    """The stand-in's network side.

    It accepts by itself rather than by asyncio's server, whose close() can lose a socket that was accepted in the
    same turn of the loop: its client would hang for ever.
    """

    def __init__(self, instance: Instance, host: str, port: int) -> None:
        self.instance = instance
        self.host = host
        self.port = port
        self.connections: set[Connection] = set()
        self._socket: socket.socket | None = None
        #: connections to ourselves that fill the queue while connection attempts are ignored
        self._fillers: list[socket.socket] = []
        #: goes up when connections are cut, so that one on its way from accept to its session is cut as well
        self._generation = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_ignoring(self) -> bool:
        """Whether connection attempts are left unanswered."""
        return bool(self._fillers)

    @property
    def is_listening(self) -> bool:
        """Whether TCP connections are accepted."""
        return self._socket is not None

    def listen(self) -> None:
        """Accept connections, on the same port as before. Raises: OSError: the port is taken."""
        if self._fillers:
            self.stop_listening()
        if self._socket is not None:
            return
        sock = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
            sock.bind((self.host, self.port))
            sock.listen(BACKLOG)
        except OSError:
            sock.close()
            raise
        self.port = sock.getsockname()[1]
        self._socket = sock
        asyncio.get_running_loop().add_reader(sock, self._accept)

    def stop_listening(self) -> None:
        """Refuse TCP connections; those that are there go on."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()

    def ignore_connections(self) -> None:
        """Leave connection attempts unanswered, as a host does that is switched off: no SYN gets a reply.

        The listening socket is kept, with the shortest queue and that queue full.
        """
        self.listen()
        if self._socket is None or self._fillers:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.listen(0)
        for _ in range(FILLERS):
            filler = socket.socket(self._socket.family, socket.SOCK_STREAM)
            filler.setblocking(False)  # noqa: FBT003 - the standard library's signature
            filler.connect_ex((self.host, self.port))
            self._fillers.append(filler)

    def cut_sessions(self, how: Cut) -> int:
        """Cut every connection and return how many there were."""
        self._generation += 1
        connections = list(self.connections)
        for connection in connections:
            connection.cut(how)
        return len(connections)

    def forget_sessions(self) -> int:
        """Let every connection there is fall silent, without closing it; return how many there were."""
        for connection in self.connections:
            connection.forget()
        return len(self.connections)

    def _accept(self) -> None:
        while self._socket is not None:
            try:
                sock, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no file descriptor is left
                log.warning("cannot accept: %s; trying again in %g s", error, ACCEPT_PAUSE_S)
                asyncio.get_running_loop().remove_reader(self._socket)
                asyncio.get_running_loop().call_later(ACCEPT_PAUSE_S, self._accept_again)
                return
            self.instance.counters.connections += 1
            refuse = self.instance.faults.refuse
            if refuse is not None and refuse.code is None and fires(refuse):
                _reset(sock)
                continue
            sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
            self._start(self._begin(sock, self._generation))

    def _accept_again(self) -> None:
        if self._socket is not None and not self._fillers:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _start(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _begin(self, sock: socket.socket, generation: int) -> None:
        if generation != self._generation:
            _reset(sock)
            return
        with contextlib.suppress(OSError):
            patience_s, tls = self.instance.patience_s, self.instance.tls
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self._serve, patience_s, tls), sock
            )

    def _serve(self, connection: Connection) -> "asyncio.Task[None]":
        self.connections.add(connection)
        return self._start(self._run_session(connection))

    async def _run_session(self, connection: Connection) -> None:
        try:
            await Session(self.instance, connection).run()
        finally:
            self.connections.discard(connection)
            connection.cut("fin")

    def close(self) -> None:
        """End everything."""
        self.stop_listening()
        self.instance.faults.reset()
        self.cut_sessions("fin")


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    sock.close()
