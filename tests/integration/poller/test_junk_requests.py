"""Junk on the list of poll requests costs nobody but itself: not the poller, no group, no other request, no log."""

import json
import threading
import tracemalloc
from pathlib import Path
from time import monotonic

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.poller.handshake.requests import (
    MAX_AT_ONCE,
    MAX_FORWARDED,
    MAX_REQUEST_BYTES,
    ClaimedRequest,
    PollRequests,
    decode_request,
)
from shared.errors import RejectedError
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.poller.groups import group_on_request, outcome
from tests.integration.poller.pollers import PollerProcess, queued, start

DEEP = b'{"group": "line 1", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
JUNK = [
    DEEP, DEEP[:3000], b'{"group": "line 1", "more": ' + b"[" * 1500 + b"]" * 1500 + b"}", b"\xff\xfe", b"", b"null",
    b"[1]", b'{"group": 7}', b'{"group": null}', b'{"group": "line 1", "request_id": 5}', b'{"group": "\\ud800"}',
    b'{"group": "line 1", "requested_at": "0001-01-01T00:00:00+09:00"}', b'{"group": "' + b"x" * 1_000_000 + b'"}',
]  # fmt: skip


@pytest.fixture
def requests(link: RedisLink, keys: Keys) -> PollRequests:
    return PollRequests(link, keys)


@pytest.fixture
def poller(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, keys: Keys, link: RedisLink, tmp_path: Path
) -> PollerProcess:
    """A poller with a HANDSHAKE and a FIXED group."""
    config = group_on_request("line 1") + group_on_request("line 2", "FIXED") + "polls = 100000\n"
    poller = start(pollers, config, redis_server.url, keys.namespace, tmp_path)
    wait_until(lambda: link.hash(keys.service("poller", "poller-1")).get("groups"), what="the poller")
    return poller


@pytest.mark.parametrize("raw", JUNK, ids=range(len(JUNK)))
def test_a_request_that_is_none_is_refused_and_nothing_else(raw: bytes) -> None:
    """Kind: a text from outside that ends the process that parses it."""

    with pytest.raises(RejectedError):
        decode_request(raw)


def test_junk_costs_no_poll_and_no_other_request(
    poller: PollerProcess, requests: PollRequests, link: RedisLink, keys: Keys
) -> None:
    """Kind: a side path (requests) that ends the main one (all groups), again and again."""
    incarnation = link.hash(keys.service("poller", "poller-1"))["incarnation"]
    link.command("RPUSH", keys.poll_requests, *JUNK)
    assert outcome(requests, requests.ask("line 1"))["state"] == "read"
    before = len(queued(link, keys))
    wait_until(lambda: len(queued(link, keys)) > before, what="the FIXED group's next poll")
    assert poller.process.poll() is None
    assert link.hash(keys.service("poller", "poller-1"))["incarnation"] == incarnation
    assert "Traceback" not in poller.log
    wait_until(lambda: link.command("LLEN", keys.claimed_poll_requests("poller-1")) == 0, what="a clean list")


def test_a_key_of_another_type_costs_the_requests_alone(
    poller: PollerProcess, requests: PollRequests, link: RedisLink, keys: Keys
) -> None:
    """Kind: an answer of Redis that should not occur ends more than the path that met it."""
    link.command("SET", keys.poll_requests, "not a list")
    before = len(queued(link, keys))
    wait_until(lambda: len(queued(link, keys)) > before + 2, what="polls of the FIXED group")
    assert poller.process.poll() is None
    link.command("DEL", keys.poll_requests)
    assert outcome(requests, requests.ask("line 1"))["state"] == "read"


def test_the_heartbeat_of_another_may_hold_anything(
    poller: PollerProcess, requests: PollRequests, link: RedisLink, keys: Keys
) -> None:
    """Kind: one process believes what another wrote."""
    for number, groups in enumerate(["{", "[1]", '["a"]', "null", '[{"nome": 1}]', "[" * 100_000]):
        link.command("HSET", keys.service("poller", f"odd-{number}"), "groups", groups)
        link.command("ZADD", keys.services, 1, f"poller:odd-{number}")
    assert outcome(requests, requests.ask("line 9"))["message"] == "no poller has a group 'line 9'"
    assert poller.process.poll() is None
    assert "Traceback" not in poller.log


def test_a_flood_of_junk_is_left_out_quickly_and_does_not_flood_the_log(
    poller: PollerProcess, requests: PollRequests, link: RedisLink, keys: Keys
) -> None:
    """Kind: a log line for each of what anybody can send."""
    for _ in range(10):
        link.command("RPUSH", keys.poll_requests, *(f"junk {number}" for number in range(1000)))
    assert outcome(requests, requests.ask("line 1"))["state"] == "read"
    wait_until(lambda: link.command("LLEN", keys.poll_requests) == 0, what="an empty list")
    assert 0 < poller.log.count("left out") <= 10_000 / MAX_AT_ONCE + 2
    heartbeat = keys.service("poller", "poller-1")
    wait_until(lambda: link.hash(heartbeat)["requests_rejected"] == "10000", what="the count in the heartbeat")


@pytest.mark.parametrize("waits", [False, True], ids=["there before", "comes while it waits"])
def test_what_is_too_large_never_comes_whole_into_the_poller(
    requests: PollRequests, link: RedisLink, keys: Keys, *, waits: bool
) -> None:
    """Kind: something from outside is read whole before its size is known."""
    # Made in Redis itself: the memory that is measured is the poller's alone.
    made = "redis.call('RPUSH', KEYS[1], string.rep('x', 50000000), string.rep('y', ARGV[1] + 1), ARGV[2])"
    arguments = (1, keys.poll_requests, MAX_REQUEST_BYTES, '{"group": "a"}')
    push = threading.Timer(0.3 if waits else 0, lambda: link.command("EVAL", made, *arguments))
    push.start()
    if not waits:
        push.join()
    tracemalloc.start()
    claim = requests.claim("poller-1", forwarded=False, wait_s=5)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    push.join()
    assert (claim.raws, claim.left_out, claim.largest_bytes) == ([b'{"group": "a"}'], 2, 50_000_000)
    assert most_bytes < 5_000_000
    assert requests.claimed("poller-1") == claim.raws


def test_a_poller_with_more_waiting_requests_than_it_can_take_is_given_no_more(
    requests: PollRequests, link: RedisLink, keys: Keys
) -> None:
    """Kind: a list that others fill without a bound."""

    link.command(
        "HSET", keys.service("poller", "far"), "groups", json.dumps([{"name": 7}, {"name": "line 7", "plc_code": "P"}])
    )
    link.command("ZADD", keys.services, monotonic(), "poller:far")
    link.command("RPUSH", keys.forwarded_poll_requests("far"), *[b"{}"] * MAX_FORWARDED)
    raw = b'{"group": "line 7"}'
    refusal = requests.hand_on("near", ClaimedRequest(raw, decode_request(raw)))
    assert refusal == f"{MAX_FORWARDED} requests wait for poller far already"
