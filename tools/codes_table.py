"""Writes Oracle's codes into docs/alerts.md, from the table that the writer goes by: `make codes`."""

from itertools import groupby
from pathlib import Path

from services.writer.oracle.codes import CODES, Meaning
from services.writer.sink import Verdict

PAGE = Path(__file__).parent.parent / "docs" / "alerts.md"

#: Marks between which the table stands; what stands around them stays.
BEGIN, END = "<!-- make codes: begin -->", "<!-- make codes: end -->"

#: What the writer does by each verdict, for people.
DOES = {
    Verdict.DUPLICATE: "looked up: there, other contents (conflict), or refused",
    Verdict.ROW: "that row is rejected; where every row is refused so, the table is at fault: backup, critical",
    Verdict.CONNECTION_LOST: "reconnect and repeat, then backup",
    Verdict.TRANSIENT: "repeat, then backup",
    Verdict.SPACE: "repeat, then backup; never blames a row",
    Verdict.CONFIGURATION: "backup at once, critical",
    Verdict.CREDENTIALS: "backup at once, critical; three logons with one secret at most",
    Verdict.UNKNOWN: "repeat, then backup, critical",
}


def page(text: str) -> str:
    """Return the document's text with the table of today."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def table() -> str:
    """Return every known code with what it means, what the writer does, and what a person does."""
    lines = ["| Oracle or the driver says | that is | the writer | a person |", "|---|---|---|---|"]
    for meaning, codes in groupby(CODES, key=lambda code: CODES[code]):
        lines.append(_row(meaning, list(codes)))
    return "\n".join(lines)


def _row(meaning: Meaning, codes: list[str]) -> str:
    shown = [codes[0], "to", codes[-1]] if len(codes) > 100 else codes
    return f"| {' '.join(shown)} | {meaning.cause} | {DOES[meaning.verdict]} | {meaning.remedy} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
