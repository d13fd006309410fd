from dataclasses import replace

import pytest

from sandbox.console import DemoConsole, figures
from sandbox.recording import Comparison, Recording
from sandbox.summary import Accounts, Emitted
from shared.counters import Counter
from shared.queues.snapshot import Snapshot


def _ledger(written: int) -> Snapshot:
    counters = dict.fromkeys(Counter, 0) | {Counter.INSERTED: written, Counter.WRITTEN: written}
    return Snapshot(0.0, 0, 0, 0, 0, 0, 0, counters)


def _accounts(**changes: object) -> Accounts:
    accounts = Accounts(ledger=_ledger(1500), emitted=Emitted(1500, 0, 0), rows=1500, running_s=3.0)
    return replace(accounts, **changes)  # type: ignore[arg-type]


def test_figures_are_one_line_with_their_names() -> None:
    line = figures(_ledger(12_345), 3491.2, 61.0)
    assert line.startswith("    61 s  values/s 3,491  buffer 0  written 12,345  ")
    assert "\n" not in line


def test_without_a_terminal_lines_come_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with DemoConsole() as console:
        for tenth in range(100):
            console.progress(_ledger(tenth * 10), tenth / 10, "draining")
    lines = capsys.readouterr().out.splitlines()
    # The loop takes no five seconds: one line, not before there is something to tell.
    assert lines == [
        "     2 s  values/s 100  buffer 0  written 200  rejected 0  overflow 0  backed up 0  errors 0  (draining)"
    ]


def test_good_summary_is_said_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert DemoConsole().summary(_accounts(), None)
    said = capsys.readouterr()
    assert "written/s" in said.out
    assert "500 over 3.0 s" in said.out
    assert said.out.endswith("every value is accounted for\n")
    assert said.err == ""


def test_bad_summary_says_each_problem_as_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert not DemoConsole().summary(_accounts(emitted=None, rows=1499), None)
    said = capsys.readouterr()
    assert "every value is accounted for" not in said.out
    assert [line.partition(":")[0] for line in said.err.splitlines()] == ["error", "error"]


def test_differences_from_a_file_are_shown_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    recording = Recording(500, 3, {}, ["line 7: it has 2 cells, the header has 4"], 1)
    comparison = Comparison(equal=1499, different=1, examples=["PLC01.A at noon: '1' in the table, '2' in the file"])
    assert not DemoConsole().summary(_accounts(comparison=comparison), recording)
    said = capsys.readouterr().out
    for text in ("500 rows x 3 tags; 1,499 values equal", *comparison.examples, *recording.left_out, "1 lines repeat"):
        assert text in said
