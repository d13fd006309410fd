from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.soak.__main__ import app
from bench.soak.judgement import ROLES, judge
from bench.soak.looks import Looks
from bench.soak.plan import PLANT_HOUR, Plan
from bench.soak.samples import Samples

PLAN = Plan(24, 100_000, 100, 120.0)

END = {
    "emitted": 302_000_000, "rows": 302_000_000, "polls": 30_200, "partial": 0, "again": 0, "missing": 0,
    "bad": 0, "backed_up": 5, "overflowed": 0, "duplicates": 0, "ended": "", "seconds": 3000.0,
}  # fmt: skip


def samples(
    path: Path, *, growth: float = 0.0, age_growth: float = 0.0, end: dict[str, object] | None = None
) -> Samples:
    """Return what a run saw: the writer grows an hour of the plant by so much, ages by so much a sample."""
    found = Samples.into(path, asdict(PLAN))
    found.note({"at_s": 300.0, "start": "writer"})
    for number in range(200):
        at_s, hours = number * 15.0, number * 0.12
        if number % 12 == 11:
            found.note({"at_s": at_s, "fault": "Oracle away"})
        seen = {f"{role}: memory, MB": 50.0 + (growth * hours if role == "writer" else 0) for role in ROLES}
        seen |= {f"{role}: {what}": 10.0 for role in ROLES for what in ("open files", "threads")}
        seen |= {
            "Redis: memory, MB": 2.0, "stand-in: memory, MB": 100.0 + number % 40, "Oracle: sessions": 5.0,
            "Redis: append-only file, MB": 20.0 + number % 7, "Redis: rewrites of the file": float(number // 10),
            Looks.AGE: 100.0 + age_growth * number, Looks.AGE_P99: 300.0,
        }  # fmt: skip
        found.note({"at_s": at_s, "hours": hours, "seen": seen})
    found.note({"at_s": 3000.0, "check": 302_000_000})
    if end is not None:
        found.note({"end": end})
    return found


def missed(found: Samples) -> set[str]:
    return {figure.name for figure in judge(found, PLAN).figures if figure.is_met is False}


def test_a_run_in_which_nothing_grows_meets_its_goals(tmp_path: Path) -> None:
    assert missed(samples(tmp_path / "run", end=END)) == set()


def test_a_writer_that_grows_is_named(tmp_path: Path) -> None:
    found = missed(samples(tmp_path / "run", growth=1.5, end=END))
    assert found == {"writer: memory, growth between faults", "writer: memory, last half, steps included"}


def test_a_writer_that_grows_by_less_than_the_goal_is_not(tmp_path: Path) -> None:
    assert missed(samples(tmp_path / "run", growth=0.8, end=END)) == set()


def test_values_that_grow_old_are_seen(tmp_path: Path) -> None:
    assert missed(samples(tmp_path / "run", age_growth=1.0, end=END)) == {f"{Looks.AGE}: last third to first"}


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ({"rows": 301_999_999}, "values emitted that are in no row"),
        ({"rows": 302_004_999, "again": 5_000}, "values emitted that are in no row"),
        ({"partial": 1}, "polls of which not every tag has its row"),
        ({"missing": 1}, "rows counted as written that are not there"),
        ({"bad": 1}, "rows whose quality is not that of the reading"),
        ({"overflowed": 1}, "values that overflowed"),
    ],
)
def test_a_single_value_that_is_lost_is_seen(tmp_path: Path, part: dict[str, object], name: str) -> None:
    assert missed(samples(tmp_path / "run", end=END | part)) == {name}


def test_a_run_that_was_killed_is_judged_by_what_its_file_holds(tmp_path: Path) -> None:
    """Kind: three quarters of an hour, and nothing is left of it. The last line may be half written."""
    path = tmp_path / "run"
    samples(path)
    with path.open("a") as file:
        file.write('{"at_s": 3005.0, "ho')
    section = judge(Samples.read(path), PLAN)
    assert Samples.read(path).about == asdict(PLAN)
    assert any("cut short" in note for note in section.notes)
    assert any(figure.name == "writer: memory, growth between faults" for figure in section.figures)


def test_an_hour_of_the_plant_is_what_its_tags_make() -> None:
    assert PLAN.values == 24 * PLANT_HOUR == 301_622_400
    assert PLAN.tags == 10_000
    assert PLAN.values / PLAN.rate < PLAN.most_s


def test_the_command_judges_a_file_and_exits_by_its_goals(tmp_path: Path) -> None:
    good, cut = tmp_path / "good", tmp_path / "cut"
    samples(good, end=END)
    samples(cut)
    for path, status in ((good, 0), (cut, 1)):
        done = CliRunner().invoke(app, ["--judge", str(path), "--no-document"])
        assert done.exit_code == status, done.output
