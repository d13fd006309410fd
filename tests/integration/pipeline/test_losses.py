"""A loss stays visible, with its times and tags, until somebody says that it is known; who and when is kept."""

from typing import Any

from sandbox.harness.waiting import wait_until
from services.monitor.duties import acknowledge
from shared.counters import Counter
from shared.journal.events import EventLog
from shared.records.losses import Loss
from tests.integration.pipeline.acting import Desk, start_desk
from tests.pipeline import Pipeline


def losses(desk: Desk, values_lost: int, *, in_episodes: bool = True) -> dict[str, Any]:
    """Return what is told once so many values are, and the episodes that lost them are over."""

    def told() -> dict[str, Any] | None:
        answer: dict[str, Any] = desk.get("/api/losses")
        ended = sum(episode["values"] for episode in answer["episodes"] if episode["ended_at"])
        is_over = ended == values_lost or not in_episodes
        return answer if answer["values_lost"] == values_lost and is_over else None

    return wait_until(told, 30, what=f"{values_lost} values lost")


def lose(pipeline: Pipeline, values: int) -> None:
    """Put so many values too many, as polls of ten tags."""
    before = pipeline.snapshot()[Counter.OVERFLOWED]
    pipeline.put(polls=values // 10, tags=10)
    wait_until(lambda: pipeline.snapshot()[Counter.OVERFLOWED] == before + values, what=f"{values} lost values")


def test_a_loss_is_told_with_times_and_tags_until_it_is_acknowledged_and_who_did_is_kept(pipeline: Pipeline) -> None:
    """Kind: a loss that a restart, or the next hour, makes disappear; or one that nobody said is known."""
    desk = start_desk(pipeline)
    # Given: nobody drains a buffer of 50 values, and consumers do not hold
    pipeline.start_and_wait("consumer", BUFFER_MAX_SIZE="50", CONSUMER_HOLD_MESSAGES="0")
    pipeline.put(polls=5, tags=10)
    lose(pipeline, 30)
    told = losses(desk, 30)
    (loss,) = told["losses"]
    assert loss["code"] == "values_lost"
    assert loss["message"].startswith("30 values overflowed and are lost (37.500 % of all); collected from 20")
    assert "of PLC01." in loss["message"]
    assert " and 5 more" in loss["message"]
    (episode,) = told["episodes"]
    assert (episode["values"], episode["tags_hit"], loss["since"]) == (30, 10, episode["began_at"])
    assert told["acknowledged_by"] is None
    # If: an operator says that it is known; expect: it is over, and who said so when stays
    done = desk.until(desk.ask("acknowledge")["id"], "done")
    assert done["outcome"] == "Acknowledged: 30 values overflowed and are lost (37.500 % of all)"
    known = losses(desk, 0)
    assert (known["losses"], known["episodes"], known["acknowledged_by"]) == ([], [], "operator at 127.0.0.1")
    assert desk.post("acknowledge").status_code == 409
    (event,) = desk.get("/api/events?kind=acknowledged")["events"]
    assert event["message"] == f"{done['outcome']}, by operator at 127.0.0.1"
    # If: more is lost; expect: that alone is told
    lose(pipeline, 20)
    again = losses(desk, 20)
    assert "20 values overflowed and are lost since the acknowledgement of 20" in again["losses"][0]["message"]
    assert [episode["values"] for episode in again["episodes"]] == [20]


def test_what_was_lost_after_it_was_told_is_not_acknowledged_along_with_it(pipeline: Pipeline) -> None:
    """Kind: a click on what one saw that covers what one did not see."""
    link, keys = pipeline.link, pipeline.keys
    events = EventLog(link, keys, "test")
    link.command("HSET", keys.counters, "inserted", 150, "overflowed", 150)
    told = Loss(overflowed=100, at=1_700_000_000)
    said = acknowledge(link, keys, events, "one", told)
    assert said == "Acknowledged: 100 values overflowed and are lost (66.667 % of all)"
    desk = start_desk(pipeline)
    assert losses(desk, 50, in_episodes=False)["acknowledged_by"] == "one"
    # Who was told less, and comes later, takes nothing back.
    assert "one has acknowledged it" in acknowledge(link, keys, events, "two", Loss(overflowed=7, at=1_600_000_000))
    assert losses(desk, 50, in_episodes=False)["acknowledged_by"] == "one"
