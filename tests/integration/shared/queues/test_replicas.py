"""Puts that replicas confirm. Kind: acknowledged, and gone with the primary."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis

from sandbox.harness.feed import poll
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.errors import QueueFullError, RedisUnavailableError
from shared.keys import Keys
from shared.queues.data_queue import DataQueue
from shared.queues.replicas import GRACE_S
from shared.redis.link import RedisLink
from tests.redis_topologies import ask

KEYS = Keys("tagpipe")


@pytest.fixture
def primary() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
def replica(primary: EmbeddedRedis) -> Iterator[EmbeddedRedis]:
    options = ["--replicaof", f"127.0.0.1 {primary.port}", "--repl-ping-replica-period", "1"]
    ask(primary.port, "CONFIG", "SET", "repl-diskless-sync-delay", 0)
    with EmbeddedRedis(options=options) as server:
        wait_until(lambda: is_confirmed(primary), what="the replica")
        yield server
        server.resume()


def raw(server: EmbeddedRedis) -> str:
    """Return what a primary says of its replicas."""
    return ask(server.port, "INFO", "replication").replace("': '", "=").replace("': ", "=").replace("'", "")


def is_confirmed(server: EmbeddedRedis) -> bool:
    """Tell whether a replica confirms what is written now: it does only some time after it is online."""
    with redis.Redis(port=server.port) as client:
        client.set("x", 1)
        return bool(client.wait(1, 100))


@pytest.fixture
def links() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def queue_on(links: ExitStack, server: EmbeddedRedis, replicas: int, max_messages: int = 1000) -> DataQueue:
    queue = DataQueue.connect(server.url, max_messages=max_messages, replicas=replicas)
    links.callback(queue.close)
    links.callback(queue.link.close)
    return queue


def with_patience(queue: DataQueue, number: int) -> int:
    """Return what a put returns, 0 where it is not confirmed."""
    try:
        return queue.put(poll(number, 3), timeout=0.4)
    except RedisUnavailableError:
        return 0


def kinds(server: EmbeddedRedis) -> list[str]:
    link = RedisLink(server.url)
    entries = link.command("XRANGE", KEYS.events, "-", "+")
    link.close()
    return [fields[b"kind"].decode() for _, fields in entries]


def test_what_a_put_returned_for_is_on_the_replica(
    primary: EmbeddedRedis, replica: EmbeddedRedis, links: ExitStack
) -> None:
    queue = queue_on(links, primary, 1)
    assert queue.put(poll(1, 3)) == 1
    assert queue.put_many([poll(2, 3), poll(3, 3)]) == 2
    assert ask(replica.port, "LLEN", KEYS.data_queue) == "3"
    assert queue.replicas_missing is None
    assert kinds(primary) == []


def test_a_message_stays_with_its_producer_until_the_replica_has_it_and_is_queued_once(
    primary: EmbeddedRedis, replica: EmbeddedRedis, links: ExitStack
) -> None:
    """A replica that lags: each try waits for the same message, and puts only what is new behind it."""
    queue = queue_on(links, primary, 1)
    queue.put(poll(0, 3))
    replica.pause()
    for _ in range(3):
        with pytest.raises(RedisUnavailableError, match="it is queued, and 0 of 1 replicas have confirmed"):
            queue.put_many([poll(1, 3), poll(2, 3)], timeout=0.4)
    with pytest.raises(RedisUnavailableError, match="0 of 1"):
        queue.put_many([poll(1, 3), poll(2, 3), poll(3, 3)], timeout=0.4)
    assert queue.depth() == 4
    replica.resume()
    assert queue.put_many([poll(1, 3), poll(2, 3), poll(3, 3)], timeout=5) == 3
    assert queue.depth() == 4
    # And: other messages are other messages.
    assert queue.put_many([poll(1, 3)]) == 1
    assert queue.depth() == 5


def test_one_message_alone_is_queued_once_too(primary: EmbeddedRedis, replica: EmbeddedRedis, links: ExitStack) -> None:
    queue = queue_on(links, primary, 1)
    replica.pause()
    for _ in range(3):
        with pytest.raises(RedisUnavailableError, match="0 of 1"):
            queue.put(poll(1, 3), timeout=0.4)
    replica.resume()
    assert queue.put(poll(1, 3), timeout=5) == 1
    assert queue.depth() == 1


def test_on_another_connection_it_is_put_again(
    primary: EmbeddedRedis, replica: EmbeddedRedis, links: ExitStack
) -> None:
    """WAIT waits for what its own connection wrote: on another one it would say yes to anything."""
    queue = queue_on(links, primary, 1)
    replica.pause()
    with pytest.raises(RedisUnavailableError, match="0 of 1"):
        queue.put_many([poll(1, 3)], timeout=0.4)
    ask(primary.port, "CLIENT", "KILL", "TYPE", "normal")
    with pytest.raises(RedisUnavailableError):
        queue.put_many([poll(1, 3)], timeout=0.4)
    with pytest.raises(RedisUnavailableError, match="0 of 1"):
        queue.put_many([poll(1, 3)], timeout=0.4)
    assert queue.depth() == 2
    replica.resume()
    assert queue.put_many([poll(1, 3)], timeout=5) == 1


def test_on_a_primary_that_is_demoted_meanwhile_nothing_is_confirmed(
    primary: EmbeddedRedis, replica: EmbeddedRedis, links: ExitStack
) -> None:
    """Kind: an answer of another form. A replica's ROLE has no list of replicas: it ended who put."""
    queue = queue_on(links, primary, 1)
    replica.pause()
    with pytest.raises(RedisUnavailableError, match="0 of 1"):
        queue.put_many([poll(1, 3)], timeout=0.4)
    ask(primary.port, "REPLICAOF", "127.0.0.1", replica.port)
    for _ in range(2):
        with pytest.raises(RedisUnavailableError, match="READONLY"):
            queue.put_many([poll(1, 3)], timeout=0.4)
    ask(primary.port, "REPLICAOF", "NO", "ONE")


