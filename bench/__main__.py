"""The benchmarks, by name or all: printed, and written as JSON and Markdown."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bench.benchmarks.one_service import api, backlog, consumer, outage, server_delay, writer, writers
from bench.benchmarks.pipeline import baselines, end_to_end, intervals, latency, limit
from bench.benchmarks.price import costs, cpu, growth, hot_spots, scale
from bench.figures import Goal, Section
from bench.report import as_json, as_lines, as_markdown, machine, replace_between, summary, write_json

BENCHMARKS: dict[str, Callable[..., Section]] = {
    "writer": writer.run,
    "consumer": consumer.run,
    "end-to-end": end_to_end.run,
    "limit": limit.run,
    "cpu": cpu.run,
    "latency": latency.run,
    "server-delay": server_delay.run,
    "baselines": baselines.run,
    "outage": outage.run,
    "backlog": backlog.run,
    "growth": growth.run,
    "writers": writers.run,
    "api": api.run,
    "intervals": intervals.run,
    "scale": scale.run,
    "costs": costs.run,
    "hot-spots": hot_spots.run,
}

#: Marks in the Markdown document between which a run is written; what stands around them stays.
BEGIN, END = "<!-- a run of make bench: begin -->", "<!-- a run of make bench: end -->"

app = typer.Typer(add_completion=False)


@app.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of: {', '.join(BENCHMARKS)}. Default: all.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Less of everything: a look, not a measurement.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every repetition of every figure to this file.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Another checkout, whose CPU `cpu` measures too.")
    ] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="Write the tables into this document, between its two marks.")
    ] = None,
) -> None:
    """Measure the pipeline on this machine, each figure beside what it is compared with, in one run.

    All of them take about three quarters of an hour and want the machine for themselves: whatever else runs shows in
    the spread.
    Everything runs on 127.0.0.1, with a Redis and an Oracle stand-in of its own.

    Example: python -m bench writer latency; python -m bench cpu --against ../before
    """
    unknown = set(names or []) - BENCHMARKS.keys()
    if unknown:
        raise typer.BadParameter(f"no benchmark of this name: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if markdown_file is not None and BEGIN not in markdown_file.read_text("utf-8"):
        raise typer.BadParameter(f"{markdown_file} has no line {BEGIN}")
    began = datetime.now(UTC).isoformat(timespec="seconds")
    sections = []
    benchmarks = BENCHMARKS | {"cpu": partial(cpu.run, against=against)} if against else BENCHMARKS
    for name in names or benchmarks:
        since = time.monotonic()
        typer.echo(f"\n{name} ...", nl=False)
        sections.append(_run(name, benchmarks[name], quick=quick))
        typer.echo(f" {time.monotonic() - since:.0f} s")
        for line in as_lines(sections[-1]):
            typer.echo(line)
    typer.echo(f"\n{summary(sections)}")
    if json_file is not None:
        write_json(json_file, as_json(sections, began))
    if markdown_file is not None:
        replace_between(markdown_file, BEGIN, END, _document(sections, began))


def _run(name: str, benchmark: Callable[..., Section], *, quick: bool) -> Section:
    """Run a benchmark; one that fails costs the others nothing, and is told as a goal that is missed."""
    try:
        return benchmark(quick=quick)
    except Exception as error:  # noqa: BLE001 - whatever ends one, the others have their figures
        section = Section(name, name, "It failed.", notes=[f"{type(error).__name__}: {error}"])
        section.add("failed", [1], "", 0, Goal(at_most=0))
        return section


def _document(sections: list[Section], began: str) -> str:
    about = "\n".join(f"| {name} | {value} |" for name, value in machine().items())
    tables = "\n".join(as_markdown(section) for section in sections)
    return f"Run of {began}. {summary(sections)}.\n\n| machine | |\n| --- | --- |\n{about}\n\n{tables}"


if __name__ == "__main__":
    app()
