from services.monitor.read.groups import Group, together
from shared.records.polling import PollerGroup, SeenGroup


def seen(name: str, at: float | None) -> SeenGroup:
    return SeenGroup(plc_code="P", group_name=name, last_seen_at=at)


def test_a_group_of_several_partitions_is_one_as_it_was_seen_last() -> None:
    """Kind: a PLC that was given to another partition is silent for ever in the first."""
    own = PollerGroup(name="a", plc_code="P", interval_ms=500.0)
    parts = [
        {("P", "a"): Group(seen("a", 7.0))},
        {("P", "a"): Group(seen("a", 9.0), own)},
        {("P", "a"): Group(seen("a", None))},
    ]
    assert together(parts) == together(reversed(parts)) == {("P", "a"): Group(seen("a", 9.0), own)}


def test_groups_come_by_plc_and_name() -> None:
    parts = [
        {("P", "b"): Group(seen("b", 1.0))},
        {("A", "z"): Group(seen("z", 1.0)), ("P", "a"): Group(seen("a", 1.0))},
    ]
    assert list(together(parts)) == [("A", "z"), ("P", "a"), ("P", "b")]
