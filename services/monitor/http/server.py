"""The HTTP server: its socket, its logs, and its end within five seconds."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from services.monitor.http.connections import ACCEPTED_AT_ONCE, MAX_HEADERS, BoundedProtocol
from services.monitor.settings import MonitorSettings
from shared.errors import FatalError
from shared.lifecycle import StopFlag
from shared.logs import get_logger

#: Connections that may wait to be accepted.
_BACKLOG = 256

#: Seconds that answers under way get when the process stops; it must be gone within 5 s.
GRACEFUL_S = 3

_log = get_logger()


def listen(settings: MonitorSettings) -> socket.socket:
    """Return the socket that the server listens on.

    Raises: FatalError: the address is taken or is none of this machine's.
    """
    host, port = settings.monitor_host, settings.monitor_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Every network of IPv6 is one of IPv4, too: else whoever asks by the other is refused.
    is_both = host == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server((host, port), family=family, dualstack_ipv6=is_both)
    except OSError as error:
        remedy = {
            errno.EADDRINUSE: "another program listens there; stop it or set MONITOR_PORT to a free port",
            errno.EACCES: "ports below 1024 are for root; set MONITOR_PORT to a higher one",
        }.get(error.errno or 0, f"{error.strerror or error}; check MONITOR_HOST")
        raise FatalError(f"The monitor can't listen on {host}:{port}: {remedy}") from error
    # asyncio does this only for sockets that it makes itself; without, every answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address to open in a browser."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: FastAPI, listener: socket.socket, stop: StopFlag) -> None:
    """Serve until stopped; say where. Streams end at once, other answers get GRACEFUL_S seconds."""
    asyncio.run(_serve(app, listener, stop))


async def _serve(app: FastAPI, listener: socket.socket, stop: StopFlag) -> None:
    settings: MonitorSettings = app.state.settings
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
        # Which parser and loop must not hang on what else is installed.
        http=BoundedProtocol,
        backlog=ACCEPTED_AT_ONCE,
        h11_max_incomplete_event_size=MAX_HEADERS,
        loop="asyncio",
        ws="none",
        # Whoever may say for whom he asks must be named: by default uvicorn believes everybody on this machine.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=GRACEFUL_S,
    )
    server = _Server(config)

    def end() -> None:
        loop.remove_reader(stop.fileno())
        app.state.closing.set()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    loop.add_reader(stop.fileno(), end)
    _log.info(f"Monitor at {url_of(listener)}")
    await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: ours set the flag, and a second signal has its default action."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen; more may wait than are accepted in one go, for which asyncio has only one number."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(_BACKLOG)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `stop_on_signals`."""
        yield
