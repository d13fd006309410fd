"""What `verify` says: stretches of one PLC with what explains them, as a table or as JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.writer.verify.gaps import Gap, Judge
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
    missing: int = 0
    unexplained: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    tags: set[str] = field(default_factory=set)

    def add(self, gap: Gap) -> None:
        """Take a gap in."""
        self.end = max(self.end, gap.end)
        self.missing += gap.missing
        self.unexplained += gap.unexplained
        self.tags.add(gap.tag)
        self.causes += gap.causes

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
    separator: str
    judge: Judge
    without_rows: Sequence[str]  #: PLCs asked for that have none, so that nothing could be missing
    notes: Sequence[str]

    @property
    def missing(self) -> int:
        """Rows that are missing."""
        return sum(gap.missing for gap in self.judge.gaps) + self.judge.missing_beyond

    @property
    def unexplained(self) -> int:
        """Rows that are missing, and nobody knows why."""
        return sum(gap.unexplained for gap in self.judge.gaps) + self.judge.missing_beyond

    def stretches(self) -> list[Stretch]:
        """Return the gaps put together, what nobody explains first."""
        open_ones: dict[tuple[str, tuple[str, ...]], Stretch] = {}
        done: list[Stretch] = []
        for gap in sorted(self.judge.gaps, key=lambda gap: gap.begin):
            what = tuple(sorted(gap.causes)) + (("",) if gap.unexplained else ())
            plc_code = gap.tag.partition(self.separator)[0]
            known = open_ones.get((plc_code, what))
            if known is None or gap.begin > known.end:
                if known is not None:
                    done.append(known)
                known = open_ones[plc_code, what] = Stretch(plc_code, gap.begin, gap.end)
            known.add(gap)
        return sorted([*done, *open_ones.values()], key=lambda one: (not one.unexplained, one.begin, one.plc_code))

    def as_fields(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        stretches = self.stretches()
        return {
            "table": self.table,
            "time_zone": self.time_zone,
            "from": self.judge.begin.isoformat(),
            "to": self.judge.end.isoformat(),
            "tags": len(self.judge.seen),
            "tags_not_judged": self.judge.not_judged,
            "without_rows": [cut(plc) for plc in self.without_rows],
            "rows": self.judge.rows,
            "missing": self.missing,
            "explained": self.missing - self.unexplained,
            "unexplained": self.unexplained,
            "stretches": [stretch.as_fields() for stretch in stretches[:MOST]],
            "truncated": len(stretches) > MOST or self.judge.missing_beyond > 0,
            "notes": [cut(note, 1_000) for note in self.notes],
        }


def show(verdict: Verdict) -> None:
    """Print it for a person."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    say = partial(console.print, markup=False)
    stretches, judge = verdict.stretches(), verdict.judge
    if stretches:
        console.print(_table(verdict, stretches))
    if len(stretches) > SHOWN:
        say(f"and {len(stretches) - SHOWN:,} more stretches: --json has them")
    for note in verdict.notes:
        say(f"note: {tamed(note)}")
    if judge.not_judged:
        say(
            f"{judge.not_judged:,} tags are not judged: they come at no even distance, or too rarely; "
            "--interval says how often they should"
        )
    for plc in verdict.without_rows:
        say(
            f"no row of {tamed(cut(plc))}, nor in the ten minutes before: there is nothing to judge. Is the code right "
            "(--plc), is it this table, are its times of this zone (SOURCE_TIME_ZONE)?"
        )
    explained = verdict.missing - verdict.unexplained
    say(
        f"{verdict.table} from {judge.begin:%F %T} to {judge.end:%F %T} ({verdict.time_zone}): "
        f"{len(judge.seen):,} tags, {judge.rows:,} rows in the table; "
        f"{verdict.missing:,} missing: {explained:,} explained, {verdict.unexplained:,} unexplained"
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
