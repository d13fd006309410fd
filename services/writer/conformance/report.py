"""The report: for people in Markdown, for programs in JSON. Pure."""

import json
from collections import Counter
from collections.abc import Sequence

from services.writer.conformance.claim import Result, State

#: States in the order of the report: what differs is what is looked for.
_ORDER = (State.DIFFERS, State.NOT_TRIED, State.HOLDS)


def tally(results: Sequence[Result]) -> str:
    """Say how many claims hold, differ, were not tried."""
    counted = Counter(result.state for result in results)
    return ", ".join(f"{counted[state]} {state.value}" for state in (State.HOLDS, State.DIFFERS, State.NOT_TRIED))


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
