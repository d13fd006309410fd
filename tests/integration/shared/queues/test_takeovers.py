"""Lists that are taken over from the dead: counted by who opens them, apart where each message is work of its own."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from sandbox.harness.redis import EmbeddedRedis
from shared.errors import RedisUnavailableError
from shared.journal.events import EventLog
from shared.keys import Keys, list_takeovers
from shared.life.heartbeat import HEARTBEAT_EXPIRY_S, Heartbeat
from shared.queues.claims import MAX_TAKEOVERS, Claims
from shared.queues.data_queue import DataQueue, MessageBatch
from shared.redis.link import RedisLink
from tests.lossy_proxy import LossyProxy


class Consumer:
    """What a consumer has of Redis; dies without a word when it is forgotten."""

    def __init__(self, url: str, keys: Keys, name: str) -> None:
        self.link, self.keys = RedisLink(url), keys
        events = EventLog(self.link, keys, "consumer")
        self.heartbeat = Heartbeat(self.link, keys, events, "consumer", name)
        self.heartbeat.register()
        self.claims = Claims(
            self.link, keys, self.heartbeat, events, role="consumer", index_key=keys.claimed,
            list_key=keys.claimed_list, apart=True,
        )  # fmt: skip
        self.queue = DataQueue(self.link, keys)

    def claim(self) -> MessageBatch | None:
        return self.queue.claim(self.claims, 500, 10**6)

    def die(self) -> None:
        self.heartbeat.close()

    def lists(self) -> dict[str, int]:
        """Return how many messages each claimed list holds."""
        names = sorted(name.decode() for name in self.link.command("SMEMBERS", self.keys.claimed))
        return {name: self.link.command("LLEN", name) for name in names}


@pytest.fixture
def proxy(redis_server: EmbeddedRedis) -> Iterator[LossyProxy]:
    with LossyProxy(redis_server.port) as proxy:
        yield proxy


def test_messages_of_the_dead_come_one_by_one_in_order_and_are_counted_when_opened(
    redis_server: EmbeddedRedis, keys: Keys
) -> None:
    """Kind: a poison message: who takes a batch over dies of it, too, and nobody can tell of which message."""
    one, two = (Consumer(redis_server.url, keys, name) for name in ("one", "two"))
    one.link.command("RPUSH", keys.data_queue, "a", "b", "c")
    assert one.claim() is not None
    one.die()
    assert two.claims.sweep() == 3
    assert set(two.lists().values()) == {1}
    assert all(list_takeovers(name) == 0 for name in two.lists()), "nobody worked on them since"
    batches = [two.claim() for _ in range(3)]
    assert [batch.raws for batch in batches if batch] == [[b"a"], [b"b"], [b"c"]]
    assert all(batch and batch.is_taken_over and not batch.is_deadly for batch in batches)
    assert two.claim() is None


def test_a_list_is_found_though_somebody_deletes_the_set_that_names_it(redis_server: EmbeddedRedis, keys: Keys) -> None:
    """Kind: what others may delete. The set was gone, later its owner died: nobody looked for his messages again."""
    one, two = (Consumer(redis_server.url, keys, name) for name in ("one", "two"))
    one.link.command("RPUSH", keys.data_queue, "a", "b", "c")
    held = one.claim()
    assert held is not None
    settled = one.claims.open()
    one.link.command("DEL", keys.claimed)
    one.claims.sweep()
    assert one.lists() == {held.list_key: 3}, f"and not {settled}, which holds nothing"
    one.link.command("PEXPIRE", keys.claimed, 60_000)
    one.claims.sweep()
    assert one.link.command("PTTL", keys.claimed) == -1
    one.die()
    assert two.claims.sweep() == 3


def test_only_what_was_opened_counts(redis_server: EmbeddedRedis, keys: Keys) -> None:
    """Kind: a protection that takes the innocent for the guilty."""
    consumers = [Consumer(redis_server.url, keys, f"c{number}") for number in range(MAX_TAKEOVERS + 2)]
    consumers[0].link.command("RPUSH", keys.data_queue, "poison", "innocent")
    assert consumers[0].claim() is not None
    for before, now in pairwise(consumers[: MAX_TAKEOVERS + 1]):
        before.die()
        now.claims.sweep()
        # It opens the first, and dies of it.
        batch = next(batch for batch in iter(now.claim, None) if batch.raws == [b"poison"])
    assert batch.is_deadly
    now.die()
    last = consumers[-1]
    last.claims.sweep()
    held = {batch.raws[0]: batch for batch in iter(last.claim, None)}
    assert held[b"poison"].is_deadly
    assert list_takeovers(held[b"innocent"].list_key) < list_takeovers(held[b"poison"].list_key)


def test_a_list_that_its_own_process_forgot_is_not_held_against_it(redis_server: EmbeddedRedis, keys: Keys) -> None:
    one = Consumer(redis_server.url, keys, "one")
    one.link.command("RPUSH", keys.data_queue, "a", "b")
    batch = one.claim()
    assert batch is not None
    one.claims.close(batch.list_key)
    assert one.claims.sweep() == 2
    again = one.claim()
    assert again is not None
    assert (again.raws, again.is_taken_over) == ([b"a", b"b"], False), "whole: nobody died"
    one.claims.give_back(again.list_key)
    given_back = one.claim()
    assert given_back is not None
    assert (given_back.raws, given_back.is_taken_over) == ([b"a", b"b"], False)


@pytest.mark.parametrize("step", ["open", "acquit", "put back"])
def test_lost_answers_neither_lose_nor_double(
    redis_server: EmbeddedRedis, keys: Keys, proxy: LossyProxy, step: str
) -> None:
    dead, one = Consumer(redis_server.url, keys, "dead"), Consumer(proxy.url, keys, "one")
    dead.link.command("RPUSH", keys.data_queue, "a")
    assert dead.claim() is not None
    dead.die()
    assert one.claims.sweep() == 1
    if step == "open":
        proxy.lose_next(1, keys.claimed.encode())
        with pytest.raises(RedisUnavailableError):
            one.claim()
    else:
        batch = one.claim()
        assert batch is not None
        proxy.lose_next(1, batch.list_key.encode())
        with pytest.raises(RedisUnavailableError):
            one.claims.acquit(batch.list_key) if step == "acquit" else one.queue.put_back(batch, [b"a"])
        if step == "put back":
            one.queue.put_back(batch, [b"a"])
            one.claims.close(batch.list_key)
    one.claims.sweep()
    again = one.claim()
    assert again is not None
    assert again.raws == [b"a"]
    assert sum(one.lists().values()) + one.queue.depth() == 1
    one.link.close()


def test_the_dead_of_before_redis_clock_was_put_back_do_not_live_for_hours(
    redis_server: EmbeddedRedis, keys: Keys
) -> None:
    """Kind: a moment taken for a span. Redis keeps when a key expires, by the machine's clock; that was put back by
    hours when it had booted (no battery, or a clock of local time), and who had died before "lived" as much longer:
    nobody took over what they held, and their names stayed taken.
    """
    one, two = (Consumer(redis_server.url, keys, name) for name in ("one", "two"))
    one.link.command("RPUSH", keys.data_queue, "a", "b")
    assert one.claim() is not None
    entry = keys.service("consumer", "one")
    one.link.command("PEXPIRE", entry, 3_600_000)
    assert two.claims.sweep() == 0
    left_ms = one.link.command("PTTL", entry)
    assert 0 < left_ms <= HEARTBEAT_EXPIRY_S * 1000
    # Nor may it be longer for who looks for a name, and it is none the longer for being looked at.
    one.link.command("PEXPIRE", entry, 3_600_000)
    beat: list[str | int] = ["another", "", int(HEARTBEAT_EXPIRY_S * 1000), "consumer:one", "state", "starting"]
    assert one.link.run("beat", [entry, keys.services], beat)[0] == 0
    assert one.link.command("PTTL", entry) <= HEARTBEAT_EXPIRY_S * 1000
    one.link.command("PEXPIRE", entry, 1_000)
    assert two.claims.sweep() == 0
    assert one.link.command("PTTL", entry) <= 1_000
