"""`python -m shared.healthcheck writer`: does the loop of this machine's writer turn? For a container's health check.

It asks Redis for the heartbeat that the loop itself writes, so a process that hangs is unhealthy though it runs.
Exit status: 0 it beats; 1 it does not, or Redis can't be asked.

It runs every few seconds beside the service, so it loads no client library: a tenth of the CPU time of one that does.
"""

import os
import socket
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import hiredis

from shared.pid_space import pid_space
from shared.redis_url import problem_with

if TYPE_CHECKING:
    import ssl

#: Seconds for one answer.
_TIMEOUT_S = 3.0


def main(arguments: list[str]) -> int:
    """Check the service that the only argument names; return the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m shared.healthcheck consumer|writer|monitor|poller\n")
        return 2
    try:
        namespace = _setting("REDIS_NAMESPACE") or "tagpipe"
        finding = look(arguments[0], _redis_url(), namespace, socket.gethostname().replace(":", "-"))
    except (OSError, ValueError, hiredis.HiredisError) as error:
        finding = f"Redis can't be asked: {error}"
    sys.stdout.write(f"{finding or 'ok'}\n")
    return 1 if finding else 0


def look(role: str, redis_url: str, namespace: str, host: str) -> str:
    """Return what is wrong with this host's service of a role; an empty text when one of its processes beats.

    Raises: OSError, ValueError (the URL), HiredisError: Redis was not asked.
    """
    problem = problem_with(redis_url)
    if problem:
        raise ValueError(f"REDIS_URL: {problem}")
    url = urlsplit(redis_url)
    with _connect(url) as connection:
        for command in _logon(url):
            _ask(connection, *command)
        members = _ask(connection, "ZREVRANGE", f"{{{namespace}}}:services", "0", "-1")
        for member in members:
            if member.startswith(f"{role}:"):
                # A heartbeat that was not renewed has expired.
                key = f"{{{namespace}}}:service:{member}"
                beat_host, space = _ask(connection, "HMGET", key, "host", "pid_space")
                # Two containers may have one host name; each has a pid namespace of its own.
                if beat_host == host and space in {pid_space(), "", None}:
                    return ""
    return f"no heartbeat of a {role} on {host}"


def _redis_url() -> str:
    for place in (os.environ, _dotenv()):
        path = place.get("REDIS_URL_FILE")
        if path:
            return Path(path).read_text("utf-8-sig").strip()
        url = place.get("REDIS_URL")
        if url:
            return url
    return "redis://localhost:6379/0"


def _setting(name: str) -> str | None:
    return os.environ.get(name) or _dotenv().get(name)


@cache
def _dotenv() -> Mapping[str, str | None]:
    """Return what `.env` says, as the service itself reads it; the import is only paid for where there is one."""
    if not Path(".env").is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415

    return {name.upper(): value for name, value in dotenv_values(".env").items()}


def _connect(url: SplitResult) -> socket.socket:
    if url.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_TIMEOUT_S)
        connection.connect(url.path)
        return connection
    connection = socket.create_connection((url.hostname or "localhost", url.port or 6379), _TIMEOUT_S)
    if url.scheme == "rediss":
        return _tls(url).wrap_socket(connection, server_hostname=url.hostname)
    return connection


def _tls(url: SplitResult) -> "ssl.SSLContext":
    """Return what the URL's query asks for, by the names that redis-py reads."""
    import ssl  # noqa: PLC0415 - only TLS pays for the import: a third of the whole

    options = {name: values[-1] for name, values in parse_qs(url.query).items()}
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_certfile"):
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    if options.get("ssl_cert_reqs") == "none":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _logon(url: SplitResult) -> list[list[str]]:
    commands: list[list[str]] = []
    if url.password:
        user = [unquote(url.username)] if url.username else []
        commands.append(["AUTH", *user, unquote(url.password)])
    database = parse_qs(url.query).get("db", [""])[-1] or ("" if url.scheme == "unix" else url.path.strip("/"))
    if database not in {"", "0"}:
        commands.append(["SELECT", database])
    return commands


def _ask(connection: socket.socket, *command: str) -> Any:
    # Its own annotation says a tuple of one.
    pack: Any = hiredis.pack_command
    connection.sendall(pack(command))
    # An error is answered as an exception: raised here, by the reader's choice.
    reader = hiredis.Reader(encoding="utf-8", errors="replace", replyError=hiredis.ReplyError)
    answer = reader.gets()
    while answer is False:
        received = connection.recv(65_536)
        if not received:
            raise ConnectionError("the connection was closed")
        reader.feed(received)
        answer = reader.gets()
    if isinstance(answer, Exception):
        raise answer
    return answer


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
