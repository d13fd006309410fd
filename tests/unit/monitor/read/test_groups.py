from services.monitor.read.groups import LATE_S, Group, known_groups, together
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


def test_group_that_was_taken_out_of_its_pollers_file_is_gone_and_others_of_its_name_are_not() -> None:
    """Kind: a group is silent for ever because nobody wants it any more."""
    groups = {name: seen(name, 1_000.0) for name in ("a", "b", "c", "d")}
    taken_out = {
        b'["P","a"]': b"! 990000",
        b'["P","b"]': b"poller-1 990000",
        b'["P","c"]': b"! 990000",
        # Polled again by who is no poller of ours, long after
        b'["P","d"]': f"! {1_000_000 - int(LATE_S * 1000) - 1}".encode(),
        b'["P"]': b"! 1", b"\xff": b"! 1", b'["P",1]': b"! 1", b'["P","x"]': b"! " + b"9" * 400, b"": b"",
    }  # fmt: skip
    polled = '[{"plc_code": "P", "name": "c", "mode": "FIXED"}]'
    assert [name for _, name in known_groups(groups, [polled], taken_out)] == ["b", "c", "d"]


def test_group_at_its_end_is_so_when_its_poller_is_gone_until_somebody_polls_it_again() -> None:
    """Kind: what a process knew is gone with it: a recording that was played to its end was silent for a day."""
    groups = {name: seen(name, 1_000.0) for name in ("a", "b", "c")}
    entries = {
        b'["P","a"]': b"= 999000", b'["P","b"]': f"= {1_000_000 - int(LATE_S * 1000) - 1}".encode(),
        b'["P","c"]': b"poller-1 999000",
    }  # fmt: skip
    known = known_groups(groups, [], entries)
    assert [name for (_, name), group in known.items() if group.is_finished] == ["a"]
    living = known_groups(groups, ['[{"plc_code": "P", "name": "a", "state": "running"}]'], entries)
    assert not living["P", "a"].is_finished
