"""Last values: found by name and PLC, decoded once, a spoiled one hides no other."""

from dataclasses import replace
from datetime import UTC, datetime

from services.monitor.api.answers.tags import last_values
from services.monitor.read.tags import Tags
from tests.unit.monitor.overviews import make_overview

NOW = datetime(2026, 1, 1, 1)


def tags(**plcs: int) -> Tags:
    return Tags(
        {
            b"%s.D%d" % (plc.encode(), n): b'[1,"2026-01-01T00:00:0%d","%s","D%d","%d","GOOD"]'
            % (n, plc.encode(), n, n)
            for plc, count in plcs.items()
            for n in range(count)
        }
    )


def names(tags: Tags, words: str = "", plc_code: str | None = None) -> list[str]:
    return [last.tag_name for last in tags.search(words, plc_code)]


def test_all_words_are_in_the_name_whatever_their_case() -> None:
    assert names(tags(P=3, Q=2), "d1 p") == ["P.D1"]
    assert names(tags(P=1, Q=2), plc_code="Q") == ["Q.D0", "Q.D1"]
    assert names(tags(P=1), "x") == []


def test_the_tags_of_partitions_are_one_list_by_name() -> None:
    parts = [tags(Q=1), tags(P=2)]
    assert names(Tags(parts=parts)) == ["P.D0", "P.D1", "Q.D0"]
    assert [(plc.plc_code, plc.tags, plc.newest.value.tag_value) for plc in Tags(parts=parts).plcs(NOW)] == [
        ("P", 2, "1"), ("Q", 1, "0"),
    ]  # fmt: skip


def test_a_spoiled_one_hides_no_other() -> None:
    """Kind: one record that can't be read hides the others."""
    spoiled = Tags({**tags(P=2).entries, b"P.x": b"[2]", b"\xff": b"\xff", b"P.y": b"{}"})
    assert names(spoiled) == ["P.D0", "P.D1"]


def test_more_than_the_limit_is_said() -> None:
    overview = replace(make_overview(), tags=tags(P=3))
    for limit, listed, truncated in ((2, 2, True), (3, 3, False)):
        answer = last_values(overview, UTC, "", None, limit)
        assert (len(answer.items), answer.truncated) == (listed, truncated)


def test_one_clock_that_is_wrong_makes_no_plc_look_alive_for_years() -> None:
    """Kind: one outlier in the future stands for all that is around it."""
    wrong = b'[1,"2099-01-01T00:00:00","P","D9","9","GOOD"]'
    (plc,) = Tags({**tags(P=3).entries, b"P.D9": wrong}).plcs(NOW)
    assert (plc.tags, plc.newest.tag_name) == (4, "P.D2")
    (alone,) = Tags({b"P.D9": wrong}).plcs(NOW)
    assert alone.newest.tag_name == "P.D9"
