"""docs/oracle-stand-in.md says of each claim how it is known, and where that is said."""

import re
from pathlib import Path

import pytest

from services.writer.conformance.command import CLAIMS

PAGE = (Path(__file__).parents[4] / "docs" / "oracle-stand-in.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in PAGE.partition("| claim | known by |")[2].partition("\n\n")[0].splitlines()[2:]
]

#: By what a claim may be known, and what must then be named.
KINDS = {
    "documentation": r"https://docs\.oracle\.com/error-help/db/ora-\d{5}/|(Reference|Guide|Concepts):",
    "driver": r"`[\w/.]+\.(pyx|py|rst)`",
    "report": r"https://github\.com/\S+/issues/\d+",
    "other server": r"live \d\d",
    "ours": r"\w",
    "nobody": r"\w",
}


def test_every_claim_stands_there_once_in_the_order_in_which_it_is_tried() -> None:
    assert [row[0] for row in ROWS] == [claim.name for claim in CLAIMS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_how_a_claim_is_known_is_said_with_its_source(row: tuple[str, str, str, str]) -> None:
    _, kind, where, third = row
    assert kind in KINDS
    assert re.search(KINDS[kind], where), where
    assert re.match(r"holds$|not tried$|differs: \w", third), third


def test_the_codes_of_a_claim_are_those_whose_pages_are_linked() -> None:
    """A link that says one code and leads to another."""
    linked = re.findall(r"\[ORA-(\d{5})\]\(https://docs\.oracle\.com/error-help/db/ora-(\d{5})/\)", PAGE)
    assert linked
    assert [pair for pair in linked if pair[0] != pair[1]] == []


def test_the_tally_of_the_third_opinion_is_that_of_its_column() -> None:
    counted = [sum(row[3].startswith(state) for row in ROWS) for state in ("holds", "differs", "not tried")]
    told = re.search(r"(\d+)\s+claims hold, (\d+) differ, (\d+) can't be tried", PAGE)
    assert told is not None
    assert list(map(int, told.groups())) == counted
