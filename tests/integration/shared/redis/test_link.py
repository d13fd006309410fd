import socket
import threading
from time import monotonic

import pytest

from sandbox.harness.redis import EmbeddedRedis
from shared.errors import RedisUnavailableError
from shared.lifecycle import StopFlag
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
        began = monotonic()
        link.close()
        waiting.join(SOCKET_TIMEOUT_S / 2)
        assert not waiting.is_alive()
        assert monotonic() - began < SOCKET_TIMEOUT_S / 2
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
