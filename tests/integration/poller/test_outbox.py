"""The durable outbox of a real poller: killed, cut off from Redis for long, and next to another one."""

import signal
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.poller.outbox.spool import file_name
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.poller.groups import group
from tests.integration.poller.pollers import PollerProcess, events, queued, start
from tests.integration.poller.recordings import START, numbers, recording, replay


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    """A server that the test may break."""
    with EmbeddedRedis() as server:
        yield server


def stored(directory: Path) -> int:
    """Return how many messages are in the file of a poller that lives no more."""
    connection = sqlite3.connect(directory / file_name())
    (count,) = connection.execute("SELECT count(*) FROM messages").fetchone()
    connection.close()
    return int(count)


def without_copies(got: list[int]) -> list[int]:
    return [number for place, number in enumerate(got) if number not in got[:place]]


@pytest.mark.req("FR-001", "FR-005")
def test_a_poller_that_is_killed_while_redis_is_away_sends_in_its_next_life_what_it_had_read(
    pollers: list[PollerProcess], own_redis: EmbeddedRedis, keys: Keys, tmp_path: Path
) -> None:
    """The recording makes the order visible. The next life polls something else, so what comes was in the outbox."""
    link = RedisLink(own_redis.url)
    outbox = tmp_path / "outbox"
    first = start(
        pollers, replay(recording(tmp_path, 2000), keys="speed = 50"), own_redis.url, keys.namespace, tmp_path,
        POLLER_OUTBOX_DIR=str(outbox),
    )  # fmt: skip
    wait_until(lambda: len(queued(link, keys)) >= 10, what="some messages")
    own_redis.kill()
    first.wait_for_log("is not usable, trying again")
    wait_until(lambda: (outbox / f"{file_name()}-wal").stat().st_size > 500_000, what="messages on the disk")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    count = stored(outbox)
    assert count > 20
    own_redis.start()
    before = numbers(queued(link, keys))
    second = start(
        pollers, group("other"), own_redis.url, keys.namespace, tmp_path, POLLER_OUTBOX_DIR=str(outbox)
    )  # fmt: skip
    wait_until(lambda: any(m.group_name == "other" for m in queued(link, keys)), what="readings of the second life")
    messages = [message for message in queued(link, keys) if message.group_name == "well"]
    got = numbers(messages)
    assert without_copies(got) == [*range(max(got) + 1)]
    assert got[len(before) :] == [*range(max(got) + 1 - count, max(got) + 1)]
    assert all(message.timestamp == START + timedelta(seconds=message.tag_values["A"]) for message in messages)
    assert f"{count} messages wait since before" in second.log
    second.stop()
    assert stored(outbox) == 0
    link.close()


def test_a_poller_that_is_stopped_while_redis_is_away_leaves_all_its_readings_on_the_disk(
    pollers: list[PollerProcess], own_redis: EmbeddedRedis, keys: Keys, tmp_path: Path
) -> None:
    own_redis.kill()
    outbox = tmp_path / "outbox"
    poller = start(
        pollers, replay(recording(tmp_path, 50), keys="speed = 50"), own_redis.url, keys.namespace, tmp_path,
        POLLER_OUTBOX_DIR=str(outbox),
    )  # fmt: skip
    poller.wait_for_log("Group 'well' is at the end of its source")
    assert poller.stop() < 5
    assert poller.process.returncode == 0
    assert stored(outbox) == 50
    # The next life, with something else to poll, sends them.
    own_redis.start()
    link = RedisLink(own_redis.url)
    start(pollers, group("other"), own_redis.url, keys.namespace, tmp_path, POLLER_OUTBOX_DIR=str(outbox))
    wait_until(lambda: any(m.group_name == "other" for m in queued(link, keys)), what="readings of the second life")
    assert numbers([m for m in queued(link, keys) if m.group_name == "well"]) == [*range(50)]
    link.close()


def test_two_pollers_on_one_directory_send_everything_and_the_second_says_why_it_waits(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    """Kind: two processes that each hold one file for their own."""
    outbox = tmp_path / "outbox"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        start(
            pollers, group(name), redis_server.url, keys.namespace, tmp_path / name,
            POLLER_OUTBOX_DIR=str(outbox), INSTANCE_NAME=name,
        )  # fmt: skip
        wait_until(lambda: name in {message.group_name for message in queued(link, keys)}, what="its readings")  # noqa: B023
    wait_until(lambda: events(link, keys, "outbox_failed"), what="the event")

    def trouble() -> str:
        return link.hash(keys.service("poller", "two")).get("outbox_trouble", "")

    wait_until(lambda: "another process has it" in trouble(), what="the heartbeat to say why")
    pollers[0].stop()
    wait_until(lambda: not trouble(), what="the directory to be free")


def test_a_directory_that_can_not_be_written_does_not_end_the_poller(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    (tmp_path / "a_file").write_text("no directory")
    poller = start(
        pollers, group("one"), redis_server.url, keys.namespace, tmp_path,
        POLLER_OUTBOX_DIR=str(tmp_path / "a_file" / "outbox"),
    )  # fmt: skip
    wait_until(lambda: len(queued(link, keys)) > 5, what="readings")
    assert poller.process.poll() is None
    assert "can't be opened" in link.hash(keys.service("poller", "poller-1"))["outbox_trouble"]
    assert poller.stop() < 5
