"""Who may take a polling group's lease, and whose messages of it are put: the scripts, on a real Redis."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from services.poller.leases import LEASE_S, RUN_OUT_S, Leases
from services.poller.news import nobody
from shared.errors import QueueFullError
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.queues.data_queue import DataQueue, HeldMessage
from shared.redis.link import RedisLink
from tests.fakes import FakeClock

LINE, ASKED = '["P1","line"]', '["P1","asked"]'


def hold(
    link: RedisLink, keys: Keys, token: str, *, name: str = "-", outbox: str = "-", lease_ms: int = 60_000,
    may_take: int = 0, groups: Sequence[str] = (LINE,),
) -> list[tuple[int, str]]:  # fmt: skip
    """Ask for leases as a poller does; return the state and the holder of each."""
    arguments: list[str | int] = [token, name, outbox, lease_ms, may_take, *groups]
    _, *found = link.run("hold_groups", [keys.polling_leases], arguments)
    return [(state, holder.decode()) for state, holder, _ in found]


def since_ms(link: RedisLink, keys: Keys, group: str = LINE) -> int:
    return int(link.hash(keys.polling_leases)[group].split()[3])


def test_a_free_group_is_taken_and_kept_and_another_poller_does_not_get_it(link: RedisLink, keys: Keys) -> None:
    assert hold(link, keys, "a", name="one") == [(1, "one")]
    first = since_ms(link, keys)
    assert hold(link, keys, "b", name="two", may_take=1) == [(0, "one")]
    assert hold(link, keys, "a", name="one") == [(1, "one")]
    assert since_ms(link, keys) == first
    assert hold(link, keys, "b", name="two", groups=[LINE, ASKED]) == [(0, "one"), (1, "two")]


def test_a_lease_that_has_run_out_is_taken_only_by_who_saw_it_for_a_while(link: RedisLink, keys: Keys) -> None:
    hold(link, keys, "a", name="one", lease_ms=-1)
    assert hold(link, keys, "b", name="two") == [(-1, "one")]
    # Until then its holder goes on with it, as after an outage of Redis.
    assert hold(link, keys, "a", name="one") == [(1, "one")]
    assert hold(link, keys, "b", name="two", may_take=1) == [(0, "one")]
    hold(link, keys, "a", name="one", lease_ms=-1)
    assert hold(link, keys, "b", name="two", may_take=1) == [(1, "two")]


def test_a_lease_of_before_redis_clock_was_put_back_has_run_out(link: RedisLink, keys: Keys) -> None:
    """Kind: a moment taken for a span: for as long as the clock was put back by, nobody polled what the dead had."""
    hold(link, keys, "a", name="one")
    an_hour_ahead = since_ms(link, keys) + 3_600_000
    link.command("HSET", keys.polling_leases, LINE, f"a one - {an_hour_ahead} {an_hour_ahead + 10_000}")
    assert hold(link, keys, "b", name="two") == [(-1, "one")]
    # Who lives renews it a second later.
    assert hold(link, keys, "a", name="one") == [(1, "one")]
    assert hold(link, keys, "b", name="two", may_take=1) == [(0, "one")]
    link.command("HSET", keys.polling_leases, LINE, f"a one - {an_hour_ahead} {an_hour_ahead + 10_000}")
    assert hold(link, keys, "b", name="two", may_take=1) == [(1, "two")]


@pytest.mark.parametrize("proof", [{"name": "one"}, {"name": "two", "outbox": "disk-1"}])
def test_who_has_the_name_or_the_outbox_of_the_dead_polls_at_once(
    link: RedisLink, keys: Keys, proof: dict[str, Any]
) -> None:
    hold(link, keys, "a", name="one", outbox="disk-1")
    assert hold(link, keys, "b", **proof) == [(1, proof["name"])]


def test_who_has_no_name_and_no_outbox_is_nobodys_successor(link: RedisLink, keys: Keys) -> None:
    """Kind: two that know nothing of themselves are taken for one."""
    hold(link, keys, "a")
    assert hold(link, keys, "b") == [(0, "-")]


def test_only_ones_own_leases_are_given_back(link: RedisLink, keys: Keys) -> None:
    hold(link, keys, "a", name="one")
    link.run("free_groups", [keys.polling_leases], ["b", LINE])
    assert hold(link, keys, "b", name="two") == [(0, "one")]
    link.run("free_groups", [keys.polling_leases], ["a", LINE])
    assert hold(link, keys, "b", name="two") == [(1, "two")]


def put(
    queue: DataQueue, *messages: tuple[str, int, bytes], group: str = LINE, held_since: int = 0
) -> tuple[int, list[int]]:
    queued = queue.put_held(
        [HeldMessage(group, token, held_since, read_at, raw) for token, read_at, raw in messages], 0.2
    )
    return queued.done, [*queued.left_out]


def test_only_what_was_read_by_the_holder_or_before_its_time_is_put(link: RedisLink, keys: Keys) -> None:
    queue = DataQueue(link, keys)
    assert put(queue, ("a", 5, b"nobody holds the group")) == (1, [])
    hold(link, keys, "a", name="one")
    hold(link, keys, "b", name="one")
    taken = since_ms(link, keys)
    done = put(
        queue, ("a", taken - 1, b"before"), ("a", taken, b"since then"), ("b", taken + 1, b"the holder's"),
        ("gone", taken - 9, b"of one long dead"), ("a", taken + 9, b"later"),
    )  # fmt: skip
    assert done == (5, [1, 4])
    assert link.command("LRANGE", keys.data_queue, 0, -1) == [
        b"nobody holds the group", b"before", b"the holder's", b"of one long dead",
    ]  # fmt: skip
    assert put(queue, ("a", taken, b"of another group"), group=ASKED) == (1, [])


def test_a_redis_that_went_back_to_an_earlier_lease_costs_no_reading(link: RedisLink, keys: Keys) -> None:
    """Kind: a lease of the past, from a failover or a backup, by which the holder's readings seem to be another's."""
    queue = DataQueue(link, keys)
    hold(link, keys, "a", name="one")
    old = since_ms(link, keys)
    assert put(queue, ("b", old + 9000, b"read by the holder"), held_since=old + 5000) == (1, [])
    assert put(queue, ("c", old + 9000, b"read by one who never held it")) == (1, [0])
    assert put(queue, ("d", old + 9000, b"read by the one before"), held_since=old - 1) == (1, [0])


@pytest.mark.parametrize(
    "spoil", [("SET", "x"), ("RPUSH", "x"), ("HSET", LINE, "no lease"), ("HSET", LINE, "a - - 9 9e")]
)
def test_leases_that_a_stranger_spoiled_hold_up_no_reading(link: RedisLink, keys: Keys, spoil: tuple[str, ...]) -> None:
    """Kind: a side path that ends the main one: what only tells who may put kept everybody from putting."""
    link.command(spoil[0], keys.polling_leases, *spoil[1:])
    assert put(DataQueue(link, keys), ("a", 5, b"a reading")) == (1, [])


def test_what_is_left_out_needs_no_room_and_the_rest_goes_as_far_as_it_fits(link: RedisLink, keys: Keys) -> None:
    queue = DataQueue(link, keys, max_messages=2)
    hold(link, keys, "b", name="two")
    late = since_ms(link, keys) + 1
    assert put(queue, ("b", 1, b"1"), ("a", late, b"-"), ("b", 1, b"2"), ("a", late, b"-"), ("b", 1, b"3")) == (
        4,
        [1, 3],
    )
    assert put(queue, ("a", late, b"-")) == (1, [0])
    with pytest.raises(QueueFullError):
        put(queue, ("b", 1, b"3"))


class Seeker:
    """The leases of one poller, renewed when told."""

    def __init__(self, link: RedisLink, keys: Keys, name: str) -> None:
        self.clock = FakeClock()
        events = EventLog(link, keys, "poller")
        self.heartbeat = Heartbeat(link, keys, events, "poller", name)
        self.heartbeat.register()
        self.leases = Leases(link=link, keys=keys, process=self.heartbeat, clock=self.clock, tell=nobody, outbox_id=str)
        self.lease = self.leases.of(LINE)

    def renew(self, after_s: float = 1.0) -> bool:
        self.clock.advance(after_s)
        self.leases._note(self.leases._renew([LINE]))
        return self.lease.is_held


def run_out(link: RedisLink, keys: Keys) -> None:
    """Let every lease have run out, as after LEASE_S without its holder."""
    for group, held in link.hash(keys.polling_leases).items():
        link.command("HSET", keys.polling_leases, group, " ".join([*held.split()[:4], "1"]))


def test_the_one_that_stands_by_takes_over_once_it_saw_for_long_enough(link: RedisLink, keys: Keys) -> None:
    async def test() -> None:
        one, two = Seeker(link, keys, "one"), Seeker(link, keys, "two")
        assert (one.renew(), two.renew()) == (True, False)
        assert (two.lease.holder, two.leases.elsewhere) == ("one", 1)
        run_out(link, keys)
        assert [two.renew() for _ in range(3)] == [False, False, True]
        assert (one.renew(), one.lease.holder) == (False, "two")
        # One renewal a second: no later than this after its holder's last one.
        assert LEASE_S + RUN_OUT_S + 2 <= 15

    asyncio.run(test())


def test_what_it_saw_before_it_was_paused_or_redis_away_does_not_count(link: RedisLink, keys: Keys) -> None:
    """Kind: after an outage of Redis all leases have run out, and the first to come takes what another still polls."""

    async def test() -> None:
        one, two = Seeker(link, keys, "one"), Seeker(link, keys, "two")
        assert (one.renew(), two.renew()) == (True, False)
        run_out(link, keys)
        assert [two.renew(), two.renew(after_s=60.0)] == [False, False]
        assert one.renew()
        assert not two.renew()

    asyncio.run(test())
