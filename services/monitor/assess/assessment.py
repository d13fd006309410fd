"""An overview judged, and what only time tells of it: how fast values move, and since when something is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from services.monitor.assess.alert_kinds import KINDS, Severity
from services.monitor.assess.commands import Commands
from services.monitor.assess.findings.find import find
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.health import Health, judge
from services.monitor.assess.trend import Rates, Rising, Trend
from services.monitor.read.merge import summed
from services.monitor.read.overview import Overview
from shared.counters import Counter
from shared.queues.snapshot import Snapshot
from shared.settings.models import BufferSettings
from shared.texts import cut

#: Letters of an alert's message at most.
MAX_MESSAGE = 2_000

_USUAL = Commands()

_ORDER = {code: index for index, code in enumerate(KINDS)}


@dataclass(frozen=True)
class Alert:
    """Something wrong that a person should know; `since` in seconds since 1970."""

    code: str
    severity: Severity
    since: float
    message: str  #: a Said where it is a sentence of the monitor's own
    what_to_do: str
    partition: int | None = None  #: where there are several
    commands: Commands = field(default=_USUAL, repr=False)  #: as they stand in `what_to_do`


@dataclass(frozen=True)
class Assessment:
    """An overview with all that is made of it: what is shown anywhere is taken from here."""

    overview: Overview
    rates: Rates
    alerts: tuple[Alert, ...]  #: critical ones first
    health: Health
    samples: tuple[tuple[Snapshot, ...], ...]  #: of each partition the last minutes, one a second, oldest first
    #: By name, for who takes a fall for a new beginning; none of several partitions together.
    totals: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def added_up(self) -> Sequence[Snapshot]:
        """The samples of all partitions as one: a second apart, whenever each partition began; drawn only by charts."""
        if len(self.samples) == 1:
            return self.samples[0]
        length = min(map(len, self.samples))
        return [summed(row) for row in zip(*(each[len(each) - length :] for each in self.samples), strict=True)]

    @cached_property
    def raised(self) -> frozenset[str]:
        """The codes of the alerts."""
        return frozenset(alert.code for alert in self.alerts)


class Assessor:
    """Judges one overview after the other, each once; for one thread."""

    def __init__(self, settings: BufferSettings, commands: Commands = _USUAL) -> None:
        """Judge by these settings; remedies name commands as they are run here."""
        self._settings = settings
        self._commands = commands
        self._trend = Trend()
        self._rising = Rising()
        self._first_seen: dict[str, float] = {}

    def assess(self, overview: Overview) -> Assessment:
        """Return what is made of the newest overview."""
        # A failover takes seconds back, and not minutes.
        totals = self._rising.totals(overview, self._trend.samples[0][Counter.INSERTED] if self._trend.samples else 0)
        rates = self._trend.add(overview)
        samples = tuple(self._trend.samples)
        findings = find(overview, rates, self._settings, samples)
        alerts = self._alerts(findings, overview.taken_at)
        return Assessment(overview, rates, alerts, judge(overview, findings, self._settings), (samples,), totals)

    def _alerts(self, findings: list[Finding], now: float) -> tuple[Alert, ...]:
        # What is found again keeps the time when it was first seen; what is not is forgotten.
        self._first_seen = {finding.code: self._first_seen.get(finding.code, now) for finding in findings}
        alerts = [
            alert_of(finding, self._first_seen[finding.code], self._commands)
            for finding in findings
            if self._lasts(finding, now) >= KINDS[finding.code].hold_s
        ]
        return tuple(sorted(alerts, key=lambda alert: (alert.severity is not Severity.CRITICAL, _ORDER[alert.code])))

    def _lasts(self, finding: Finding, now: float) -> float:
        first_seen = self._first_seen[finding.code]
        return now - min(first_seen, finding.since if finding.since is not None else now)


def alert_of(finding: Finding, first_seen: float, commands: Commands = _USUAL) -> Alert:
    """Return the alert of a finding: since when is what Redis tells, else when it was first seen."""
    return Alert(
        code=finding.code,
        severity=finding.how_bad,
        since=first_seen if finding.since is None else max(0.0, min(finding.since, first_seen)),
        message=_bounded(finding.message),
        what_to_do=commands.said(KINDS[finding.code].remedy),
        commands=commands,
    )


def _bounded(message: str) -> str:
    shown = cut(message, MAX_MESSAGE)
    # A Said stays one, so that it can be said in another language.
    return message if shown == message else shown
