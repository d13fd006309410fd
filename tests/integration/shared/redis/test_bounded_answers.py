"""Kind: what others wrote is read whole, however large it is: the memory of a service is theirs to spend."""

import resource
import threading
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.harness.redis import EmbeddedRedis
from shared.errors import AnswerTooLargeError, RedisRefusedError
from shared.keys import Keys
from shared.redis.link import RedisLink

LARGE = 3_000_000


@pytest.fixture
def link(redis_server: EmbeddedRedis) -> Any:
    link = RedisLink(redis_server.url, answer_max_bytes=1_000_000)
    yield link
    link.close()


READS: dict[str, Callable[[RedisLink, str], Any]] = {
    "a command": lambda link, key: link.command("GET", key),
    "several commands": lambda link, key: link.commands(("PING",), ("GET", key)),
    "a script": lambda link, key: link.run("take_turn", [key, f"{key}:told"], ["me", 1000, 1000, 10]),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_an_answer_beyond_the_bound_fails_this_read_and_no_other(
    link: RedisLink, keys: Keys, read: Callable[[RedisLink, str], Any]
) -> None:
    key = f"{{{keys.namespace}}}:large"
    link.command("SET", key, b"x" * LARGE)
    link.run("went_back", [f"{key}:a", f"{key}:b"], [1, 1, 1])
    if read is READS["a script"]:
        link.commands(("SET", key, "me"), ("HSET", f"{key}:told", "alert", b"x" * LARGE))
    for _ in range(2):
        with pytest.raises(AnswerTooLargeError, match="more than 1,000,000 bytes"):
            read(link, key)
        assert link.command("STRLEN", key) > 0
        assert link.run("went_back", [f"{key}:a", f"{key}:b"], [100, 1, 1]) == 0
    link.command("DEL", key, f"{key}:told")
    read(link, key)


def test_what_is_within_the_bound_is_read_however_many_answers_come_on_one_connection(
    link: RedisLink, keys: Keys
) -> None:
    """The bound is that of what is asked at once: a connection that lives for a year reads more than that."""
    key = f"{{{keys.namespace}}}:small"
    link.command("RPUSH", key, *[b"x" * 100_000] * 9)
    for _ in range(5):
        assert len(link.command("LRANGE", key, 0, -1)) == 9
        answers = link.run_all(then=("LRANGE", key, 0, -1))
        assert [len(answer) for answer in answers] == [9]


def test_it_counts_as_the_servers_word_that_is_waited_for_and_not_as_a_server_that_is_away(
    link: RedisLink, keys: Keys
) -> None:
    """Whoever waits until Redis is back waits half a second, says so once, and keeps the connections of others."""
    key = f"{{{keys.namespace}}}:large"
    link.command("SET", key, b"x" * LARGE)
    link.run_all(then=("PING",))
    before = link.connection_number
    other: list[Any] = []

    def read() -> None:
        with pytest.raises(RedisRefusedError) as caught:
            link.command("GET", key)
        other.append(caught.value.code)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert other == ["TOOLARGE"]
    link.run_all(then=("PING",))
    assert link.connection_number == before


def test_a_hash_is_read_as_far_as_it_becomes_no_more_than_that_of_a_small_link(
    redis_server: EmbeddedRedis, keys: Keys
) -> None:
    """Kind: what is small on its way and large where it arrives: a field becomes two texts and a place in a table."""
    link, key = RedisLink(redis_server.url, answer_max_bytes=10**9), f"{{{keys.namespace}}}:hash"
    fill = "for i = 1, ARGV[1], 1000 do local f = {} for j = i, i + 999 do f[#f + 1] = j f[#f + 1] = j end "
    link.command("EVAL", f"{fill} redis.call('HSET', KEYS[1], unpack(f)) end", 1, key, 1000)
    assert link.hash(key)["7"] == "7"
    link.command("EVAL", f"{fill} redis.call('HSET', KEYS[1], unpack(f)) end", 1, key, 400_000)
    with pytest.raises(AnswerTooLargeError, match=r"HGETALL .* more than 8,388,608 bytes"):
        link.hash(key)
    assert len(link.command("HGETALL", key)) == 400_000, "what asks for more gets it"
    link.command("DEL", key)
    link.close()


def test_memory_grows_by_the_bound_and_not_by_what_is_there(redis_server: EmbeddedRedis, keys: Keys) -> None:
    link, key = RedisLink(redis_server.url), f"{{{keys.namespace}}}:huge"
    link.run_all(then=("PING",))
    link.command("SET", key, b"x" * 60_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    link.command("APPEND", key, b"x")
    for _ in range(3):
        with pytest.raises(AnswerTooLargeError):
            link.command("GET", key)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    link.command("DEL", key)
    link.close()
    assert grown < 40_000
