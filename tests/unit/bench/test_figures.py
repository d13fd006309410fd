import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench import __main__ as command
from bench.figures import Goal, Section
from bench.measure import Series, mean, percentile
from bench.report import as_json, as_lines, as_markdown, summary


def section() -> Section:
    found = Section("writer", "1. Writer", "By turns.")
    found.add("rows", [90_000, 110_000, 100_000], "rows/s", 0)
    found.add("ratio", [0.9], goal=Goal(at_least=0.85))
    found.add("cost", [4.5], goal=Goal(at_most=4))
    found.notes.append("the disk is the limit")
    return found


@pytest.mark.parametrize(
    ("percent", "value"), [(1, 1.0), (50, 1.0), (90, 1.0), (90.1, 2.0), (95, 2.0), (99, 2.0), (100, 9.0)]
)
def test_percentile_counts_weights(percent: float, value: float) -> None:
    assert percentile([(9.0, 1), (1.0, 90), (2.0, 9)], percent) == value


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile([], 99) == float("inf")


def test_a_benchmark_that_fails_costs_the_others_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: half an hour of measuring, and a list that was empty took all of it along."""

    def fails(**_: object) -> Section:
        raise IndexError("list index out of range")

    monkeypatch.setitem(command.BENCHMARKS, "consumer", fails)
    monkeypatch.setitem(command.BENCHMARKS, "writer", lambda **_: section())
    file = tmp_path / "run.json"
    done = CliRunner().invoke(command.app, ["consumer", "writer", "--json", str(file)])
    assert "IndexError: list index out of range" in done.output
    assert "not met: consumer: failed; 1. Writer: cost" in done.output
    assert [found["name"] for found in json.loads(file.read_text())["sections"]] == ["consumer", "writer"]


def test_mean_counts_weights() -> None:
    assert mean([(1.0, 3), (5.0, 1)]) == 2.0


def test_a_figure_is_its_median_and_is_held_against_its_goal() -> None:
    rows, ratio, cost = section().figures
    assert rows.series == Series.of([90_000, 110_000, 100_000])
    assert rows.series.median == 100_000
    assert (rows.is_met, ratio.is_met, cost.is_met) == (None, True, False)


def test_what_is_not_met_is_said_wherever_a_run_is_shown() -> None:
    table = as_markdown(section())
    assert "| rows | 100,000 rows/s | 90,000, 110,000 |  |  |" in table
    assert "| ratio | 0.90 |  | at least 0.85 | yes |" in table
    assert "| cost | 4.50 |  | at most 4.00 | **no** |" in table
    assert "- the disk is the limit" in table
    assert any("cost" in line and "**no**" in line for line in as_lines(section()))
    assert summary([section()]) == "1 of 2 goals met; not met: 1. Writer: cost"


def test_json_holds_every_repetition() -> None:
    document = as_json([section()], "2026-01-01T00:00:00+00:00")
    rows, ratio, _ = document["sections"][0]["figures"]
    assert rows["series"]["values"] == (90_000, 110_000, 100_000)
    assert (rows["median"], ratio["met"]) == (100_000, True)
    assert document["machine"]["python-oracledb"]


def test_a_run_replaces_the_last_one_in_the_document_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{command.BEGIN}\nan old run\n{command.END}\nafter\n")
    monkeypatch.setitem(command.BENCHMARKS, "writer", lambda **_: section())
    done = CliRunner().invoke(command.app, ["writer", "--markdown", str(document)])
    assert done.exit_code == 0, done.output
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "an old run" not in text
    assert "| cost | 4.50 |" in text


def test_a_wrong_name_and_a_document_without_marks_are_refused_before_anything_runs(tmp_path: Path) -> None:
    document = tmp_path / "other.md"
    document.write_text("no marks")
    for arguments in (["nonsense"], ["writer", "--markdown", str(document)]):
        assert CliRunner().invoke(command.app, arguments).exit_code == 2


def test_what_could_not_be_measured_says_why_and_ends_nothing() -> None:
    nothing = Section("hot-spots", "14. Hot spots", "From outside.", notes=["no py-spy is installed"])
    assert list(as_lines(nothing)) == ["\n14. Hot spots", "  - no py-spy is installed"]
    assert as_markdown(nothing) == "## 14. Hot spots\n\nFrom outside.\n\n- no py-spy is installed\n"
