"""What a person is told: notices, and their words. No I/O, no clock. Times in seconds since 1970."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.monitor.assess.alert_kinds import Severity
from services.monitor.assess.assessment import Alert
from services.monitor.assess.humanize import duration, moment
from shared.texts import cut

#: Alerts that a notice describes; the others are named.
MAX_TOLD = 10

#: Letters of an alert's message, and bytes of its remedy: ten fit in the 28 kB that Teams takes, in Korean, too.
_MAX_MESSAGE, _MAX_REMEDY_BYTES = 300, 1_200

#: Names of alerts in a subject.
_MAX_NAMED = 4


class What(StrEnum):
    """What is said of an alert."""

    RAISED = "raised"  #: it stands now
    WORSE = "worse"  #: it was told as a warning and is critical now
    STILL = "still"  #: it was told and stands on
    RESOLVED = "resolved"  #: it was told and is over
    OVER = "over"  #: it was raised and ended before it could be told
    TEST = "test"  #: nothing is wrong: somebody tries the way


@dataclass(frozen=True)
class News:
    """One alert, and what is said of it."""

    what: What
    alert: Alert
    ended_at: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing needs a person any more."""
        return self.what in (What.RESOLVED, What.OVER)

    @property
    def name(self) -> str:
        """The alert's code, with its partition where there are several."""
        where = "" if self.alert.partition is None else f" (partition {self.alert.partition})"
        return self.alert.code + where

    @property
    def heading(self) -> str:
        """One line: what, which, since when."""
        word = self.alert.severity.value.upper()
        since = f"since {moment(self.alert.since):%Y-%m-%d %H:%M:%S} UTC"
        if self.what is What.TEST:
            return f"TEST {self.name}"
        if self.is_over:
            lasted = duration((self.ended_at or self.alert.since) - self.alert.since)
            late = ", could not be told while it stood" if self.what is What.OVER else ""
            return f"RESOLVED {self.name} ({word.lower()} {since}, for {lasted}{late})"
        prefix = {What.STILL: "STILL ", What.WORSE: "NOW "}.get(self.what, "")
        return f"{prefix}{word} {self.name} {since}"

    @property
    def message(self) -> str:
        """What is wrong, as short as a notice needs it."""
        return cut(self.alert.message, _MAX_MESSAGE)

    @property
    def remedy(self) -> str:
        """What a person does about it; empty when it is over."""
        return "" if self.is_over else _without_half_a_command(self.alert.what_to_do)

    @property
    def lines(self) -> list[str]:
        """All of it: the heading, what is wrong, what a person does about it."""
        return [line for line in (self.heading, self.message, self.remedy and f"What to do: {self.remedy}") if line]


def _without_half_a_command(remedy: str) -> str:
    """Return a remedy as long as a notice has it; the beginning of a command would be another command."""
    whole = cut(remedy, _MAX_REMEDY_BYTES)
    shown = whole.encode()[:_MAX_REMEDY_BYTES].decode(errors="ignore")
    if shown == remedy:
        return remedy
    if shown.count("`") % 2:
        shown = shown[: shown.rindex("`")]
    return f"{shown.rstrip()} ... (docs/alerts.md has the rest)"


@dataclass(frozen=True)
class Notice:
    """News of one moment, for one receiver."""

    pipeline: str  #: REDIS_NAMESPACE: tells plants apart
    sent_at: float
    news: Sequence[News]  #: the worst first
    dashboard: str = ""  #: where a person looks

    @property
    def told(self) -> Sequence[News]:
        """The news that are described."""
        return self.news[:MAX_TOLD]

    @property
    def others(self) -> str:
        """The names of the rest; empty when there is none."""
        rest = [f"{each.what} {each.name}" for each in self.news[MAX_TOLD:]]
        return cut(f"and {len(rest)} more: {', '.join(rest)}", _MAX_MESSAGE) if rest else ""

    @property
    def subject(self) -> str:
        """One line for all of it."""
        names = [each.name for each in self.news[:_MAX_NAMED]]
        more = f" and {len(self.news) - _MAX_NAMED} more" if len(self.news) > _MAX_NAMED else ""
        return f"[{self.pipeline}] {self._word}: {', '.join(names)}{more}"

    @property
    def _word(self) -> str:
        open_ones = [each for each in self.news if not each.is_over]
        if not open_ones:
            return "resolved"
        if all(each.what is What.TEST for each in open_ones):
            return "test"
        return Severity.CRITICAL if any(each.alert.severity is Severity.CRITICAL for each in open_ones) else "warning"

    @property
    def text(self) -> str:
        """All of it, for people."""
        told = ["\n".join(each.lines) for each in self.told]
        return "\n\n".join(filter(None, [*told, self.others, self.dashboard]))
