"""Why rows may be missing between two times. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.writer.verify.gaps import Gap

#: Seconds by which what a cause tells of its times may be off: those of values are exact, those of events are not.
EXACT_S, ABOUT_S = 0.0, 10.0

#: The end of what goes on.
EVER = datetime(9000, 1, 1)  # noqa: DTZ001 - as the table shows times


@dataclass
class Cause:
    """What explains rows that are missing between two times, as the table shows them."""

    what: str  #: for people, with the remedy
    begin: datetime
    end: datetime
    about_s: float = ABOUT_S
    tags: frozenset[str] | None = None  #: None: of any tag
    left: int | None = None  #: rows that it can still explain; None: any number
    is_departure: bool = False  #: explains only what ends with the time looked at

    def explain(self, gap: Gap) -> None:
        """Explain of a gap what it can."""
        near = timedelta(seconds=self.about_s)
        begin, end = max(gap.begin, self.begin - near), min(gap.end, self.end + near)
        if begin > end or (self.tags is not None and gap.tag not in self.tags):
            return
        last = timedelta(seconds=gap.interval_s) + near
        if self.is_departure and not (gap.is_open and abs(gap.begin - self.begin) <= last):
            return
        rows = int((end - begin).total_seconds() / gap.interval_s) + 1
        taken = gap.explain(self.what, rows if self.left is None else min(rows, self.left))
        if self.left is not None:
            self.left -= taken
