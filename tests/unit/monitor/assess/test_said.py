"""Sentences that keep their template and parts, so that another language can say the same."""

import ast
from pathlib import Path

from services.monitor.assess import findings
from services.monitor.assess.assessment import MAX_MESSAGE, alert_of
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.said import Said, Speech, some

#: What the judgement hands on as others said it, in English.
_SAID_BY_OTHERS = {"push_refused", "message"}


class German(Speech):
    def count(self, figure: int, noun: str) -> str:
        return f"{figure} {noun}-de"

    def and_more(self, shown: str, more: int) -> str:
        return f"{shown} und {more} mehr"


def test_sentence_is_its_english_text_and_can_be_said_otherwise() -> None:
    said = Said("{rows:row} in {files:file}, {age:duration} old, {pct:.1f} %", rows=2_000, files=1, age=200, pct=1)
    assert said == "2,000 rows in 1 file, 3 min 20 s old, 1.0 %"
    assert German().fill("{files:file} mit {rows:row}", said.parts) == "1 file-de mit 2000 row-de"


def test_what_comes_from_outside_is_no_template() -> None:
    assert Said("Oracle said {error}", error="{rows:row} {0}") == "Oracle said {rows:row} {0}"


def test_many_names_are_cut_and_counted() -> None:
    names = some(list("abcdefg"), 4_000)
    assert names == "a, b, c, d, e and 3,995 more"
    assert German().fill(names.template, names.parts) == "a, b, c, d, e und 3995 mehr"


def test_alert_keeps_the_sentence_and_its_length_is_bounded() -> None:
    kept = alert_of(Finding("oracle_away", Said("{n:row}", n=3)), 0.0).message
    assert isinstance(kept, Said)
    long = alert_of(Finding("oracle_away", Said("{error}", error="x" * 9_000)), 0.0).message
    assert MAX_MESSAGE < len(long) < MAX_MESSAGE + 50


def test_every_finding_is_said_so_that_it_can_be_translated() -> None:
    """Kind: a sentence put together where it is found, which no other language can take apart."""
    found, wrong = 0, []
    for path in Path(findings.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                message = node.args[1]
                found += 1
                if isinstance(message, ast.JoinedStr | ast.Constant | ast.BinOp):
                    wrong.append(f"{path.name}:{node.lineno}")
                if isinstance(message, ast.Attribute) and message.attr not in _SAID_BY_OTHERS:
                    wrong.append(f"{path.name}:{node.lineno}")
    assert found > 30
    assert wrong == []
