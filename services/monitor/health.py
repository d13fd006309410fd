"""Is the pipeline well? One status, and every reason why not. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.monitor.reader import Overview, Service
from services.monitor.stats import lately, newest_with, percent
from shared.counters import WINDOW_BUCKET_S, Counter
from shared.settings import BufferSettings

#: Percent of the cap from which the buffer counts as full while it overflows: writers take whole batches, so a buffer
#: that overflows is not at its cap at every moment.
FULL_PCT = 90.0

#: Seconds since 1970 that no calendar shows any more.
_YEAR_10000_S = 253_402_300_800


class Status(StrEnum):
    """How the pipeline is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"  #: nothing is lost, but a person should look
    UNHEALTHY = "unhealthy"  #: values are being lost, or will be when the buffer is full


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


def judge(overview: Overview, settings: BufferSettings) -> Health:
    """Return how the pipeline is."""
    writers = overview.living("writer")
    utilization_pct = percent(overview.ledger.in_buffer, settings.buffer_max_size)
    overflowing = lately(overview.buckets, Counter.OVERFLOWED)
    unhealthy = [*_writers_lost(writers), *_buffer_lost(utilization_pct, overflowing)]
    degraded = [
        *_writers_hindered(writers),
        *_buffer_hindered(utilization_pct, overflowing, settings.buffer_alert_threshold),
    ]
    if not overview.living("consumer"):
        degraded.append("No consumer is running: the DataQueue is not emptied")
    status = Status.UNHEALTHY if unhealthy else Status.DEGRADED if degraded else Status.HEALTHY
    recent_success = _recent_write_success(overview)
    return Health(
        status=status,
        reasons=(*unhealthy, *degraded),
        buffer_ok=utilization_pct < settings.buffer_alert_threshold and not overflowing,
        writer_ok=bool(writers) and not _writers_lost(writers) and recent_success is not False,
        oracle_connection_ok=any(writer.fields.get("oracle") == "ok" for writer in writers),
        utilization_pct=utilization_pct,
        recent_write_success=recent_success,
        last_write_age_s=_last_write_age_s(overview, writers),
    )


def last_write_at(overview: Overview, writers: Sequence[Service]) -> float | None:
    """Return when a batch was last committed, in seconds since 1970.

    From the writers' heartbeats; where no living writer knows, from the window, to WINDOW_BUCKET_S exactly.
    """
    known = [at for writer in writers if (at := _seconds(writer.fields.get("last_write_at"))) is not None]
    if known:
        return max(known)
    bucket = newest_with(overview.buckets, Counter.BATCHES_WRITTEN)
    return min(bucket.began_at + WINDOW_BUCKET_S, overview.taken_at) if bucket else None


def _writers_lost(writers: Sequence[Service]) -> list[str]:
    if not writers:
        return ["No writer is running: nothing is written to Oracle or saved"]
    if all(_oracle_fails(writer) and writer.fields.get("backup") == "failing" for writer in writers):
        return ["Oracle takes nothing and the backup directory can't be written: values stay in Redis"]
    return []


def _writers_hindered(writers: Sequence[Service]) -> list[str]:
    reasons = []
    for writer in writers:
        oracle, breaker = writer.fields.get("oracle"), writer.fields.get("breaker", "closed")
        if oracle == "away":
            reasons.append(f"Oracle is away for writer {writer.instance}")
        elif oracle == "configuration":
            reasons.append(
                f"Oracle refuses writer {writer.instance} (credentials, table, column or grant): see its log"
            )
        elif oracle != "ok":
            reasons.append(f"Writer {writer.instance} has not reached Oracle yet")
        if breaker in {"open", "half-open"}:
            reasons.append(f"Circuit breaker of writer {writer.instance} is {breaker}: batches go to the backup")
        if writer.fields.get("backup") == "failing":
            cause = writer.fields.get("backup_failure", "see its log")
            reasons.append(f"Writer {writer.instance} can't write its backup: {cause}")
    return reasons


def _buffer_lost(utilization_pct: float, overflowing: int) -> list[str]:
    if overflowing and utilization_pct >= FULL_PCT:
        return [f"The buffer is full ({utilization_pct:.1f} %) and overflows: {overflowing} values lost just now"]
    return []


def _buffer_hindered(utilization_pct: float, overflowing: int, threshold_pct: float) -> list[str]:
    if overflowing and utilization_pct < FULL_PCT:
        return [f"The buffer overflowed just now: {overflowing} values lost"]
    if utilization_pct >= threshold_pct:
        return [f"The buffer is {utilization_pct:.1f} % full, above the alert threshold of {threshold_pct:g} %"]
    return []


def _oracle_fails(writer: Service) -> bool:
    return writer.fields.get("oracle") in {"away", "configuration"}


def _recent_write_success(overview: Overview) -> bool | None:
    """Tell whether batches were written when batches last ended."""
    bucket = newest_with(overview.buckets, Counter.BATCHES_WRITTEN, Counter.BATCHES_FAILED)
    return bool(bucket.counts.get(Counter.BATCHES_WRITTEN)) if bucket else None


def _last_write_age_s(overview: Overview, writers: Sequence[Service]) -> float | None:
    at = last_write_at(overview, writers)
    # The writer's clock may be ahead of Redis'.
    return None if at is None else max(0.0, overview.taken_at - at)


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "nan")
    except ValueError:
        return None
    return seconds if 0 <= seconds < _YEAR_10000_S else None
