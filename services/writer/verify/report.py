"""What `verify` says: stretches of one PLC with what explains them, as a table or as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.writer.verify.gaps import Gap
from shared.texts import cut, tamed

#: Stretches that the table shows; JSON has more.
SHOWN, MOST = 50, 10_000

#: Tags of a stretch that are named.
_NAMED = 3

#: Width where there is no terminal: lines that a log can hold and a search can find.
_PLAIN_WIDTH = 400


@dataclass
class Stretch:
    """Gaps of one PLC that overlap and have the same explanation."""

    plc_code: str
    begin: datetime
    end: datetime
    what: tuple[str, ...]
    missing: int = 0
    unexplained: int = 0
    causes: dict[str, int] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)

    def add(self, gap: Gap) -> None:
        """Take a gap in."""
        self.end = max(self.end, gap.end)
        self.missing += gap.missing
        self.unexplained += gap.unexplained
        self.tags.add(gap.tag)
        for cause, rows in gap.causes.items():
            self.causes[cause] = self.causes.get(cause, 0) + rows

    def as_fields(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "plc_code": cut(self.plc_code),
            "from": self.begin.isoformat(),
            "to": self.end.isoformat(),
            "tags": len(self.tags),
            "tag_names": [cut(tag) for tag in sorted(self.tags)[:_NAMED]],
            "missing": self.missing,
            "unexplained": self.unexplained,
            "explanations": [{"what": cut(what, 1_000), "rows": rows} for what, rows in self.causes.items()],
        }


@dataclass
class Verdict:
    """All that was found between two times, as the table shows them."""

    table: str
    time_zone: str
    begin: datetime
    end: datetime
    tags: int
    rows: int
    gaps: Sequence[Gap]
    not_judged: int  #: tags that come when they like, or too rarely
    missing_beyond: int = 0  #: rows of gaps that were too many to be kept
    without_rows: Sequence[str] = ()  #: PLCs asked for that have none, so that nothing could be missing
    notes: list[str] = field(default_factory=list)
    separator: str = "."

    @property
    def missing(self) -> int:
        """Rows that are missing."""
        return sum(gap.missing for gap in self.gaps) + self.missing_beyond

    @property
    def unexplained(self) -> int:
        """Rows that are missing, and nobody knows why."""
        return sum(gap.unexplained for gap in self.gaps) + self.missing_beyond

    def stretches(self) -> list[Stretch]:
        """Return the gaps put together, what nobody explains first."""
        open_ones: dict[tuple[str, tuple[str, ...]], Stretch] = {}
        done: list[Stretch] = []
        for gap in sorted(self.gaps, key=lambda gap: gap.begin):
            what = tuple(sorted(gap.causes)) + (("",) if gap.unexplained else ())
            plc_code = gap.tag.partition(self.separator)[0]
            known = open_ones.get((plc_code, what))
            if known is None or gap.begin > known.end:
                if known is not None:
                    done.append(known)
                known = open_ones[plc_code, what] = Stretch(plc_code, gap.begin, gap.end, what)
            known.add(gap)
        return sorted([*done, *open_ones.values()], key=lambda one: (not one.unexplained, one.begin, one.plc_code))

    def as_fields(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        stretches = self.stretches()
        return {
            "table": self.table,
            "time_zone": self.time_zone,
            "from": self.begin.isoformat(),
            "to": self.end.isoformat(),
            "tags": self.tags,
            "tags_not_judged": self.not_judged,
            "without_rows": [cut(plc) for plc in self.without_rows],
            "rows": self.rows,
            "missing": self.missing,
            "explained": self.missing - self.unexplained,
            "unexplained": self.unexplained,
            "stretches": [stretch.as_fields() for stretch in stretches[:MOST]],
            "truncated": len(stretches) > MOST or self.missing_beyond > 0,
            "notes": [cut(note, 1_000) for note in self.notes],
        }


def show(verdict: Verdict) -> None:
    """Print it for a person."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    stretches = verdict.stretches()
    if stretches:
        console.print(_table(verdict, stretches))
    if len(stretches) > SHOWN:
        console.print(f"and {len(stretches) - SHOWN:,} more stretches: --json has them", markup=False)
    for note in verdict.notes:
        console.print(f"note: {tamed(note)}", markup=False)
    if verdict.not_judged:
        console.print(
            f"{verdict.not_judged:,} tags are not judged: they come at no even distance, or too rarely; "
            "--interval says how often they should",
            markup=False,
        )
    for plc in verdict.without_rows:
        console.print(
            f"no row of {tamed(cut(plc))}, nor in the ten minutes before: there is nothing to judge. Is the code right "
            "(--plc), is it this table, are its times of this zone (SOURCE_TIME_ZONE)?",
            markup=False,
        )
    explained = verdict.missing - verdict.unexplained
    console.print(
        f"{verdict.table} from {verdict.begin:%F %T} to {verdict.end:%F %T} ({verdict.time_zone}): "
        f"{verdict.tags:,} tags, {verdict.rows:,} rows in the table; "
        f"{verdict.missing:,} missing: {explained:,} explained, {verdict.unexplained:,} unexplained",
        markup=False,
    )


def _table(verdict: Verdict, stretches: Sequence[Stretch]) -> Table:
    table = Table(title=Text(f"{verdict.table}, times as it shows them ({verdict.time_zone})"), title_justify="left")
    for heading in ("PLC", "from", "to", "tags", "missing", "why"):
        table.add_column(heading, overflow="fold")
    for stretch in stretches[:SHOWN]:
        why = Text()
        for what, rows in stretch.causes.items():
            why.append(f"{rows:,} {tamed(cut(what))}\n")
        if stretch.unexplained:
            names = ", ".join(cut(tag) for tag in sorted(stretch.tags)[:_NAMED])
            why.append(
                f"{stretch.unexplained:,} unexplained: nothing tells of them ({tamed(names)}...)", style="bold red"
            )
        why.rstrip()
        cells = (f"{stretch.begin}"[:23], f"{stretch.end}"[:23], f"{len(stretch.tags):,}", f"{stretch.missing:,}")
        table.add_row(Text(tamed(cut(stretch.plc_code))), *map(Text, cells), why)
    return table
