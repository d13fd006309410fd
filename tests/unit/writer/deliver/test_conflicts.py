from collections.abc import Sequence
from typing import Any, cast

from services.writer.deliver.conflicts import LOOKUP_INTERVAL_S, LOOKUP_ROWS, ConflictCheck
from services.writer.oracle.errors import oracle_error
from services.writer.oracle.layout import LAYOUTS, TableWriter
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import SinkError
from shared.events import EventLog
from shared.models import TagValue
from tests.fakes import FakeClock, tag_values


class FakeTable:
    """Holds the same value for every key; counts how often it is asked for how many rows."""

    def __init__(self, text: str | None, error: SinkError | None = None) -> None:
        self.same_value = TableWriter(LAYOUTS["tag_data"], "T", "NULL").same_value
        self.text = text
        self.error = error
        self.asked: list[int] = []

    def lookup(self, values: Sequence[TagValue]) -> list[tuple[str | None, str] | None]:
        self.asked.append(len(values))
        if self.error:
            raise self.error
        return [(self.text, "GOOD")] * len(values)


class SilentEvents:
    def add(self, *_args: Any, **_details: Any) -> None:
        """Say nothing."""


def check(table: FakeTable, clock: FakeClock | None = None) -> ConflictCheck:
    return ConflictCheck(cast("OracleSink", table), cast("EventLog", SilentEvents()), clock or FakeClock())


def test_the_same_value_is_no_conflict_and_another_is() -> None:
    assert check(FakeTable("1.5")).count(tag_values(5, text="1.5")) == 0
    assert check(FakeTable("2.5")).count(tag_values(5, text="1.5")) == 5


def test_thousands_of_duplicates_are_one_small_query_a_second() -> None:
    table, clock = FakeTable("other"), FakeClock()
    conflicts = check(table, clock)
    found = [conflicts.count(tag_values(500)) for _ in range(100)]
    assert table.asked == [LOOKUP_ROWS]
    assert sum(found) == LOOKUP_ROWS
    clock.seconds += LOOKUP_INTERVAL_S
    conflicts.count(tag_values(3))
    assert table.asked == [LOOKUP_ROWS, 3]


def test_a_look_up_that_fails_costs_nothing() -> None:
    assert check(FakeTable("other", oracle_error("DPY-4011", "lost"))).count(tag_values(5)) == 0
