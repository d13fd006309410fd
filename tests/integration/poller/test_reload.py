"""A changed file of polling groups is taken over while the poller runs; what is the same goes on."""

import json
import re
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.monitor.read.reader import RedisReader
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.poller.groups import group
from tests.integration.poller.pollers import PollerProcess, events, queued, start
from tests.pipeline import Pipeline


@pytest.fixture
def poller(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, keys: Keys, link: RedisLink, tmp_path: Path
) -> PollerProcess:
    """A poller with the groups `same`, `other` and `going`."""
    config = group("same") + group("other") + group("going")
    poller = start(pollers, config, redis_server.url, keys.namespace, tmp_path)
    wait_until(lambda: {message.group_name for message in queued(link, keys)} == {"same", "other", "going"})
    return poller


def statuses(link: RedisLink, keys: Keys) -> dict[str, dict[str, Any]]:
    groups = json.loads(link.hash(keys.service("poller", "poller-1")).get("groups", "[]"))
    return {one["name"]: one for one in groups}


def times(link: RedisLink, keys: Keys, name: str) -> list[datetime]:
    return [message.timestamp for message in queued(link, keys) if message.group_name == name]


@pytest.mark.parametrize("how", ["SIGHUP", "changed file"])
def test_only_what_changed_is_started_and_stopped(
    poller: PollerProcess, link: RedisLink, keys: Keys, tmp_path: Path, how: str
) -> None:
    wait_until(lambda: statuses(link, keys).keys() == {"same", "other", "going"}, what="the status")
    before = statuses(link, keys)["same"]["group_id"]
    config = group("new") + group("other", tags=7) + group("same")
    (tmp_path / "groups.toml").write_text(config)
    if how == "SIGHUP":
        poller.process.send_signal(signal.SIGHUP)
    poller.wait_for_log("1 unchanged, started: 'new', restarted: 'other', stopped: 'going'")
    polled = len(times(link, keys, "same"))
    wait_until(lambda: statuses(link, keys).keys() == {"new", "other", "same"}, what="the status")
    # One that was started anew would count from 0 again.
    wait_until(lambda: statuses(link, keys)["same"]["polls"] > polled + 5, what="more polls of the unchanged group")
    same = statuses(link, keys)["same"]
    assert same["group_id"] == before
    assert same["polls"] <= len(times(link, keys, "same"))
    sizes = [len(message.tag_values) for message in queued(link, keys) if message.group_name == "other"]
    assert sizes[-1] > 3 >= sizes[0]
    assert max(times(link, keys, "going")) < max(times(link, keys, "new"))
    assert events(link, keys, "groups_changed")
    assert "Traceback" not in poller.log


def test_a_mistake_changes_nothing_and_is_told_once(
    poller: PollerProcess, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    (tmp_path / "groups.toml").write_text(group("same") + group("other").replace("tags", "tagz"))
    poller.wait_for_log("it holds a mistake: all groups go on as they were")
    assert "groups.toml: group 2 'other': source.tagz is not a key; did you mean tags?" in poller.log
    wait_until(lambda: events(link, keys, "groups_refused"), what="the event")
    count = len(times(link, keys, "going"))
    wait_until(lambda: len(times(link, keys, "going")) > count + 10, what="the group to go on")
    assert poller.log.count("all groups go on as they were") == 1
    # Given the mistake is mended, the file is taken over.
    (tmp_path / "groups.toml").write_text(group("same") + group("other"))
    poller.wait_for_log("2 unchanged, started: none, restarted: none, stopped: 'going'")


def test_a_source_s_changed_file_restarts_its_group_alone(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    tags = tmp_path / "tags.csv"
    tags.write_text("address,name\ni=1,a\n")
    config = group("same") + (
        '[[group]]\nname = "away"\nplc_code = "P"\ninterval_ms = 100\n[group.source]\ntype = "opcua"\n'
        'url = "opc.tcp://127.0.0.1:1"\ntags = {file = "tags.csv"}\n'
    )
    poller = start(pollers, config, redis_server.url, keys.namespace, tmp_path)

    def addresses() -> set[str]:
        away = [message for message in queued(link, keys) if message.group_name == "away"]
        return set(away[-1].error_tags) if away else set()

    wait_until(lambda: addresses() == {"a"}, what="a BAD reading of the first list")
    tags.write_text("address,name\ni=1,a\ni=2,b\n")
    poller.wait_for_log("1 unchanged, started: none, restarted: 'away', stopped: none")
    wait_until(lambda: addresses() == {"a", "b"}, what="a BAD reading of the second list")
    tags.write_text("address,name\nb,b\n")
    poller.wait_for_log("tags.csv: line 2: 'b' is not a node id")
    assert addresses() == {"a", "b"}


def test_group_that_is_taken_out_of_the_file_is_silent_for_nobody(
    pollers: list[PollerProcess], pipeline: Pipeline, redis_server: EmbeddedRedis, link: RedisLink, keys: Keys,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Kind: an alert on a group that a person took away stands for a day; by a change of the file, and by a restart."""
    pipeline.start_and_wait("consumer")
    poller = start(pollers, group("same") + group("going") + group("gone"), redis_server.url, keys.namespace, tmp_path)
    monkeypatch.setattr("services.monitor.read.reader.CONFIGURED_INTERVAL_S", 0.2)
    reader = RedisReader(link, keys)

    def known() -> set[str]:
        return {name for _, name in reader.read().groups}

    wait_until(lambda: known() == {"same", "going", "gone"}, what="all groups")
    (tmp_path / "groups.toml").write_text(group("same") + group("gone"))
    poller.wait_for_log("stopped: 'going'")
    wait_until(lambda: known() == {"same", "gone"}, what="the group to be forgotten")
    # If it is stopped, all its groups are silent: that is news
    poller.stop()
    assert known() == {"same", "gone"}
    # If it comes again with fewer of them
    poller.config = group("same")
    poller.start()
    wait_until(lambda: known() == {"same"}, what="the other group to be forgotten")
    # Expect one that is put back to be there again
    (tmp_path / "groups.toml").write_text(group("same") + group("going"))
    wait_until(lambda: known() == {"same", "going"}, what="the group again")


def test_who_sends_sighup_while_the_poller_starts_does_not_end_it(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, keys: Keys, tmp_path: Path
) -> None:
    """Kind: a signal before there is somebody to hear it. `systemctl reload` just after the start ended the poller."""
    poller = start(pollers, group("1"), redis_server.url, keys.namespace, tmp_path)
    status = Path(f"/proc/{poller.process.pid}/status")
    # Expect: from when it hears SIGTERM at the latest, though it has no groups to take over yet
    begun = wait_until(lambda: text if hears(text := status.read_text(), signal.SIGTERM) else None, every_s=0.001)
    assert hears(begun, signal.SIGHUP)
    poller.process.send_signal(signal.SIGHUP)
    poller.wait_for_log("Poller poller-1 is known to the monitor")


def hears(status: str, signum: int) -> bool:
    """Tell whether a process handles a signal, or ignores it: else it would end it."""
    masks = re.findall(r"^Sig(?:Ign|Cgt):\s*([0-9a-f]+)$", status, re.MULTILINE)
    return any(int(mask, 16) >> (signum - 1) & 1 for mask in masks)
