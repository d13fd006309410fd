"""The last value of each tag: what a consumer keeps aside, what Redis holds of it, and that it holds up nobody."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.consumer.report import last_values as module
from services.consumer.report.last_values import (
    LEAST_INTERVAL_S,
    LONGEST_INTERVAL_S,
    MAX_ENTRY_BYTES,
    PAUSE_FACTOR,
    LastValues,
)
from shared.counters import Counter
from shared.errors import RedisRefusedError
from shared.keys import Keys
from shared.messages import encode_polling_data
from shared.models import PollingData, Row, decode_values
from shared.redis.connections import Argument
from shared.redis.link import RedisLink
from tests.fakes import EPOCH, FakeClock, FakeLink
from tests.integration.monitor.monitors import monitor_in_a_thread
from tests.pipeline import Pipeline

NOW = EPOCH.replace(tzinfo=None)


class Stage:
    """Last values over a real Redis, with clocks by hand."""

    def __init__(self, link: RedisLink, keys: Keys, *, is_on: bool = True) -> None:
        self.link, self.keys, self.clock, self.cpu_s = link, keys, FakeClock(0.0), 0.0
        self.last_values = LastValues(link, keys, ".", self.clock, is_on=is_on, cpu_s=lambda: self.cpu_s)

    def see(self, at: datetime = NOW, plc_code: str = "P", **told: object) -> None:
        data = PollingData(timestamp=at, plc_code=plc_code, group_id=1, group_name="G", **told)  # type: ignore[arg-type]
        self.last_values.see(data, encode_polling_data(data))

    def save(self, *, is_short: bool = False) -> None:
        self.clock.advance(LONGEST_INTERVAL_S)
        self.last_values.save(is_short=is_short)

    def held(self) -> dict[str, tuple[str | None, str]]:
        flat = self.link.command("HGETALL", self.keys.last_values)
        return {
            name if isinstance(name, str) else name.decode(): (value.tag_value, value.quality)
            for name, raw in flat.items()
            for value in decode_values([raw if isinstance(raw, bytes) else raw.encode()]).values
        }


@pytest.fixture
def stage(link: RedisLink, keys: Keys) -> Stage:
    return Stage(link, keys)


def test_the_last_of_each_tag_is_kept_as_it_is_stored(stage: Stage) -> None:
    stage.see(tag_values={"a": 1, "b": 2.5, "c": "on"})
    stage.see(NOW + timedelta(seconds=1), tag_values={"a": 2}, error_tags={"b": "timeout"})
    stage.see(plc_code="Q", tag_values={"a": True}, tag_qualities={"a": "UNCERTAIN"})
    stage.save()
    assert stage.held() == {
        "P.a": ("2", "GOOD"), "P.b": (None, "BAD"), "P.c": ("on", "GOOD"), "Q.a": ("1", "UNCERTAIN"),
    }  # fmt: skip


def test_of_several_times_of_one_tag_the_newest_is_the_last_in_whatever_order(stage: Stage) -> None:
    times = [NOW + timedelta(seconds=second) for second in (2, 3, 1)]
    stage.see(tag_values={"b": 0}, rows=[Row("a", at, number) for number, at in enumerate(times)])
    stage.save()
    assert stage.held() == {"P.a": ("1", "GOOD"), "P.b": ("0", "GOOD")}


def test_what_came_late_does_not_push_out_a_newer_one_unless_that_lies_in_the_future(stage: Stage) -> None:
    """Kind: what is sent again after an outage is shown as the present; a clock that was wrong once is never mended."""
    stage.see(tag_values={"a": "new", "b": "wrong clock"}, tag_timestamps={"b": NOW + timedelta(days=400)})
    stage.save()
    stage.see(NOW - timedelta(hours=1), tag_values={"a": "old", "b": "right"})
    stage.save()
    assert stage.held() == {"P.a": ("new", "GOOD"), "P.b": ("right", "GOOD")}


def test_saving_takes_a_fiftieth_of_the_cpu_time_however_many_tags_there_are(stage: Stage) -> None:
    """Kind: a side path that grows with the data until it slows it."""
    stage.save()
    stage.last_values.cpu_s = iter([0.0, 0.02, 0.02]).__next__  # a saving that costs 20 ms
    stage.see(tag_values={"a": 1})
    stage.last_values.save()
    stage.last_values.cpu_s = lambda: stage.cpu_s
    assert stage.held() == {"P.a": ("1", "GOOD")}
    stage.see(NOW + timedelta(seconds=1), tag_values={"a": 2})
    for seconds, cpu_s, expected in (
        (LEAST_INTERVAL_S - 1, 99.0, "1"), (1.5, 0.019 * PAUSE_FACTOR, "1"), (0.1, 0.021 * PAUSE_FACTOR, "2"),
    ):  # fmt: skip
        stage.clock.advance(seconds)
        stage.cpu_s = cpu_s
        stage.last_values.save()
        assert stage.held() == {"P.a": (expected, "GOOD")}, cpu_s


def test_a_turn_ends_soon_and_the_next_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a side path that holds up the data while it is at work."""
    monkeypatch.setattr(module, "SAVED_AT_ONCE", 10)
    for number in range(25):
        stage.see(tag_values={f"t{number}": number})
    stage.clock = stage.last_values.clock = HastyClock()
    counts: list[int] = []
    while not counts or counts[-1] < 25:
        stage.last_values.save()
        counts.append(len(stage.held()))
    assert counts == [10, 20, 25]


