"""Redis that went back is told, though its ledger balances. Kind: a judge that lies in what it judges."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.harness.redis import EmbeddedRedis
from shared.counters import Counter
from shared.journal.events import EventLog
from shared.journal.history import SAME_FALL_S, History
from shared.keys import Keys
from shared.queues.snapshot import take_snapshot
from shared.records.events import Event
from shared.redis.link import RedisLink

KEYS = Keys("tagpipe")


class Observer:
    """A process that looks, on a connection of its own."""

    def __init__(self, url: str) -> None:
        self.link = RedisLink(url)
        self.history = History(self.link, KEYS, EventLog(self.link, KEYS, "writer"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(directory=tmp_path / "redis") as server:
        yield server


@pytest.fixture
def observers(server: EmbeddedRedis) -> Iterator[list[Observer]]:
    found = [Observer(server.url) for _ in range(2)]
    yield found
    for observer in found:
        observer.link.close()


def count(link: RedisLink, inserted: int, written: int) -> None:
    link.commands(
        ("HINCRBY", KEYS.counters, Counter.INSERTED, inserted), ("HINCRBY", KEYS.counters, Counter.WRITTEN, written)
    )


def told(link: RedisLink) -> list[str]:
    entries = link.command("XRANGE", KEYS.events, "-", "+")
    return [fields[b"message"].decode() for _, fields in entries if fields[b"kind"].decode() == Event.REDIS_WENT_BACK]


def look(observers: list[Observer]) -> None:
    for observer in observers:
        observer.history.look()


def test_counters_that_only_grow_are_no_news(observers: list[Observer]) -> None:
    for _ in range(3):
        look(observers)
        count(observers[0].link, 10, 10)
    assert told(observers[0].link) == []
    assert observers[0].link.hash(KEYS.went_back) == {}


@pytest.mark.parametrize("way", ["FLUSHALL", "a copy that was restored", "a file that was lost"])
def test_what_is_forgotten_is_told_once_by_all_together(
    server: EmbeddedRedis, observers: list[Observer], tmp_path: Path, way: str
) -> None:
    link = observers[0].link
    count(link, 100, 40)
    look(observers)
    copies = {path: path.read_bytes() for path in (tmp_path / "redis").rglob("*.aof*") if path.is_file()}
    count(link, 1000, 500)
    look(observers)
    if way == "FLUSHALL":
        link.command("FLUSHALL")
    else:
        server.kill()
        for path, copy in copies.items():
            path.write_bytes(copy) if way == "a copy that was restored" else path.unlink()
        server.start()
        for observer in observers:
            with pytest.raises(Exception, match="closed"):
                observer.history.look()
    look(observers)
    look(observers)
    (message,) = told(link)
    forgotten = "1000 values inserted and 500 written" if "copy" in way else "1100 values inserted and 540 written"
    assert forgotten in message
    assert ("fell" if "copy" in way else "began anew") in message
    record = link.hash(KEYS.went_back)
    assert (record["times"], record["inserted"] + record["written"]) in {("1", "1000500"), ("1", "1100540")}
    # And: the ledger has nothing to say about it.
    assert take_snapshot(link, KEYS)[Counter.INSERTED] in {0, 100}


def test_a_second_time_is_added_until_a_person_acknowledges(observers: list[Observer]) -> None:
    link = observers[0].link
    for number in range(3):
        count(link, 100, 0)
        look(observers)
        link.command("HINCRBY", KEYS.counters, Counter.INSERTED, -7)
        look(observers)
        assert link.hash(KEYS.went_back)["times"] == ["1", "2", "1"][number]
        link.command("HINCRBY", KEYS.went_back, "at", -2 * SAME_FALL_S)
        if number == 1:
            link.command("HSET", KEYS.loss_acknowledged, "at", int(link.server_time()))
    assert link.hash(KEYS.went_back)["inserted"] == "7"
    assert len(told(link)) == 3


def test_counters_that_a_stranger_spoiled_end_nobody_and_are_no_fall(observers: list[Observer]) -> None:
    """Kind: a side path in the main one. Every push of a consumer compares the counters."""
    link = observers[0].link
    count(link, 100, 40)
    look(observers)
    link.command("HSET", KEYS.counters, Counter.WRITTEN, "no count")
    look(observers)
    assert told(link) == []
    link.command("HSET", KEYS.counters, Counter.WRITTEN, 40)
    look(observers)
    assert told(link) == []
