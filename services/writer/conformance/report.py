"""The report: for people in Markdown, for programs in JSON."""

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.writer.conformance.claim import Result, State

#: States in the order of the report: what differs is what is looked for.
_ORDER = (State.DIFFERS, State.NOT_TRIED, State.HOLDS)


def tally(results: Sequence[Result]) -> str:
    """Say how many claims hold, differ, were not tried."""
    counted = Counter(result.state for result in results)
    return ", ".join(f"{counted[state]} {state.value}" for state in (State.HOLDS, State.DIFFERS, State.NOT_TRIED))


@dataclass(frozen=True)
class Report:
    """What became of a run: of the database `facts`, of each claim its result."""

    facts: dict[str, str]
    results: Sequence[Result]
    took_s: float

    @staticmethod
    def problem(path: Path) -> str:
        """Return why no report can be written there; empty where one can."""
        if not path.parent.is_dir():
            return f"--report {path}: there is no directory {path.parent}"
        return "" if os.access(path.parent, os.W_OK) else f"--report {path}: {path.parent} can't be written to"

    def write(self, path: Path, say: Callable[[str], None]) -> bool:
        """Write it under a name with .md and .json; where that fails say it instead. Return whether it is written."""
        path = path.with_suffix("") if path.suffix in (".md", ".json") else path
        markdown = as_markdown(self.facts, self.results, self.took_s)
        try:
            _replace(path.with_name(f"{path.name}.md"), markdown)
            _replace(path.with_name(f"{path.name}.json"), as_json(self.facts, self.results, self.took_s))
        except OSError as error:
            say(f"{markdown}\n{tally(self.results)}; the report can't be written: {error}")
            return False
        say(f"{tally(self.results)}; {path}.md, {path}.json")
        return True


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all: another run may write the same."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def as_json(facts: dict[str, str], results: Sequence[Result], took_s: float) -> str:
    """Return the report for programs."""
    claims = [
        {
            "name": result.name, "claim": result.text, "relied_on_by": result.relied_on_by,
            "state": result.state.value, "seen": result.seen, "took_s": round(result.took_s, 3),
        }
        for result in results
    ]  # fmt: skip
    return json.dumps({"database": facts, "took_s": round(took_s, 1), "claims": claims}, indent=2, ensure_ascii=False)


def as_markdown(facts: dict[str, str], results: Sequence[Result], took_s: float) -> str:
    """Return the report for people."""
    lines = ["# What tagpipe takes for granted of Oracle", "", f"{tally(results)}; {took_s:.0f} s.", ""]
    lines += ["| the database | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in facts.items()), ""]
    for state in _ORDER:
        found = [result for result in results if result.state is state]
        if found:
            lines += [f"## {state.value.capitalize()}", "", "| claim | seen | relied on by |", "|---|---|---|"]
            lines += [
                f"| **{result.name}** {_cell(result.text)} | {_cell(result.seen)} | `{result.relied_on_by}` |"
                for result in found
            ]
            lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
