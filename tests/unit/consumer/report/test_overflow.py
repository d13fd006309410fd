from datetime import datetime, timedelta
from itertools import accumulate

import msgspec
import pytest

from services.consumer.report import overflow
from services.consumer.report.overflow import EPISODE_GAP_S, TAGS_NAMED, Episode, is_high
from shared.models import TagValue


def lost(tag: str, second: int) -> TagValue:
    return TagValue(datetime(2026, 1, 1) + timedelta(seconds=second), "P", tag, "1", "GOOD")


@pytest.mark.req("FR-005")
def test_an_episode_holds_count_times_and_the_tags_hit_most() -> None:
    episode = Episode(began_at=100.0, last_at=100.0)
    episode.add([lost("a", 3), lost("b", 1)], 2, at=100.0)
    episode.add([lost("a", 9)], 5, at=102.0)
    assert not episode.is_over(at=102.0 + EPISODE_GAP_S - 0.1)
    assert episode.is_over(at=102.0 + EPISODE_GAP_S)
    assert msgspec.to_builtins(episode.record(ended=True)) == {
        "began_at": 100.0, "ended_at": 102.0, "values": 7, "oldest_timestamp": "2026-01-01T00:00:01",
        "newest_timestamp": "2026-01-01T00:00:09", "tags_hit": 2, "tags": {"P.a": 2, "P.b": 1},
    }  # fmt: skip


def test_a_record_names_only_the_tags_hit_most() -> None:
    episode = Episode(began_at=0.0, last_at=0.0)
    episode.add([lost(f"t{n}", 0) for n in range(100)] + [lost("worst", 0)] * 2, 102, at=0.0)
    record = episode.record(ended=False)
    assert (record.ended_at, record.tags_hit, len(record.tags)) == (None, 101, TAGS_NAMED)
    assert next(iter(record.tags)) == "P.worst"


def test_an_episode_of_invented_names_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: what comes from outside has no bound."""
    monkeypatch.setattr(overflow, "TAGS_COUNTED", 100)
    episode = Episode(began_at=0.0, last_at=0.0)
    for number in range(50):
        episode.add([lost(f"invented-{number}-{n}", 0) for n in range(10)] + [lost("known", 0)], 11, at=0.0)
    assert len(episode.tags) < 120
    assert episode.tags["P.known"] == 50
    assert episode.values == 550


@pytest.mark.req("OPS-1")
def test_the_alert_rises_at_its_threshold_and_ends_only_well_below() -> None:
    figures = [79.9, 80.0, 79.0, 85.0, 70.1, 69.9, 75.0, 80.0]
    raised = [*accumulate(figures, lambda was_high, figure: is_high(figure, 80.0, was_high=was_high), initial=False)]
    assert raised[1:] == [False, True, True, True, True, False, False, True]
