"""What `check` says of Redis: whether it takes what services write, may lose it, and what the user may do."""

import socket
import threading
from contextlib import suppress

import pytest

from sandbox.harness.redis import EmbeddedRedis
from services.writer.check.redis_rights import NEEDED, OPTIONAL
from shared.errors import RedisRefusedError
from shared.redis.link import RedisLink
from tests.integration.writer.check.asking import check, line_of


@pytest.mark.parametrize(
    ("before", "database", "said"),
    [
        ([], 99, "DB index is out of range"),
        (["REPLICAOF", "127.0.0.1", "1"], 0, "READONLY"),
        (["CONFIG", "SET", "min-replicas-to-write", "1"], 0, "NOREPLICAS"),
        (["CONFIG", "SET", "maxmemory", "1"], 0, "refuses writes"),
        (["ACL", "SETUSER", "default", "-@scripting"], 0, "NOPERM"),
    ],
)
def test_redis_that_refuses_what_services_write_fails(
    environment: dict[str, str], before: list[str], database: int, said: str
) -> None:
    """Kind: a check of what nobody needs. Redis counted as well that answered each command with an error."""
    with EmbeddedRedis() as redis:
        admin = RedisLink(redis.url)
        if before:
            admin.command(*before)
        status, output = check(environment, REDIS_URL=f"{redis.url.rsplit('/', 1)[0]}/{database}")
        admin.close()
    (line,) = (line for line in output.splitlines() if "│ Redis  " in line)
    assert status == 1
    assert "FAILED" in line
    assert said in line


def test_redis_that_says_nothing_is_waited_for_once(environment: dict[str, str]) -> None:
    """Kind: a wait for each question where one answers them all: `check` took 33 s to say that Redis is silent."""
    tries: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept_all, args=(listener, tries), daemon=True).start()
        status, output = check(environment, REDIS_URL=f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
    assert (status, "FAILED" in line_of("Redis", output), "ok" in line_of("connection", output)) == (1, True, True)
    assert len(tries) == 1
    for connection in tries:
        connection.close()


def accept_all(listener: socket.socket, accepted: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            accepted.append(listener.accept()[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--appendfsync", "everysec"], ["Redis may lose", "appendfsync everysec", "appendfsync always"]),
        (["--appendonly", "no"], ["Redis may lose", "appendonly no", "appendonly yes"]),
        (["--appendfsync", "everysec", "--rename-command", "CONFIG", ""], []),
        (["--maxmemory-policy", "allkeys-lru"], ["Redis may lose", "throws away keys of ours", "noeviction"]),
        ([], []),
    ],
)
def test_redis_that_may_lose_what_it_acknowledged_is_a_warning(
    environment: dict[str, str], options: list[str], words: list[str]
) -> None:
    """Kind: trust in a neighbour's promise that was never looked at."""
    with EmbeddedRedis(options=options) as redis:
        _, output = check(environment, REDIS_URL=redis.url)
    assert ("Redis may lose" in output) == bool(words)
    assert all(word in output for word in words)


@pytest.mark.parametrize("right", [*NEEDED, *OPTIONAL])
def test_each_right_that_is_missing_is_named(redis_server: EmbeddedRedis, right: str) -> None:
    """Kind: a right that nobody tried. `check` was well, and the writer waited for ever."""
    if right in {"auth", "hello", "eval", "evalsha"}:
        pytest.skip("without it there is no logon, or no script to ask with: below")
    name = f"check-{right.replace('|', '-')}"
    admin = RedisLink(redis_server.url)
    rights = [f"+{each}" for each in (*NEEDED, *OPTIONAL) if each != right]
    admin.command("ACL", "SETUSER", name, "reset", "on", ">p", "~*", *rights)
    link = RedisLink(f"redis://{name}:p@127.0.0.1:{redis_server.port}/0")
    try:
        asked = [*NEEDED, *OPTIONAL]
        if right in {"client|setname", "ping"}:
            with pytest.raises(RedisRefusedError, match="NOPERM"):
                link.command("PING")
        else:
            assert [each.decode() for each in link.run("may", ["{tagpipe}:x"], asked)] == [right]
    finally:
        link.close()
        admin.command("ACL", "DELUSER", name)
        admin.close()


@pytest.mark.parametrize(
    ("right", "status"), [("lrange", 1), ("evalsha", 1), ("eval", 1), ("client|setname", 1), ("info", 0)]
)
def test_a_right_that_is_missing_is_said_by_the_command(
    redis_server: EmbeddedRedis, environment: dict[str, str], right: str, status: int
) -> None:
    admin = RedisLink(redis_server.url)
    rights = [f"+{each}" for each in (*NEEDED, *OPTIONAL) if each != right]
    admin.command("ACL", "SETUSER", "narrow", "reset", "on", ">p", "~*", *rights)
    admin.close()
    found, output = check(environment, REDIS_URL=f"redis://narrow:p@127.0.0.1:{redis_server.port}/0")
    assert found == status
    assert right.split("|", maxsplit=1)[0] in output.lower()
