"""Run it, or judge what an earlier run has seen: python -m bench.soak --help."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bench.benchmarks.pipeline.limit import look_for_limit
from bench.figures import Section
from bench.report import as_lines, as_markdown, replace_between
from bench.soak.judgement import judge
from bench.soak.plan import PLANT_RATE, Plan
from bench.soak.plot import plot
from bench.soak.run import Soak
from bench.soak.samples import Samples
from bench.stage import Stage

BEGIN, END = "<!-- a run of make soak: begin -->", "<!-- a run of make soak: end -->"
BEGIN_EQUIVALENT = "<!-- a run of make soak SOAK_HOURS_EQUIVALENT: begin -->"
END_EQUIVALENT = "<!-- a run of make soak SOAK_HOURS_EQUIVALENT: end -->"

#: Share of what the pipeline carries that is steady: ages stay what they are.
STEADY = 0.8

_ROOT = Path(__file__).resolve().parents[2]

app = typer.Typer(add_completion=False)


@app.command()
def main(
    minutes: Annotated[
        float, typer.Argument(min=1, help="How long at the plant's rate; 30 or more say something.")
    ] = 30,
    hours_equivalent: Annotated[
        float, typer.Option(min=0, help="As many values as so many hours of the plant make, as quick as it goes.")
    ] = 0,
    rate: Annotated[int, typer.Option(min=0, help="Values/s of those; 0: 80 % of what the pipeline carries.")] = 0,
    every: Annotated[float, typer.Option(min=5, help="Seconds between two faults.")] = 120,
    rows: Annotated[int, typer.Option(min=1, help="Rows at which the table is checked and emptied.")] = Plan.table_rows,
    samples_file: Annotated[Path | None, typer.Option("--samples", help="Where what is seen goes.")] = None,
    judge_file: Annotated[
        Path | None, typer.Option("--judge", exists=True, help="Run nothing: judge what is in such a file.")
    ] = None,
    document: Annotated[bool, typer.Option(help="Write table and plots into docs.")] = True,
) -> None:
    """Run the pipeline with faults; plot what might grow and say by how much it does.

    What is seen is written to a file of build/ as it is seen: a run that is killed can be judged, too (--judge).

    Example: python -m bench.soak 30; python -m bench.soak --hours-equivalent 24
    """
    if judge_file is None:
        samples = _run(_plan(minutes, hours_equivalent, rate, every, rows), samples_file or _new_file())
    else:
        samples = Samples.read(judge_file)
    plan = Plan(**samples.about)
    section = judge(samples, plan)
    for line in as_lines(section):
        typer.echo(line)
    if document:
        _document(samples, section, is_equivalent=plan.rate > PLANT_RATE)
    raise typer.Exit(0 if samples.end and all(figure.is_met is not False for figure in section.figures) else 1)


def _document(samples: Samples, section: Section, *, is_equivalent: bool) -> None:
    picture = "soak-equivalent.svg" if is_equivalent else "soak.svg"
    plot(samples, _ROOT / "docs" / "images" / picture)
    marks = (BEGIN_EQUIVALENT, END_EQUIVALENT) if is_equivalent else (BEGIN, END)
    shown = f"![Memory, descriptors, threads, Redis, buffer and age; a red line is a fault](images/{picture})"
    replace_between(_ROOT / "docs" / "performance.md", *marks, f"{as_markdown(section)}\n{shown}\n")


def _plan(minutes: float, hours: float, rate: int, every_s: float, rows: int) -> Plan:
    if not hours:
        return Plan(minutes / 60, PLANT_RATE, 1000, every_s, table_rows=rows)
    return Plan(hours, rate or _steady_rate(), 100, every_s, table_rows=rows)


def _steady_rate() -> int:
    typer.echo("Looking for the highest rate that the pipeline carries ...")
    with Stage() as stage:
        limit = look_for_limit(stage)
    typer.echo(f"It carries {limit:,} values/s; the run takes {STEADY:.0%} of it")
    return int(STEADY * limit)


def _run(plan: Plan, path: Path) -> Samples:
    hours = plan.values / plan.rate / 3600
    typer.echo(f"{plan.values:,} values at {plan.rate:,}/s: {60 * hours:.0f} minutes and the checks; samples: {path}")
    samples = Samples.into(path, asdict(plan))
    with Stage() as stage:
        Soak(stage, plan, samples).run()
    return samples


def _new_file() -> Path:
    return _ROOT / "build" / f"soak-{datetime.now(UTC):%Y%m%d-%H%M%S}.jsonl"


if __name__ == "__main__":
    app()
