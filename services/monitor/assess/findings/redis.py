"""What is wrong with Redis itself: no room, or it may lose what it acknowledged. No I/O, no clock."""

from collections.abc import Iterator

from services.monitor.assess.alert_kinds import Severity, Status
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.said import Said
from services.monitor.assess.stats import percent
from services.monitor.read.overview import Overview
from shared.records.heartbeats import ConsumerStatus, PollerStatus

#: Percent of `maxmemory` from which Redis is short of room, and from which it refuses pushes or is about to.
SHORT_PCT, FULL_PCT = 80.0, 98.0


def find_redis_trouble(overview: Overview) -> Iterator[Finding]:
    """Yield what is wrong with Redis."""
    if overview.redis.refusal:
        said = Said("Redis refuses heartbeats, and what else is written: {refusal}", refusal=overview.redis.refusal)
        yield Finding("redis_refuses", said)
    yield from _no_room(overview)
    yield from _may_lose(overview)
    missing = [reason for poller in overview.living(PollerStatus) if (reason := poller.status.replicas_missing)]
    if missing:
        said = Said("{missing}: readings are put without their confirmation", missing=missing[0])
        yield Finding("replicas_missing", said)


def _no_room(overview: Overview) -> Iterator[Finding]:
    refused = [consumer.status for consumer in overview.living(ConsumerStatus) if consumer.status.push_refused]
    redis = overview.redis
    used_pct = percent(redis.used_bytes or 0, redis.max_bytes or 0)
    used = {"used_pct": used_pct, "used": redis.used_bytes or 0, "most": redis.max_bytes or 0}
    of_max = "Redis uses {used_pct:.0f} % of maxmemory ({used:size} of {most:size})"
    if redis.append_failed:
        yield Finding("redis_full", Said("Redis can't write its append-only file: it refuses what is put there"))
    elif refused:
        since = [at for each in refused if (at := each.push_refused_since) is not None]
        yield Finding("redis_full", refused[0].push_refused or "", min(since, default=None))
    elif used_pct >= FULL_PCT:
        said = Said("{of_max}: it refuses what is put there, or is about to", of_max=Said(of_max, **used))
        yield Finding("redis_full", said)
    elif used_pct >= SHORT_PCT:
        yield Finding("redis_full", Said(of_max, **used), severity=Severity.WARNING)


def _may_lose(overview: Overview) -> Iterator[Finding]:
    for risk in overview.redis.risks():
        if risk.is_critical:
            yield Finding("redis_may_lose", risk.message, severity=Severity.CRITICAL, status=Status.DEGRADED)
        else:
            yield Finding("redis_may_lose", risk.message)
