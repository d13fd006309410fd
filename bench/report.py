"""A run of the benchmarks for people (console, Markdown) and for programs (JSON)."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import oracledb

from bench.figures import Figure, Goal, Section
from sandbox.harness.redis import wheel_server


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    memory_kb = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "processor": f"{cpu}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{memory_kb / 2**20:.0f} GB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        "python-oracledb": oracledb.__version__,
        "Redis": _redis_version(),
        "Oracle": "the stand-in of this project: its answers take CPU of the same machine",
    }


def as_json(sections: Sequence[Section], began: str) -> dict[str, Any]:
    """Return everything that was measured, repetition by repetition."""
    return {
        "began": began,
        "machine": machine(),
        "sections": [
            asdict(section)
            | {
                "figures": [
                    asdict(figure) | {"median": figure.series.median, "met": figure.is_met}
                    for figure in section.figures
                ]
            }
            for section in sections
        ],
    }


def as_markdown(section: Section) -> str:
    """Return a section with its table."""
    rows = [("figure", "median", "from, to", "goal", "met"), ("---", "---:", "---:", "---:", "---")]
    rows += [_cells(figure) for figure in section.figures]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    notes = "".join(f"\n- {note}" for note in section.notes)
    shown = f"\n{table}\n" if section.figures else ""
    return f"## {section.title}\n\n{section.how}\n{shown}" + (f"{notes}\n" if notes else "")


def as_lines(section: Section) -> Iterator[str]:
    """Yield a section for the terminal."""
    rows = [_cells(figure) for figure in section.figures]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    yield f"\n{section.title}"
    for row in rows:
        name, median, spread, goal = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield f"  {name}  {median}  {spread}  {goal}  {row[4]}".rstrip()
    yield from (f"  - {note}" for note in section.notes)


def summary(sections: Sequence[Section]) -> str:
    """Return how many goals are met, and which are not."""
    judged = [(section, figure) for section in sections for figure in section.figures if figure.is_met is not None]
    missed = [f"{section.title}: {figure.name}" for section, figure in judged if not figure.is_met]
    text = f"{len(judged) - len(missed)} of {len(judged)} goals met"
    return f"{text}; not met: {'; '.join(missed)}" if missed else text


def replace_between(path: Path, begin: str, end: str, text: str) -> None:
    """Put a text between two marks of a document; what stands around them stays."""
    before, rest = path.read_text("utf-8").split(begin, 1)
    after = rest.split(end, 1)[1]
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", "utf-8")


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write the JSON document."""
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _cells(figure: Figure) -> tuple[str, str, str, str, str]:
    values = figure.series.values
    spread = f"{_number(min(values), figure)}, {_number(max(values), figure)}" if len(values) > 1 else ""
    goal = _goal(figure.goal, figure) if figure.goal is not None else ""
    met = "" if figure.is_met is None else "yes" if figure.is_met else "**no**"
    return figure.name, f"{_number(figure.series.median, figure)} {figure.unit}".strip(), spread, goal, met


def _goal(goal: Goal, figure: Figure) -> str:
    if goal.at_least is not None:
        return f"at least {_number(goal.at_least, figure)}"
    return f"at most {_number(goal.at_most or 0.0, figure)}"


def _number(value: float, figure: Figure) -> str:
    return f"{value:,.{figure.digits}f}"


def _redis_version() -> str:
    program = wheel_server()
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return f"{Path(program).name} {said.partition('v=')[2].partition(' ')[0]}"


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
