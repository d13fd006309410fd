"""Two names that become one, found without looking at every tag of every message."""

import pytest

from services.consumer.report import names
from services.consumer.report.names import NameWatch


def test_a_plc_whose_code_begins_with_another_shares_names_with_it() -> None:
    """Kind: two names that become one."""
    watch = NameWatch(".")
    assert watch.see("A.B", ["C", "D"]) == []
    assert watch.see("A", ["B", "C"]) == []
    assert watch.see("A.B", ["C", "D"]) == [], "from now on its tags are remembered"
    (clash,) = watch.see("A", ["B", "B.C", "B.X"])
    assert clash.told == "PLC A.B tag C and PLC A tag B.C are both A.B.C"
    assert watch.see("A", ["B.C"]) == watch.see("A.B", ["C"]) == [], "each is told once"
    assert [found.tag_name for found in watch.see("A.B", ["X"])] == ["A.B.X"], "whichever comes last"
    assert watch.clashes == {"A.B.C", "A.B.X"}


def test_plcs_that_have_nothing_in_common_cost_nothing_and_clash_with_nobody() -> None:
    watch = NameWatch(".")
    for plc in ("PLC01", "PLC01B", "PLC.1", "PLC.10"):
        assert watch.see(plc, ["D1", "0.D1", "1.D1"]) == []
    assert watch.clashes == set()
    assert list(watch._plcs.values()) == [None] * 4


def test_another_separator_tells_them_apart() -> None:
    watch = NameWatch("|")
    assert watch.see("A.B", ["C"]) == watch.see("A", ["B.C"]) == []
    assert len([*watch.see("A|B", ["C"]), *watch.see("A", ["B|C"])]) == 1


@pytest.mark.parametrize(("separator", "plc"), [("..", "A."), ("__", "A_"), ("aba", "Aab")])
def test_a_separator_that_overlaps_itself_hides_no_clash(separator: str, plc: str) -> None:
    """Kind: two names that become one: A. + .. + C and A + .. + .C."""
    watch = NameWatch(separator)
    other, name = "A", f"{plc}{separator}C"
    assert watch.see(plc, ["C"]) == watch.see(other, []) == watch.see(plc, ["C"]) == []
    (clash,) = watch.see(other, [name.removeprefix(other + separator)])
    assert clash.tag_name == name


def test_three_that_share_are_told_by_pairs() -> None:
    watch = NameWatch(".")
    assert watch.see("A", ["B.C.D"]) == watch.see("A.B", []) == watch.see("A", ["B.C.D"]) == []
    assert len(watch.see("A.B", ["C.D"])) == 1
    assert watch.see("A.B.C", ["E"]) == []
    assert watch.see("A.B.C", ["D"]) == [], "the name is known to be shared"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_PLCS", 500)
    monkeypatch.setattr(names, "MAX_ADDRESSES", 2_000)
    watch = NameWatch(".")
    for number in range(names.MAX_PLCS + 100):
        watch.see(f"P{number}", ["D"])
    assert len(watch._plcs) == names.MAX_PLCS
    watch = NameWatch(".")
    for start in range(0, 2 * names.MAX_ADDRESSES, 1000):
        watch.see("A", [f"B.{number}" for number in range(start, start + 1000)])
        watch.see("A.B", [f"{number}" for number in range(start, start + 1000)])
    assert len(watch.clashes) == names.MAX_CLASHES
    seen = [len(plc.seen) for plc in watch._plcs.values() if plc is not None]
    assert len(seen) == 2
    assert max(seen) <= names.MAX_ADDRESSES


def test_what_is_remembered_of_all_plcs_together_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a bound for each of many, and none for all: sixty PLCs below one took the memory that a container has."""
    monkeypatch.setattr(names, "MAX_LETTERS", 100)
    watch = NameWatch(".")
    assert watch.see("A", ["x" * 10]) == []
    for number in range(60):
        assert watch.see(f"A.{number}", [f"{number}-{tag}" for tag in range(10)]) == []
    plcs = filter(None, watch._plcs.values())
    assert 80 < sum(len(address) for plc in plcs for address in plc.seen) <= 100
