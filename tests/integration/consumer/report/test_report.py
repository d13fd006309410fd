"""What a consumer says of polling groups and names: bounded in number and length, and forgotten in the end."""

import json
from datetime import datetime

import pytest

from sandbox.harness.feed import START
from sandbox.harness.waiting import wait_until
from services.consumer.report import groups
from services.consumer.report.groups import FORGET_GROUP_S, PollingGroups
from shared.journal.events import EventLog
from shared.keys import Keys, polling_field
from shared.messages.salvage import MAX_NAME
from shared.models import PollingData
from shared.records.events import Conflicts, Event
from shared.redis.link import RedisLink
from tests.pipeline import Pipeline


def data(plc_code: str, group_name: str) -> PollingData:
    return PollingData(timestamp=datetime(2026, 1, 1), group_id=1, group_name=group_name, plc_code=plc_code)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten groups are many."""
    monkeypatch.setattr(groups, "MAX_GROUPS", 10)


def see(link: RedisLink, keys: Keys, *names: tuple[str, str]) -> PollingGroups:
    seen = PollingGroups(link, keys)
    for plc_code, name in names:
        seen.see(data(plc_code, name), 1, 0, 1000.0)
    seen.save()
    return seen


def test_groups_of_like_names_are_two(link: RedisLink, keys: Keys) -> None:
    """Kind: two names that become one."""
    see(link, keys, ("A/B", "C"), ("A", "B/C"))
    stored = link.hash(keys.polling)
    assert set(stored) == {'["A/B","C"]', '["A","B/C"]'}
    assert json.loads(stored['["A","B/C"]'])["plc_code"] == "A"


@pytest.mark.usefixtures("small")
def test_the_number_of_groups_is_bounded_over_all_consumers(link: RedisLink, keys: Keys) -> None:
    """Kind: what comes from outside has no bound: each of several consumers kept 1,000."""
    first = see(link, keys, *(("P", f"g{number}") for number in range(8)))
    second = see(link, keys, *(("Q", f"g{number}") for number in range(8)))
    assert (first.left_out, second.left_out) == (0, 6)
    assert len(link.hash(keys.polling)) == link.command("ZCARD", keys.polling_seen) == 10
    # Those that are known go on.
    first.see(data("P", "g3"), 7, 0, 2000.0)
    first.save()
    assert json.loads(link.hash(keys.polling)[polling_field("P", "g3")])["values"] == 7


def test_a_group_that_is_gone_is_forgotten(link: RedisLink, keys: Keys) -> None:
    """Kind: what comes from outside stays for ever."""
    see(link, keys, ("P", "gone"), ("P", "here"))
    link.command("ZINCRBY", keys.polling_seen, -FORGET_GROUP_S - 10, polling_field("P", "gone"))
    see(link, keys, ("P", "here"))
    assert set(link.hash(keys.polling)) == {polling_field("P", "here")}
    assert link.command("ZCARD", keys.polling_seen) == 1


def test_fields_of_an_older_version_give_way_and_are_forgotten_in_the_end(link: RedisLink, keys: Keys) -> None:
    link.command("HSET", keys.polling, "P/line 1", "{}", "P/line 2", "{}")
    see(link, keys, ("P", "line 1"))
    assert set(link.hash(keys.polling)) == {polling_field("P", "line 1"), "P/line 2"}
    link.command("ZINCRBY", keys.polling_seen, -FORGET_GROUP_S - 10, "P/line 2")
    see(link, keys, ("P", "line 1"))
    assert set(link.hash(keys.polling)) == {polling_field("P", "line 1")}


def test_a_name_of_a_megabyte_goes_nowhere(pipeline: Pipeline) -> None:
    """Kind: a text from outside goes on in full: names of 1 MB took 673 MB of the monitor."""
    pipeline.start_and_wait("consumer")
    message = {"timestamp": START.isoformat(), "plc_code": "P", "group_name": "g" * 1_000_000, "tag_values": {"D": 1}}
    too_long = {**message, "plc_code": "P" * 1_000_000}
    unreadable = {**message, "timestamp": "t" * 1_000_000}
    raws = [json.dumps(each).encode() for each in (message, too_long, unreadable)]
    pipeline.link.command("RPUSH", pipeline.keys.data_queue, *raws)
    (field,) = wait_until(lambda: pipeline.link.hash(pipeline.keys.polling), what="the group")
    assert len(json.loads(field)[1]) < MAX_NAME + 50
    wait_until(lambda: "message_rejected" in events(pipeline), what="the event")
    assert pipeline.link.command("MEMORY", "USAGE", pipeline.keys.events, "SAMPLES", 0) < 20_000
    assert pipeline.link.command("MEMORY", "USAGE", pipeline.keys.rejected_messages, "SAMPLES", 0) < 20_000
    assert len(pipeline.log("consumer")) < 20_000


def test_two_tags_of_one_name_are_told(pipeline: Pipeline) -> None:
    """Kind: two names that become one: the table took each for the other, and nobody said so."""
    pipeline.start_and_wait("consumer")
    for plc, tag in (("A.B", "C"), ("A", "B.C"), ("A", "B.D"), ("A.B", "C"), ("A", "B.C")):
        pipeline.queue.put({"timestamp": START.isoformat(), "plc_code": plc, "tag_values": {tag: 1}})
    told = "PLC A tag B.C and PLC A.B tag C are both A.B.C"
    name = next(name for name in pipeline.living() if name.startswith("consumer"))
    key = pipeline.keys.service(*name.split(":", 1))
    wait_until(lambda: pipeline.link.hash(key).get("name_clash") == told, what="the heartbeat to say")
    assert pipeline.link.hash(key)["name_clashes"] == "1"
    assert f"Two tags, one name: {told}" in pipeline.log("consumer")
    assert "TAG_NAME_SEPARATOR" in pipeline.log("consumer")
    assert "name_clash" in events(pipeline)


def test_an_event_is_bounded_whatever_its_words_come_from(link: RedisLink, keys: Keys) -> None:
    """Kind: a text from outside goes on in full."""
    EventLog(link, keys, "consumer").add(
        Event.CONFLICTS, "m" * 1_000_000, Conflicts(count=7, tag_name="c" * 1_000_000, timestamp="")
    )
    ((_, fields),) = link.command("XRANGE", keys.events, "-", "+")
    assert len(fields[b"message"]) < 2_100
    assert json.loads(fields[b"details"])["count"] == 7
    assert len(fields[b"details"]) < 500


def events(pipeline: Pipeline) -> str:
    return str(pipeline.link.command("XRANGE", pipeline.keys.events, "-", "+"))
