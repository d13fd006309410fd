"""What explains a gap, how much of it, and what does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.writer.verify.events import event_causes
from services.writer.verify.gaps import EVER, EXACT_S, Cause, Gap
from shared.records.events import Event, EventRecord, OutboxOverflow
from shared.records.reading import to_json
from shared.zones import zone_of

NOON = datetime(2026, 3, 1, 12)


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def gap(begin: float, end: float, *, tag: str = "P.a", is_open: bool = False) -> Gap:
    return Gap(tag, at(begin), at(end), int(end - begin) - 1, 1.0, is_open)


def event(second: float, kind: str, message: str = "", *, instance: str = "plant-1", **details: Any) -> EventRecord:
    moment = at(second).replace(tzinfo=UTC).timestamp()
    return EventRecord(
        id=f"{moment * 1000:.0f}-0", kind=kind, role="poller", instance=instance, message=message, **details
    )


def explained(found: Gap, *events: EventRecord, zone: str = "UTC") -> dict[str, int]:
    for cause in event_causes(events, zone_of(zone), at(-3600), []):
        cause.explain(found)
    return {what.split(":")[0]: rows for what, rows in found.causes.items()}


def test_an_exact_cause_explains_the_rows_of_its_times_and_no_more_than_it_has() -> None:
    first, second = gap(0, 11), gap(0, 11, tag="P.b")
    cause = Cause("overflow", at(3), at(8), EXACT_S, left=8)
    for one in (first, second):
        cause.explain(one)
    assert (first.causes, first.unexplained) == ({"overflow": 6}, 4)
    assert (second.causes, second.unexplained) == ({"overflow": 2}, 8)
    Cause("of others", at(0), EVER, tags=frozenset({"Q.a"})).explain(first)
    Cause("of another time", at(12), at(20), EXACT_S).explain(first)
    assert first.unexplained == 4


def test_a_poller_that_was_stopped_explains_the_time_until_it_is_back() -> None:
    assert explained(gap(0, 100), event(1, Event.STOPPED), event(99, Event.STARTED)) == {"not polled": 99}
    assert explained(gap(0, 100, is_open=True), event(1, Event.STOPPED)) == {"not polled": 99}
    # Another one's start is not its own; a death without a goodbye explains nothing.
    assert explained(gap(0, 100), event(50, Event.STOPPED), event(60, Event.STARTED, instance="other")) == {
        "not polled": 61,
    }
    assert explained(gap(0, 100), event(99, Event.STARTED)) == {}


def test_a_source_that_was_away_explains_the_time_until_it_is_back() -> None:
    lost = event(2, Event.SOURCE_LOST, "line 1: no answer")
    assert explained(gap(0, 100), lost, event(98, Event.SOURCE_BACK, "line 1: back after 96 s")) == {"not read": 99}
    assert explained(gap(0, 100), lost) == {"not read": 99}


def test_what_a_poller_discarded_is_explained_by_its_own_times() -> None:
    details = to_json(OutboxOverflow(values=30, messages=30, first=at(10).isoformat(), last=at(40).isoformat()))
    found = explained(gap(0, 100), event(60, Event.OVERFLOW, "Poller overflow", details=details))
    assert found == {"discarded by poller plant-1": 30}


@pytest.mark.parametrize(("is_open", "expected"), [(True, {"polling groups were changed": 99}), (False, {})])
def test_a_group_that_was_taken_out_explains_only_what_never_came_back(
    *, is_open: bool, expected: dict[str, int]
) -> None:
    assert explained(gap(0, 100, is_open=is_open), event(1, Event.GROUPS_CHANGED, "1 gone")) == expected


def test_events_are_in_utc_and_the_table_in_the_zone_of_the_sources() -> None:
    nine_hours = 9 * 3600
    found = gap(nine_hours, nine_hours + 100)
    assert explained(found, event(1, Event.STOPPED), event(99, Event.STARTED), zone="Asia/Seoul") == {"not polled": 99}


def test_losses_whose_times_nobody_knows_let_nobody_off_and_are_noted() -> None:
    notes: list[str] = []
    lost = [event(-1, Event.BACKUP_LOST, "before"), event(5, Event.BACKUP_LOST, "7 rows are LOST")]
    assert list(event_causes(lost, UTC, NOON, notes)) == []
    assert notes == ["03-01 12:00:05 7 rows are LOST"]
