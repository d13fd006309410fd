"""Is the pipeline well? The worst of what is wrong, and the figures beside it. No I/O, no clock.

Healthy is a claim: values are written, or there is nothing to write; nothing was lost that nobody acknowledged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.monitor.assess.alert_kinds import Status
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.stats import newest_with, percent
from services.monitor.assess.writers import is_stuck
from services.monitor.read.overview import Overview
from shared.counters import Counter
from shared.records.heartbeats import OracleState, WriterStatus
from shared.settings.models import BufferSettings

#: The worst first.
_ORDER = (Status.UNHEALTHY, Status.DEGRADED)

#: Findings that say that the buffer is not well.
_OF_THE_BUFFER = {"buffer_high", "buffer_overflowing"}


@dataclass(frozen=True)
class Health:
    """The verdict, with what it rests on."""

    status: Status
    reasons: tuple[str, ...]  #: those that make it unhealthy first; empty when healthy
    buffer_ok: bool
    writer_ok: bool
    oracle_connection_ok: bool
    utilization_pct: float
    recent_write_success: bool | None  #: None when no batch ended within the window
    last_write_age_s: float | None  #: None when no write is known


def judge(overview: Overview, findings: Sequence[Finding], settings: BufferSettings) -> Health:
    """Return how the pipeline is, by what was found wrong with it."""
    writers = overview.living(WriterStatus)
    utilization_pct = percent(overview.ledger.in_buffer, settings.buffer_max_size)
    ill = sorted((f for f in findings if f.health in _ORDER), key=lambda finding: _ORDER.index(finding.health))
    ended = newest_with(overview.buckets, Counter.BATCHES_WRITTEN, Counter.BATCHES_FAILED)
    recent_success = bool(ended.counts.get(Counter.BATCHES_WRITTEN)) if ended else None
    return Health(
        status=ill[0].health if ill else Status.HEALTHY,
        reasons=tuple(finding.message for finding in ill),
        buffer_ok=not any(finding.code in _OF_THE_BUFFER for finding in findings),
        writer_ok=any(not is_stuck(writer) for writer in writers) and recent_success is not False,
        oracle_connection_ok=any(writer.status.oracle == OracleState.OK for writer in writers),
        utilization_pct=utilization_pct,
        recent_write_success=recent_success,
        last_write_age_s=overview.age_s(last_write_at(overview)),
    )


def last_write_at(overview: Overview) -> float | None:
    """Return when a batch was last committed, in seconds since 1970.

    From the writers' heartbeats; where no living writer knows, from the window, up to WINDOW_BUCKET_S too early: later
    than it was would be a claim that nobody can make.
    """
    said = (writer.status.last_write_at for writer in overview.living(WriterStatus))
    known = [at for at in said if at is not None]
    if known:
        return max(known)
    bucket = newest_with(overview.buckets, Counter.BATCHES_WRITTEN)
    return bucket.began_at if bucket else None
