"""Several partitions judged as one pipeline: the worst of each where a sum would hide it. No I/O, no clock.

One full buffer of eight is full, and not an eighth of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace

from services.monitor.assess.alert_kinds import Severity, Status
from services.monitor.assess.assessment import Alert, Assessment
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.health import Health
from services.monitor.assess.said import Said
from services.monitor.assess.trend import Rates
from services.monitor.read.merge import merged

_WORST_FIRST = (Status.UNHEALTHY, Status.DEGRADED, Status.HEALTHY)


def together(partitions: Mapping[int, Assessment], away: Mapping[int, Finding]) -> Assessment:
    """Return one assessment of partitions, at least one, by their numbers; and why others can't be assessed now."""
    parts = list(partitions.values())
    return Assessment(
        overview=merged({number: part.overview for number, part in partitions.items()}),
        rates=Rates(**{field.name: sum(getattr(part.rates, field.name) for part in parts) for field in fields(Rates)}),
        alerts=in_order(alert for number, part in partitions.items() for alert in of_partition(part.alerts, number)),
        health=_health({number: part.health for number, part in partitions.items()}, away),
        samples=tuple(samples for part in parts for samples in part.samples),
    )


def of_partition(alerts: Iterable[Alert], number: int) -> list[Alert]:
    """Return alerts that say which partition they are about."""
    return [replace(alert, partition=number, message=_of(number, alert.message)) for alert in alerts]


def _of(number: int, said: str) -> Said:
    return Said("partition {number}: {said}", number=number, said=said)


def in_order(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Return alerts of several partitions, the critical ones first; else as they came."""
    return tuple(sorted(alerts, key=lambda alert: alert.severity is not Severity.CRITICAL))


def _health(partitions: Mapping[int, Health], away: Mapping[int, Finding]) -> Health:
    parts = list(partitions.values())
    successes = [part.recent_write_success for part in parts if part.recent_write_success is not None]
    ages = [part.last_write_age_s for part in parts if part.last_write_age_s is not None]
    return Health(
        status=min((*(part.status for part in parts), *(why.health for why in away.values())), key=_WORST_FIRST.index),
        reasons=(
            *(_of(number, why.message) for number, why in away.items()),
            *(_of(number, reason) for number, part in partitions.items() for reason in part.reasons),
        ),
        buffer_ok=all(part.buffer_ok for part in parts),
        writer_ok=all(part.writer_ok for part in parts),
        oracle_connection_ok=all(part.oracle_connection_ok for part in parts),
        utilization_pct=max(part.utilization_pct for part in parts),
        recent_write_success=all(successes) if successes else None,
        last_write_age_s=max(ages, default=None),
    )
