import socket
import threading

import pytest

from sandbox.harness.redis import EmbeddedRedis
from shared.errors import RedisUnavailableError
from shared.lifecycle import StopFlag
from shared.redis import connections
from shared.redis.connections import SOCKET_TIMEOUT_S
from shared.redis.link import RedisLink


def test_a_closed_link_frees_who_waits_and_opens_no_connection_again() -> None:
    failures: list[str] = []

    def ask_three_times() -> None:
        for _ in range(3):
            try:
                link.ping()
            except RedisUnavailableError as error:
                failures.append(str(error))

    with EmbeddedRedis() as server:
        link = RedisLink(server.url)
        link.ping()
        server.pause()
        waiting = threading.Thread(target=ask_three_times)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive(), "a frozen server does not answer"
        link.close()
        waiting.join(SOCKET_TIMEOUT_S / 2)
        assert not waiting.is_alive()
        server.resume()
    assert len(failures) == 3
    assert failures[1:] == ["the link is closed"] * 2
    with pytest.raises(RedisUnavailableError):
        link.run("snapshot", ["a", "b", "c", "d", "e", "f"])


def test_an_address_where_something_else_answers_is_said_and_waited_for() -> None:
    """Kind: an answer that is no answer. A web server on the port ended services with a protocol error."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    threading.Thread(target=answer, daemon=True).start()
    link = RedisLink(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
    for call in (link.ping, lambda: link.run("snapshot", ["a"] * 6), lambda: link.commands(("PING",))):
        with pytest.raises(RedisUnavailableError):
            call()
    link.close()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_who_waits_for_redis_goes_when_the_link_is_closed() -> None:
    """Kind: a thread that waits for what can not come any more kept the process from its end."""
    link = RedisLink("redis://127.0.0.1:1/0")
    waiting = threading.Thread(target=link.wait_until_there, args=(StopFlag(),), daemon=True)
    waiting.start()
    link.close()
    waiting.join(20)
    assert not waiting.is_alive()


@pytest.mark.parametrize("rights", ["+evalsha_ro +eval_ro", "+evalsha +eval"], ids=["of today", "of an older version"])
def test_a_script_that_only_reads_wants_no_right_to_change(redis_server: EmbeddedRedis, rights: str) -> None:
    """Kind: a right that is wider than what is done; and a program that comes before the rights that it asks for."""
    keys = "%R~{read-only}:*" if "_ro" in rights else "~{read-only}:*"
    admin = RedisLink(redis_server.url)
    admin.command("SCRIPT", "FLUSH")
    rules = [keys, "-@all", "+hello", "+auth", "+client", "+select", "+hlen", "+hgetall", *rights.split()]
    admin.command("ACL", "SETUSER", "reader", "reset", "on", ">p", *rules)
    admin.command("HSET", "{read-only}:counters", "written", 7)
    reader = RedisLink(redis_server.url.replace("redis://", "redis://reader:p@"))
    for _ in range(2):  # once with the text of the script, once by its digest
        assert reader.run("counts", ["{read-only}:counters"], ["written"]) == [[b"written", b"7"]]
    with pytest.raises(RedisUnavailableError, match="NOPERM"):
        reader.command("HSET", "{read-only}:counters", "written", 8)
    for link in (reader, admin):
        link.close()


def test_a_server_that_hangs_up_on_who_is_idle_is_not_taken_for_one_that_is_away(
    redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a connection that looks alive and is not. With `timeout` set in Redis, what was said after a quiet time
    (the farewell of a writer, and its name) was not said at all: "Redis is away".
    """
    monkeypatch.setattr(connections, "_IDLE_S", 0.0)
    link, other = RedisLink(redis_server.url, client_name="idle"), RedisLink(redis_server.url)
    assert link.wait_for_element("nothing", 0.001) == 0
    mine = [client for client in other.command("CLIENT", "LIST").decode().splitlines() if " name=idle " in client]
    for client in mine:
        other.command("CLIENT", "KILL", "ID", dict(part.split("=", 1) for part in client.split())["id"])
    assert link.wait_for_element("nothing", 0.001) == 0
    link.close()
    other.close()


def test_a_script_that_the_server_forgot_for_others_is_sent_again() -> None:
    """Kind: what is remembered until there are too many. Since 2024 a server keeps 500 scripts that came by EVAL.

    Whoever puts values into the text of his scripts, and there are such programs, has it forget ours.
    """
    with EmbeddedRedis() as server:
        link, stranger = RedisLink(server.url), RedisLink(server.url)
        assert link.run("put", ["queue"], [10, "a"]) == 1
        for number in range(600):
            stranger.command("EVAL", f"return {number}", 0)
        assert int(stranger.command("INFO", "stats")["evicted_scripts"]) > 0
        assert link.run("put", ["queue"], [10, "b"]) == 2
        assert link.command("LRANGE", "queue", 0, -1) == [b"a", b"b"]


def test_threads_that_end_leave_no_connection_open(redis_server: EmbeddedRedis) -> None:
    """The writer asks Redis in the thread that opens a connection to Oracle: one more stayed open with every outage."""
    link = RedisLink(redis_server.url, client_name="brief")
    watch = RedisLink(redis_server.url, client_name="watch")

    def ask() -> None:
        link.hash("nothing")
        link.run("counts", ["counters"])

    for _ in range(20):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert watch.command("CLIENT", "LIST").count(b"name=brief") <= 1
    ask()
    link.close()
    watch.close()