class HastyClock(FakeClock):
    """Each look at it takes 6 ms."""

    def monotonic(self) -> float:
        self.advance(0.006)
        return super().monotonic()


def test_names_and_texts_are_bounded(stage: Stage) -> None:
    """Kind: a bound in number, none in bytes."""
    stage.see(tag_values={"long": "x" * 30_000, "n" * 400: 1, "é" * 200: 2, "a": 3})
    stage.save()
    held = stage.held()
    assert held.keys() == {"P.long", "P.a"}
    assert held["P.long"][0] == "x" * 100 + "... (30000 characters)"
    assert stage.last_values.left_out == 2
    assert max(len(raw) for raw in stage.link.command("HVALS", stage.keys.last_values)) <= MAX_ENTRY_BYTES


def test_when_there_is_no_room_what_is_a_week_old_goes_and_the_rest_is_counted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a producer that invents names grows Redis without end."""
    monkeypatch.setattr(module, "MAX_TAGS", 5)
    stage.see(NOW - timedelta(days=8), tag_values={"old1": 1, "old2": 1})
    stage.see(tag_values={"a": 1, "b": 1, "c": 1})
    stage.save()
    stage.see(tag_values={"d": 1, "e": 1, "f": 1})
    stage.save()
    assert stage.held().keys() >= {"P.a", "P.b", "P.c"}
    assert len(stage.held()) == 5
    assert stage.last_values.left_out == 1


def test_what_is_kept_aside_is_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a bound in number, none in bytes. The newest stay."""
    monkeypatch.setattr(module, "MAX_KEPT_BYTES", 3 * 1_000)
    for number in range(50):
        stage.see(tag_values={f"t{number}": "x" * 700})
    stage.save()
    assert stage.held().keys() == {"P.t47", "P.t48", "P.t49"}
    stage.link.command("DEL", stage.keys.last_values)
    monkeypatch.setattr(module, "MAX_TAGS", 2)
    for number in range(50):
        stage.see(tag_values={f"t{number}": 1})
    stage.save()
    assert stage.held().keys() == {"P.t48", "P.t49"}


@pytest.mark.parametrize("tags", [2, 40])
def test_a_message_takes_the_place_of_the_one_before_and_of_no_other(stage: Stage, tags: int) -> None:
    """Kind: what is kept of one message pushes out a tag that only another one had."""
    for number in range(3):
        stage.see(tag_values={f"t{tag}": number for tag in range(tags)})
    stage.see(tag_values={f"t{tag}": "other" for tag in range(1, tags + 1)})
    stage.see(tag_values={f"t{tag}": "no error" for tag in range(tags) if tag}, error_tags={"t0": "timeout"})
    stage.save()
    held = stage.held()
    assert len(held) == tags + 1
    assert (held["P.t0"], held[f"P.t{tags}"]) == ((None, "BAD"), ("other", "GOOD"))


