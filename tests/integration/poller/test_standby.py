"""Two pollers with the same polling groups: one polls, the other stands by; whatever is done to them, never both."""

import itertools
import json
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.poller.leases import LEASE_S
from shared.keys import Keys
from shared.models import PollingData
from shared.redis.link import RedisLink
from tests.integration.poller.groups import group, group_on_request
from tests.integration.poller.pollers import PollerProcess, command, events, queued, start

INTERVAL_MS = 200

#: What each reads of the other's is told apart by: the seed of a simulator is of no use, both have the same file.
GROUPS = group("line", tags=3, interval_ms=INTERVAL_MS) + group_on_request("asked")


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    """A server that the test may break."""
    with EmbeddedRedis() as server:
        yield server


class Pair:
    """Two pollers, `one` and `two`, of which the first polls."""

    def __init__(self, pollers: list[PollerProcess], url: str, keys: Keys, directory: Path) -> None:
        self.link = RedisLink(url)
        self.keys = keys
        self._pollers, self._url, self._directory = pollers, url, directory
        self.one = self.start("one")
        wait_until(lambda: len(self.readings()) > 2, what="readings of the first")
        self.two = self.start("two")
        wait_until(lambda: self.said("two").get("groups_elsewhere") == "2", what="the second to stand by")

    def start(self, name: str) -> PollerProcess:
        directory = self._directory / name
        directory.mkdir(exist_ok=True)
        return start(self._pollers, GROUPS, self._url, self.keys.namespace, directory, INSTANCE_NAME=name)

    def said(self, name: str) -> dict[str, str]:
        return self.link.hash(self.keys.service("poller", name))

    def readings(self) -> list[PollingData]:
        return [message for message in queued(self.link, self.keys) if message.group_name == "line"]

    def polls(self, name: str) -> list[str]:
        return [group["name"] for group in json.loads(self.said(name).get("groups", "[]"))]

    def holder(self) -> str:
        held = self.link.hash(self.keys.polling_leases)
        return held['["Pline","line"]'].split()[1]

    def wait_for_more(self, what: str, count: int = 3) -> None:
        before = len(self.readings())
        wait_until(lambda: len(self.readings()) >= before + count, LEASE_S + 10, what)


def overlaps(readings: list[PollingData]) -> list[tuple[datetime, datetime]]:
    """Return readings that came at less than half of their interval: another one must have read between."""
    times = sorted(message.timestamp for message in readings)
    near = [(a, b) for a, b in itertools.pairwise(times) if (b - a).total_seconds() < INTERVAL_MS / 2000]
    return [(a, b) for a, b in near if b != a]


@pytest.fixture
def pair(pollers: list[PollerProcess], own_redis: EmbeddedRedis, keys: Keys, tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(pollers, own_redis.url, keys, tmp_path)
    yield pair
    pair.link.close()


def test_the_second_polls_nothing_and_says_who_does(pair: Pair) -> None:
    assert sorted(pair.polls("one")) == ["asked", "line"]
    assert pair.polls("two") == []
    assert int(pair.said("two")["messages_sent"]) == 0
    wait_until(lambda: events(pair.link, pair.keys, "stands_by"), what="the event")
    (event,) = events(pair.link, pair.keys, "stands_by")
    assert event[b"message"] == b"Stands by: 2 polling groups are polled by poller one"
    # A request to poll that comes to the second is carried out by the first.
    outcomes = [
        command("trigger", "asked", "--wait", REDIS_URL=pair._url, REDIS_NAMESPACE=pair.keys.namespace)
        for _ in range(3)
    ]  # fmt: skip
    assert {json.loads(outcome.stdout)["poller"] for outcome in outcomes} == {"one"}


def test_when_the_first_is_stopped_the_second_polls_at_once(pair: Pair) -> None:
    assert pair.one.stop() < 5
    pair.wait_for_more("readings of the second")
    assert pair.holder() == "two"
    gaps = _gaps(pair.readings())
    assert max(gaps) < LEASE_S


def test_when_the_first_is_killed_the_second_takes_over(pair: Pair) -> None:
    pair.one.process.kill()
    pair.one.process.wait()
    pair.wait_for_more("readings of the second")
    assert pair.holder() == "two"
    assert max(_gaps(pair.readings())) < 15
    wait_until(lambda: events(pair.link, pair.keys, "took_over"), what="the event")


def test_a_first_that_is_killed_and_started_again_polls_on_without_waiting(pair: Pair) -> None:
    """Its name tells that its former self is dead; the one that stands by has nothing to do."""
    pair.one.process.kill()
    pair.one.process.wait()
    pair.start("one")
    pair.wait_for_more("readings of the first's second life")
    assert pair.holder() == "one"
    assert pair.polls("two") == []


def test_a_first_that_was_paused_puts_nothing_of_what_it_reads_after_the_takeover(pair: Pair) -> None:
    """Kind: a lease that its holder believes in after it ran out."""
    pair.one.process.send_signal(signal.SIGSTOP)
    pair.wait_for_more("readings of the second")
    pair.one.process.send_signal(signal.SIGCONT)
    wait_until(lambda: pair.said("one").get("groups_elsewhere") == "2", what="the first to stand by")
    pair.wait_for_more("more of the second")
    assert overlaps(pair.readings()) == []
    assert pair.holder() == "two"


def test_after_an_outage_of_redis_the_first_goes_on_and_has_lost_nothing(pair: Pair, own_redis: EmbeddedRedis) -> None:
    own_redis.kill()
    pair.one.wait_for_log("is not usable, trying again")
    # Long enough for every lease to run out.
    away_since = time.monotonic()
    wait_until(lambda: time.monotonic() - away_since > LEASE_S + 1, LEASE_S + 5, "the leases to run out")
    own_redis.start()
    pair.wait_for_more("readings again", 60)
    readings = pair.readings()
    assert overlaps(readings) == []
    assert max(_gaps(readings)) < 2


def _gaps(readings: list[PollingData]) -> list[float]:
    times = sorted({message.timestamp for message in readings})
    return [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