def test_without_a_replica_it_goes_on_and_says_so(
    primary: EmbeddedRedis, replica: EmbeddedRedis, links: ExitStack, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = queue_on(links, primary, 1)
    queue.put(poll(1, 3))
    replica.stop()
    wait_until(lambda: "connected_slaves=0" in raw(primary), what="no replica")
    # It may be the primary by now: only after some seconds it is gone for good.
    with pytest.raises(RedisUnavailableError, match=r"0 of 1 replicas .*\(0 are connected\)"):
        queue.put(poll(2, 3), timeout=0.4)
    assert wait_until(lambda: with_patience(queue, 2), GRACE_S + 5, "a put without replicas") == 2
    for number in range(3, 5):
        assert queue.put(poll(number, 3)) == number
    missing = queue.replicas_missing
    assert missing == "Redis has 0 of 1 replicas that DATA_QUEUE_REPLICAS wants"
    assert kinds(primary) == ["replicas_missing"]
    replica.start()
    wait_until(lambda: is_confirmed(primary), what="the replica")
    queue.put(poll(5, 3), timeout=5)
    missing = queue.replicas_missing
    assert missing is None
    assert kinds(primary) == ["replicas_missing", "replicas_back"]
    assert capsys.readouterr().out.count("readings go on without") == 1


def test_a_full_queue_is_full_with_replicas_too(
    primary: EmbeddedRedis, replica: EmbeddedRedis, links: ExitStack
) -> None:
    queue = queue_on(links, primary, 1, max_messages=3)
    assert queue.put_many([poll(number, 3) for number in range(5)]) == 3
    with pytest.raises(QueueFullError):
        queue.put(poll(9, 3), timeout=1)
    assert ask(replica.port, "LLEN", KEYS.data_queue) == "3"
