"""HANDSHAKE: a request on Redis has a group polled once, and whoever asked learns what became of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.poller.handshake.requests import PollRequests
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.poller.groups import group_on_request, outcome
from tests.integration.poller.pollers import PollerProcess, command, queued, start


@pytest.fixture
def poller(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, keys: Keys, link: RedisLink, tmp_path: Path
) -> PollerProcess:
    """A poller with one HANDSHAKE group, ready to be asked."""
    poller = start(pollers, group_on_request("line 1"), redis_server.url, keys.namespace, tmp_path)
    wait_until(lambda: link.hash(keys.service("poller", "poller-1")).get("groups"), what="the poller")
    return poller


@pytest.fixture
def requests(link: RedisLink, keys: Keys) -> PollRequests:
    return PollRequests(link, keys)


@pytest.mark.usefixtures("poller")
def test_a_triggered_group_is_read_once_and_the_requester_sees_the_outcome(
    redis_server: EmbeddedRedis, link: RedisLink, keys: Keys
) -> None:
    settings = {"REDIS_URL": redis_server.url, "REDIS_NAMESPACE": keys.namespace}
    done = command("trigger", "line 1", "--wait", **settings)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["values"], told["errors"]) == ("read", 20, 0)
    assert (told["group"], told["poller"]) == ("line 1", "poller-1")
    (message,) = wait_until(lambda: queued(link, keys), what="the reading")
    assert (message.mode, message.group_name, len(message.tag_values)) == ("HANDSHAKE", "line 1", 20)
    assert link.command("KEYS", f"{{{keys.namespace}}}:poll_requests*") == []
    status = wait_until(
        lambda: [one for one in json.loads(link.hash(keys.service("poller", "poller-1"))["groups"]) if one["polls"]],
        what="the status",
    )
    assert (status[0]["mode"], status[0]["interval_ms"], status[0]["polls"]) == ("HANDSHAKE", None, 1)
    # It can be looked up again for a while, and then goes.
    assert 0 < link.command("TTL", keys.poll_result(told["request_id"])) <= 60
    without = command("trigger", "line 1", **settings)
    assert (without.returncode, len(without.stdout.strip())) == (0, 16)


@pytest.mark.usefixtures("poller")
def test_whose_clock_is_behind_is_served_all_the_same(link: RedisLink, keys: Keys, requests: PollRequests) -> None:
    """Kind: an age by two clocks. A requester whose clock was eleven seconds behind was told each time that its request
    had expired, and its groups were never polled.
    """
    # Given: a poller that has looked before
    assert outcome(requests, requests.ask("line 1"))["state"] == "read"
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    for request_id in ("plc-7", "plc-8"):
        asked = {"group": "line 1", "request_id": request_id, "requested_at": an_hour_ago}
        link.command("RPUSH", keys.poll_requests, json.dumps(asked))
        assert outcome(requests, request_id)["state"] == "read"


@pytest.mark.usefixtures("poller")
def test_any_program_can_ask_with_one_push(link: RedisLink, keys: Keys) -> None:
    link.command("RPUSH", keys.poll_requests, json.dumps({"group": "line 1", "request_id": "plc-7"}))
    wait_until(lambda: queued(link, keys), 5, "the reading")
    assert json.loads(wait_until(lambda: link.command("LINDEX", keys.poll_result("plc-7"), 0)))["state"] == "read"


@pytest.mark.usefixtures("poller")
def test_requests_at_once_are_one_poll_and_all_see_its_outcome(
    requests: PollRequests, link: RedisLink, keys: Keys
) -> None:
    raws = [json.dumps({"group": "line 1", "request_id": f"r{number}"}) for number in range(10)]
    link.command("RPUSH", keys.poll_requests, *raws)
    outcomes = [outcome(requests, f"r{number}") for number in range(10)]
    assert {one["state"] for one in outcomes} == {"read"}
    assert len({one["timestamp"] for one in outcomes}) == 1
    assert len(wait_until(lambda: queued(link, keys), what="the reading")) == 1


def test_what_can_not_be_polled_is_refused_with_the_reason(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, requests: PollRequests, keys: Keys, tmp_path: Path
) -> None:
    start(pollers, group_on_request("line 1", "FIXED"), redis_server.url, keys.namespace, tmp_path)
    fixed = outcome(requests, requests.ask("line 1"))
    assert fixed["state"] == "refused"
    assert fixed["message"] == "group 'line 1' is not of mode HANDSHAKE: it polls by itself"
    settings = {"REDIS_URL": redis_server.url, "REDIS_NAMESPACE": keys.namespace}
    unknown = command("trigger", "line 9", "--wait", **settings)
    assert unknown.returncode == 1
    assert json.loads(unknown.stdout)["message"] == "no poller has a group 'line 9'"


def test_a_request_finds_the_poller_that_has_the_group(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, requests: PollRequests, link: RedisLink, keys: Keys,
    tmp_path: Path,
) -> None:  # fmt: skip
    names = [f"line {number}" for number in range(3)]
    for name in names:
        directory = tmp_path / name
        directory.mkdir()
        start(
            pollers, group_on_request(name), redis_server.url, keys.namespace, directory, INSTANCE_NAME=f"of-{name[-1]}"
        )
    for name in names:
        wait_until(lambda name=name: link.hash(keys.service("poller", f"of-{name[-1]}")).get("groups"), what=name)  # type: ignore[misc]
    asked = {name: requests.ask(name) for name in names * 2}
    for name, request_id in asked.items():
        told = outcome(requests, request_id)
        assert (told["state"], told["poller"]) == ("read", f"of-{name[-1]}")


def test_a_poller_that_died_in_between_carries_out_what_is_fresh_and_nothing_old(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, requests: PollRequests, link: RedisLink, keys: Keys,
    tmp_path: Path,
) -> None:  # fmt: skip
    # Given: what a poller had taken and not yet polled when it was killed.
    now = datetime.now(UTC)
    for request_id, asked_at in (("fresh", now), ("old", now - timedelta(minutes=1))):
        raw = json.dumps({"group": "line 1", "request_id": request_id, "requested_at": asked_at.isoformat()})
        link.command("RPUSH", keys.claimed_poll_requests("poller-1"), raw)
    # If: the next process of that name starts.
    start(pollers, group_on_request("line 1"), redis_server.url, keys.namespace, tmp_path)
    # Expect: each is answered, the old one is not polled.
    assert outcome(requests, "fresh")["state"] == "read"
    assert outcome(requests, "old")["state"] == "expired"
    assert len(wait_until(lambda: queued(link, keys), what="the reading")) == 1
    assert link.command("EXISTS", keys.claimed_poll_requests("poller-1")) == 0


def test_what_is_no_request_is_left_out_and_told(
    poller: PollerProcess, requests: PollRequests, link: RedisLink, keys: Keys
) -> None:
    link.command("RPUSH", keys.poll_requests, "poll everything!")
    assert outcome(requests, requests.ask("line 1"))["state"] == "read"
    poller.wait_for_log("the last of them: not a poll request: ")
    wait_until(lambda: link.command("EXISTS", keys.claimed_poll_requests("poller-1")) == 0, what="the list to be empty")


def test_requests_are_served_again_once_redis_is_back(pollers: list[PollerProcess], keys: Keys, tmp_path: Path) -> None:
    with EmbeddedRedis() as server:
        link = RedisLink(server.url)
        requests = PollRequests(link, keys)
        poller = start(pollers, group_on_request("line 1"), server.url, keys.namespace, tmp_path)
        assert outcome(requests, requests.ask("line 1"))["state"] == "read"
        server.kill()
        poller.wait_for_log("is not usable, trying again")
        server.start()
        # Our own connection was lost with the server; a requester says so and asks anew.
        link.close()
        link = RedisLink(server.url)
        requests = PollRequests(link, keys)
        assert outcome(requests, requests.ask("line 1"))["state"] == "read"
        assert "Traceback" not in poller.log
        link.close()


def test_without_a_poller_the_requester_is_told_after_the_time_that_it_gave(
    redis_server: EmbeddedRedis, keys: Keys
) -> None:
    settings = {"REDIS_URL": redis_server.url, "REDIS_NAMESPACE": keys.namespace}
    none = command("trigger", "line 1", "--wait", "--timeout", "0.3", **settings)
    assert none.returncode == 1
    assert "within 0.3 s: is a poller running?" in none.stderr
    away = command("trigger", "line 1", REDIS_URL="redis://127.0.0.1:1/0")
    assert away.returncode == 1
    assert away.stderr.startswith("error: Redis at 127.0.0.1:1: ")
