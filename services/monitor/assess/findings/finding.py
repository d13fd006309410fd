"""One thing that is wrong: said once, for the alerts and for the health verdict alike."""

from dataclasses import dataclass

from services.monitor.assess.alert_kinds import KINDS, Severity, Status


@dataclass(frozen=True)
class Finding:
    """Something wrong; `since` in seconds since 1970 where Redis knows it."""

    code: str
    message: str
    since: float | None = None
    severity: Severity | None = None  #: where it differs from the rule
    status: Status | None = None  #: where it differs from the rule

    @property
    def how_bad(self) -> Severity:
        """Return the severity of its alert."""
        return self.severity or KINDS[self.code].severity

    @property
    def health(self) -> Status:
        """Return what it makes of the pipeline's health."""
        by_severity = Status.UNHEALTHY if self.how_bad is Severity.CRITICAL else Status.DEGRADED
        return self.status or KINDS[self.code].status or by_severity
