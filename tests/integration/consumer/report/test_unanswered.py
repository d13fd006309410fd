"""Requests to poll that no poller takes do not fill the Redis that values need."""

from services.consumer.report.unanswered import DROPPED_AFTER_S, MOST_WAITING, UnansweredRequests
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.fakes import FakeClock


def _ask(link: RedisLink, keys: Keys, *requests: str) -> None:
    link.command("RPUSH", keys.poll_requests, *requests)


def _left(link: RedisLink, keys: Keys) -> list[bytes]:
    found: list[bytes] = link.command("LRANGE", keys.poll_requests, 0, -1)
    return found


def test_what_nobody_takes_for_a_minute_is_told_and_dropped_and_what_came_since_stays(
    link: RedisLink, keys: Keys
) -> None:
    """Kind: a side path without a bound. With no poller requests stayed for ever, and took the memory of the values."""
    clock = FakeClock()
    requests = UnansweredRequests(link, keys, clock)
    requests.look()
    assert (requests.waiting, requests.dropped) == (None, None)
    _ask(link, keys, "a", "b")
    requests.look()
    assert (requests.waiting, requests.dropped) == (2, None)
    clock.advance(DROPPED_AFTER_S - 1)
    _ask(link, keys, "c")
    requests.look()
    assert len(_left(link, keys)) == 3
    clock.advance(1)
    requests.look()
    assert (_left(link, keys), requests.dropped) == ([b"c"], 2)
    clock.advance(DROPPED_AFTER_S)
    requests.look()
    assert (_left(link, keys), requests.dropped) == ([], 3)
    requests.look()
    assert requests.waiting is None


def test_of_several_consumers_one_drops_what_is_too_old_and_the_others_nothing_younger(
    link: RedisLink, keys: Keys
) -> None:
    """Kind: what each does by itself is done twice. The second dropped as many, of those that came since."""
    clock = FakeClock()
    both = [UnansweredRequests(link, keys, clock) for _ in range(2)]
    _ask(link, keys, "a", "b")
    for later_s, more in ((0, ()), (DROPPED_AFTER_S - 1, ("c", "d")), (1, ())):
        clock.advance(later_s)
        if more:
            _ask(link, keys, *more)
        for requests in both:
            requests.look()
    assert _left(link, keys) == [b"c", b"d"]
    assert [requests.dropped for requests in both] == [2, None]
    assert both[1].waiting == 2


def test_where_a_poller_lives_they_are_its_own_up_to_a_number(link: RedisLink, keys: Keys) -> None:
    clock = FakeClock()
    requests = UnansweredRequests(link, keys, clock)
    link.command("ZADD", keys.services, link.server_time(), "poller:one")
    _ask(link, keys, "a")
    for _ in range(3):
        requests.look()
        clock.advance(DROPPED_AFTER_S)
    assert (_left(link, keys), requests.waiting, requests.dropped) == ([b"a"], None, None)
    _ask(link, keys, *map(str, range(MOST_WAITING)))
    requests.look()
    assert (len(_left(link, keys)), _left(link, keys)[0], requests.dropped) == (MOST_WAITING, b"0", 1)
    # Spoiled by a stranger it is none of ours, and costs nothing.
    link.command("RENAME", keys.poll_requests, f"{keys.poll_requests}-aside")
    link.command("SET", keys.poll_requests, "x")
    requests.look()
    link.command("RENAME", f"{keys.poll_requests}-aside", keys.poll_requests)
    # One that is gone for longer than a heartbeat is none.
    link.command("ZADD", keys.services, link.server_time() - 60, "poller:one")
    requests.look()
    assert requests.waiting == MOST_WAITING
