"""docs/oracle-stand-in.md: its table of python-oracledb's suite is the one that `make oracle-suite` prints."""

import re

from sandbox.harness.oracle import ROOT
from tools.oracle_suite import KINDS

_PAGE = (ROOT / "docs/oracle-stand-in.md").read_text(encoding="utf-8").partition("## python-oracledb's own suite")[2]


def test_each_failure_of_the_page_is_of_a_kind_that_is_printed() -> None:
    counted = {kind: int(number) for number, kind in re.findall(r"^\| (\d+) \| (.+?) \| no \|$", _PAGE, re.MULTILINE)}
    assert counted.keys() == KINDS.keys()
    passed, failed = (int(found.replace(",", "")) for found in re.findall(r"([\d,]+) (?:passed|failed)", _PAGE)[:2])
    assert sum(counted.values()) == failed
    assert passed >= 1_000
