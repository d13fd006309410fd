"""The poller as a process of its own, against a real Redis that fails in real ways."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.harness.redis import EmbeddedRedis, free_port
from sandbox.harness.waiting import wait_until
from services.monitor.assess.findings.find import find
from services.monitor.assess.trend import Rates
from services.monitor.read.overview import service_of
from shared.keys import Keys
from shared.messages import read_message
from shared.queues.data_queue import DataQueue
from shared.redis.link import RedisLink
from shared.settings.models import BufferSettings
from tests.integration.poller.pollers import PollerProcess, command, events, queued, start
from tests.integration.poller.recordings import START, numbers, recording, replay
from tests.unit.monitor.overviews import make_overview

SIMULATOR = """
[[group]]
name = "line 1"
plc_code = "PLC01"
interval_ms = 100
[group.source]
type = "simulator"
tags = 20
"""


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    """A server that the test may break."""
    with EmbeddedRedis() as server:
        yield server


@pytest.mark.req("FR-018", "OPS-3")
def test_a_recording_played_once_is_queued_to_the_last_value_and_the_poller_ends(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    first, second = recording(tmp_path, 300), recording(tmp_path, 200, "WELL-2_2018.csv")
    config = replay(first, "one") + replay(second, "two")
    poller = start(pollers, config, redis_server.url, keys.namespace, tmp_path)
    assert poller.process.wait(timeout=30) == 0
    messages = queued(link, keys)
    for plc_code, count in (("WELL-1", 300), ("WELL-2", 200)):
        of_plc = [message for message in messages if message.plc_code == plc_code]
        assert numbers(of_plc) == list(range(count))
        assert [message.timestamp for message in of_plc] == [START + timedelta(seconds=n) for n in range(count)]
    assert messages[0].tag_values == {"A": 0, "B": 0.5, "EMPTY": None, "TEXT": "on"}
    assert "Emitted 500 messages with 2000 values; discarded 0 messages with 0 values; 0 messages not" in poller.log
    assert "Shutdown complete" in poller.log
    assert link.command("EXISTS", keys.service("poller", "poller-1")) == 0
    # It says so for who asks later: nobody is silent who has nothing more to say.
    assert {entry.split()[0] for entry in link.hash(keys.polling_configured).values()} == {"="}


def test_a_missing_file_ends_its_group_and_no_other(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    config = replay(tmp_path / "nowhere.csv", "lost") + replay(recording(tmp_path, 50))
    poller = start(pollers, config, redis_server.url, keys.namespace, tmp_path)
    assert poller.process.wait(timeout=30) == 1
    assert numbers(queued(link, keys)) == list(range(50))
    assert "Group 'lost' ends, the others go on: " in poller.log
    assert "Traceback" not in poller.log


@pytest.mark.req("OPS-3", "EC-7")
def test_a_stopped_poller_queues_what_it_read_and_says_what_it_did(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    poller = start(pollers, SIMULATOR, redis_server.url, keys.namespace, tmp_path)
    wait_until(lambda: len(queued(link, keys)) >= 5, what="some messages")
    assert poller.stop() < 5
    assert poller.process.returncode == 0
    messages = queued(link, keys)
    assert f"Emitted {len(messages)} messages with {20 * len(messages)} values; discarded 0" in poller.log
    assert [message.group_name for message in messages] == ["line 1"] * len(messages)
    stamps = [message.timestamp for message in messages]
    assert stamps == sorted(set(stamps))
    assert abs(stamps[-1] - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=1)
    assert len(events(link, keys, "stopped")) == 1


def test_the_heartbeat_tells_of_every_group(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    config = SIMULATOR + replay(tmp_path / "nowhere.csv", "lost")
    start(pollers, config, redis_server.url, keys.namespace, tmp_path)
    key = keys.service("poller", "poller-1")
    wait_until(lambda: int(link.hash(key).get("messages_sent", 0)) > 0, what="a beat with messages")
    beat = link.hash(key)
    simulator, lost = json.loads(beat["groups"])
    assert (simulator["name"], simulator["plc_code"], simulator["interval_ms"]) == ("line 1", "PLC01", 100)
    assert (simulator["state"], lost["state"]) == ("running", "failed")
    assert simulator["polls"] > 0
    assert simulator["values"] == 20 * simulator["polls"]
    assert (beat["state"], beat["ring_overflowed"]) == ("running", "0")


@pytest.mark.req("FR-001")
def test_readings_wait_while_redis_is_away_and_go_on_in_order(
    pollers: list[PollerProcess], own_redis: EmbeddedRedis, keys: Keys, tmp_path: Path
) -> None:
    link = RedisLink(own_redis.url)
    path = recording(tmp_path, 120)
    # 120 lines of a second each, at 60 times their speed: about two seconds.
    poller = start(pollers, replay(path, keys="speed = 60"), own_redis.url, keys.namespace, tmp_path)
    wait_until(lambda: len(queued(link, keys)) >= 10, what="some messages")
    own_redis.kill()
    poller.wait_for_log("Group 'well' is at the end of its source")
    own_redis.start()
    assert poller.process.wait(timeout=30) == 0
    got = numbers(queued(link, keys))
    # Copies of a message whose answer was lost are allowed: the table's key tells them.
    assert sorted(set(got)) == list(range(120))
    assert [number for place, number in enumerate(got) if number not in got[:place]] == list(range(120))
    assert poller.log.count("is not usable, trying again") == 1
    assert "Traceback" not in poller.log
    link.close()


@pytest.mark.req("FR-005", "FR-023")
def test_a_full_ring_discards_the_oldest_counts_them_and_tells_when_redis_is_back(
    pollers: list[PollerProcess], own_redis: EmbeddedRedis, keys: Keys, tmp_path: Path
) -> None:
    link = RedisLink(own_redis.url)
    poller = start(
        pollers, replay(recording(tmp_path, 200), keys="speed = 100"), own_redis.url, keys.namespace, tmp_path,
        POLLER_RING_MAX_MESSAGES="10",
    )  # fmt: skip
    wait_until(lambda: len(queued(link, keys)) >= 10, what="some messages")
    own_redis.kill()
    poller.wait_for_log("Group 'well' is at the end of its source")
    own_redis.start()
    assert poller.process.wait(timeout=30) == 0
    got = set(numbers(queued(link, keys)))
    assert set(range(190, 200)) <= got
    lost = 200 - len(got)
    assert lost > 0
    # One message may have been queued although its answer was lost, and then be discarded and counted.
    # The total of the goodbye; what was discarded since the last beat may be told after it.
    (discarded,) = map(int, re.findall(r"discarded (\d+) messages with", poller.log))
    assert discarded - lost in (0, 1)
    (told,) = events(link, keys, "overflow")
    assert json.loads(told[b"details"])["messages"] == discarded
    link.close()


def test_a_full_data_queue_and_what_is_discarded_for_it_are_seen_by_the_monitor(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    """Kind: a loss that only the log of the one who lost it knows."""
    start(
        pollers, SIMULATOR, redis_server.url, keys.namespace, tmp_path,
        DATA_QUEUE_MAX_MESSAGES="3", POLLER_RING_MAX_MESSAGES="2",
    )  # fmt: skip

    def alerts() -> set[str]:
        poller = service_of("poller", "poller-1", time.time(), link.hash(keys.service("poller", "poller-1")))
        now = make_overview(services=[poller], taken_at=time.time())
        return {finding.code for finding in find(now, Rates(), BufferSettings())}

    wait_until(lambda: alerts() >= {"poller_overflowing", "poller_waiting"}, what="both alerts")
    said = link.hash(keys.service("poller", "poller-1"))
    assert int(said["ring_overflowed"]) > 0
    assert int(said["ring_bytes"]) > 0
    assert int(said["queue_full_times"]) == 1

    def taken_and_told() -> bool:
        link.command("DEL", keys.data_queue)
        return "poller_waiting" not in alerts()

    wait_until(taken_and_told, what="the end of the waiting")


def test_a_recording_as_fast_as_it_is_taken_waits_for_room_and_loses_nothing(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    config = replay(recording(tmp_path, 500))
    poller = start(
        pollers, config, redis_server.url, keys.namespace, tmp_path,
        DATA_QUEUE_MAX_MESSAGES="20", POLLER_RING_MAX_MESSAGES="10",
    )  # fmt: skip
    poller.wait_for_log("Readings wait: the DataQueue holds its maximum of 20 messages")
    assert DataQueue(link, keys).depth() == 20
    got: list[bytes] = []

    def take() -> bool:
        got.extend(link.command("LPOP", keys.data_queue, 7) or [])
        return poller.process.poll() is not None and not link.command("LLEN", keys.data_queue)

    wait_until(take, what="the end of the recording")
    assert numbers([read_message(raw)[0] for raw in got]) == list(range(500))
    assert poller.process.returncode == 0
    assert "discarded 0 messages" in poller.log


@pytest.mark.req("OPS-3")
@pytest.mark.parametrize("trouble", ["killed", "frozen", "never there", "queue full"])
def test_a_poller_stops_in_time_whatever_redis_does(
    pollers: list[PollerProcess], own_redis: EmbeddedRedis, keys: Keys, tmp_path: Path, trouble: str
) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0" if trouble == "never there" else own_redis.url
    limit = "3" if trouble == "queue full" else "10000"
    poller = start(pollers, SIMULATOR, url, keys.namespace, tmp_path, DATA_QUEUE_MAX_MESSAGES=limit)
    if trouble in ("killed", "frozen"):
        link = RedisLink(own_redis.url)
        wait_until(lambda: queued(link, keys), what="a message")
        link.close()
        own_redis.kill() if trouble == "killed" else own_redis.pause()
    poller.wait_for_log("Readings wait" if trouble == "queue full" else "is not usable, trying again")
    # A reading or two that can't be sent.
    time.sleep(0.3)
    took_s = poller.stop()
    own_redis.resume()
    assert poller.process.returncode == 0
    assert took_s < 5
    assert "Traceback" not in poller.log
    left = int(poller.log.split(" messages not sent")[0].split()[-1])
    assert left > 0


def test_a_key_of_another_type_is_one_line_and_ends_nobody(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    link.command("SET", keys.data_queue, "somebody's")
    poller = start(pollers, SIMULATOR, redis_server.url, keys.namespace, tmp_path)
    poller.wait_for_log("WRONGTYPE (should not occur: has something else written to this namespace?)")
    link.command("DEL", keys.data_queue)
    wait_until(lambda: queued(link, keys), what="polls, now that it is cured")
    assert poller.log.count("WRONGTYPE") == 1
    assert "Traceback" not in poller.log


def test_a_wrong_file_stops_the_start_with_a_line_for_each_mistake(
    pollers: list[PollerProcess], namespace: str, tmp_path: Path
) -> None:
    config = SIMULATOR.replace("tags", "tagz").replace("100", "10")
    poller = start(pollers, config, "redis://127.0.0.1:1/0", namespace, tmp_path)
    assert poller.process.wait(timeout=30) == 2
    assert "groups.toml: group 1 'line 1': source.tagz is not a key; did you mean tags?" in poller.log
    assert "groups.toml: group 1 'line 1': interval_ms = 10: " in poller.log
    assert "Traceback" not in poller.log


def test_validate_tells_what_will_be_polled_or_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "groups.toml"
    path.write_text(SIMULATOR + replay(recording(tmp_path, 1)))
    good = command("validate", str(path))
    assert good.returncode == 0
    assert "group 1 'line 1': PLC01, simulator of 20 tags every 100 ms" in good.stdout
    assert "group 2 'well': WELL-1, replay of" in good.stdout
    path.write_text(SIMULATOR + replay(tmp_path / "nowhere.csv"))
    bad = command("validate", str(path))
    assert bad.returncode == 2
    assert f"error: {path}: group 'well': {tmp_path / 'nowhere.csv'}: can't be read" in bad.stderr


def test_help_teaches_and_a_missing_setting_is_told() -> None:
    assert "POLLER_CONFIG=groups.toml python -m services.poller" in command("--help").stdout
    missing = command(POLLER_CONFIG="nowhere.toml")
    assert missing.returncode == 2
    assert missing.stderr == "error: POLLER_CONFIG=nowhere.toml: Path does not point to a file\n"