def test_a_redis_short_of_memory_has_it_back_at_once(stage: Stage) -> None:
    """Kind: waste crowds out data."""
    stage.see(tag_values={"a": 1})
    stage.save()
    stage.save(is_short=True)
    assert stage.held() == {}
    stage.see(tag_values={"a": 2})
    stage.save()
    assert stage.held() == {"P.a": ("2", "GOOD")}


def test_switched_off_nothing_is_kept_and_what_was_there_goes(link: RedisLink, keys: Keys) -> None:
    on = Stage(link, keys)
    on.see(tag_values={"a": 1})
    on.save()
    off = Stage(link, keys, is_on=False)
    off.see(tag_values={"b": 1})
    off.save()
    assert off.held() == {}


@pytest.mark.parametrize("is_on", [True, False])
def test_who_lacks_the_right_asks_rarely(*, is_on: bool) -> None:
    """Kind: a side path that costs the main one: each refusal gives up the connections."""
    clock, link = FakeClock(0.0), RefusingLink()
    last_values = LastValues(link, Keys("unit"), ".", clock, is_on=is_on, cpu_s=lambda: 0.0)
    poll = PollingData(timestamp=NOW, plc_code="P", group_id=1, group_name="G", tag_values={"a": 1})
    for _ in range(600):
        clock.advance(1)
        last_values.see(poll, encode_polling_data(poll))
        last_values.save(is_short=clock.seconds > 300)
    assert 1 <= link.refusals <= 120


class RefusingLink(FakeLink):
    """A Redis whose user may not touch the key."""

    refusals = 0

    def command(self, *_args: Argument) -> Any:
        self.refusals += 1
        raise RedisRefusedError("NOPERM this user has no permissions to access one of the keys", "NOPERM")

    def run(self, script: str, keys: Sequence[str], args: Iterable[Argument] = ()) -> Any:
        return self.command(script, *keys, *args)


def test_a_key_that_a_stranger_spoiled_is_said_once_and_holds_up_nobody(stage: Stage, pipeline: Pipeline) -> None:
    """Kind: a side path ends the main one."""
    stage.link.command("SET", stage.keys.last_values, "mine")
    pipeline.start_and_wait("consumer")
    said = "The last values of the tags are not saved, all else goes on"
    pipeline.put(5, 10)
    wait_until(lambda: said in pipeline.log("consumer"), what="the refusal to be said")
    pipeline.put(5, 10)
    wait_until(lambda: pipeline.snapshot()[Counter.INSERTED] == 100, what="all values to go on")
    for _ in range(3):
        stage.see(tag_values={"a": 1})
        stage.save()
    stage.link.command("DEL", stage.keys.last_values)
    stage.see(tag_values={"a": 2})
    stage.save()
    assert stage.held() == {"P.a": ("2", "GOOD")}
    assert pipeline.log("consumer").count(said) == 1


def test_the_last_values_and_the_plcs_are_in_the_api(pipeline: Pipeline, redis_server: EmbeddedRedis) -> None:
    rows = pipeline.put(2, 3) | pipeline.put(1, 3, plc_code="PLC02")
    newest = {name: cells for (name, _), cells in rows.items()}
    pipeline.start_and_wait("consumer")
    with monitor_in_a_thread(redis_server.url, pipeline.keys.namespace) as monitor:
        wait_until(lambda: len(monitor.get("/api/tags").json().get("items", [])) == 6, what="the tags")
        answer = monitor.get("/api/tags?search=PLC02&limit=2").json()
        assert [(item["tag_name"], item["value"], item["quality"]) for item in answer["items"]] == [
            (name, *newest[name]) for name in sorted(newest) if name.startswith("PLC02")
        ][:2]
        assert answer["truncated"] is True
        plcs = monitor.get("/api/plcs").json()
        assert [(plc["plc_code"], plc["tags"]) for plc in plcs["items"]] == [("PLC01", 3), ("PLC02", 3)]
        assert monitor.get("/api/tags?plc=PLC01&search=plc02").json() == {"items": [], "truncated": False}
