"""From an overview to what the API answers. No I/O, no clock."""

from itertools import islice

from services.monitor.api.answers.listings import (
    BackupFile,
    Backups,
    EventEntry,
    Events,
    OverflowEpisode,
    Overflows,
    PartitionState,
    PollingGroup,
    PollingStatus,
    Services,
    ServiceState,
)
from services.monitor.api.answers.schemas import (
    BackupFigures,
    BufferFigures,
    BufferHealth,
    BufferMetrics,
    BufferStatus,
    HealthDetails,
    Ledger,
    WentBack,
    WriterFigures,
    WriterMetrics,
    WriterState,
    moment_if_known,
)
from services.monitor.api.state import State
from services.monitor.assess.assessment import Assessment
from services.monitor.assess.findings.backlog import waiting_files
from services.monitor.assess.findings.losses import unacknowledged, went_back_since
from services.monitor.assess.health import last_write_at
from services.monitor.assess.humanize import moment
from services.monitor.assess.stats import (
    batches_ended,
    late,
    mean_batch_size,
    mean_ms,
    per_second,
    percent,
    percentile_ms,
    success_pct,
)
from services.monitor.read.overview import Overview, Service
from shared.counters import WINDOW_S, Counter, Window
from shared.records.events import EventRecord
from shared.records.heartbeats import Process, ServiceStatus, WriterStatus
from shared.records.reading import json_object
from shared.settings.models import BufferSettings


def buffer_status(overview: Overview, settings: BufferSettings) -> BufferStatus:
    """Return the buffer's size and totals."""
    ledger, cap = overview.ledger, settings.buffer_max_size
    return BufferStatus(
        current_size=ledger.in_buffer,
        max_size=cap * len(overview.parts),
        utilization_pct=round(max(percent(part.ledger.in_buffer, cap) for part in overview.parts.values()), 2),
        total_inserted=ledger[Counter.INSERTED],
        total_removed=ledger[Counter.REMOVED],
        overflow_count=ledger[Counter.OVERFLOWED],
        overflow_rate_pct=round(percent(ledger[Counter.OVERFLOWED], ledger[Counter.INSERTED]), 4),
        oldest_value_age_seconds=round(ledger.oldest_value_age_s, 3),
    )


def ledger(overview: Overview) -> Ledger:
    """Return where every value is."""
    snapshot = overview.ledger
    counts = {counter.value: snapshot[counter] for counter in Counter if counter.value in Ledger.model_fields}
    back = went_back_since(overview, overview.acknowledged.at)
    went_back = None if back is None else WentBack.like(back, at=moment(back.at))
    return Ledger.like(snapshot, **counts, went_back=went_back, taken_at=moment(overview.taken_at))


def writer_metrics(overview: Overview) -> WriterMetrics:
    """Return what the writers did, in all and in the window."""
    counts, window = overview.ledger, overview.window
    writers = overview.living(WriterStatus)
    return WriterMetrics(
        total_writes=batches_ended(counts.counters),
        successful_writes=counts[Counter.BATCHES_WRITTEN],
        failed_writes=counts[Counter.BATCHES_FAILED],
        success_rate_pct=round(success_pct(counts.counters), 4),
        last_write_timestamp=moment_if_known(last_write_at(overview)),
        values_written=counts[Counter.WRITTEN],
        duplicates=counts[Counter.DUPLICATES],
        conflicts=counts[Counter.CONFLICTS],
        values_rejected=counts[Counter.REJECTED],
        values_backed_up=counts[Counter.BACKED_UP],
        values_recovered=counts[Counter.RECOVERED],
        retries=counts[Counter.RETRIES],
        inserted_per_second=per_second(overview.buckets, Counter.INSERTED),
        written_per_second=per_second(overview.buckets, Counter.WRITTEN),
        window_seconds=WINDOW_S,
        avg_batch_size=_rounded(mean_batch_size(window)),
        avg_write_latency_ms=_rounded(mean_ms(window, Window.LATENCY)),
        avg_lag_ms=_rounded(mean_ms(window, Window.LAG)),
        **{f"write_latency_p{part}_ms": percentile_ms(window, Window.LATENCY, part) for part in (50, 95, 99)},
        **{f"lag_p{part}_ms": percentile_ms(window, Window.LAG, part) for part in (50, 95, 99)},
        values_late=late(window),
        writers=[_writer_state(writer) for writer in writers],
    )


def buffer_metrics(overview: Overview, settings: BufferSettings) -> BufferMetrics:
    """Return buffer, writers and backup in short."""
    writer = writer_metrics(overview)
    return BufferMetrics(
        buffer=BufferFigures.like(buffer_status(overview, settings)),
        writer=WriterFigures.like(writer, last_write_time=writer.last_write_timestamp),
        backup=BackupFigures.like(backups(overview, 0)),
    )


def buffer_health(assessment: Assessment) -> BufferHealth:
    """Return the verdict and its reasons."""
    health, loss = assessment.health, unacknowledged(assessment.overview)
    return BufferHealth.like(
        health,
        reasons=list(health.reasons),
        details=HealthDetails(
            buffer_utilization_pct=round(health.utilization_pct, 2),
            recent_write_success=health.recent_write_success,
            last_write_age_seconds=_rounded(health.last_write_age_s),
            values_lost=loss.overflowed,
            rejected_dropped=loss.rejected_dropped,
            loss_acknowledged_at=moment_if_known(loss.at),
        ),
    )


def services(overview: Overview) -> Services:
    """Return every process that lives or was lost lately."""
    return Services(services=[_service_state(service, overview) for service in overview.services])


def backups(overview: Overview, limit: int | None = None) -> Backups:
    """Return the files that writers wrote, the newest ones up to `limit`, and the size of all that wait."""
    waiting = waiting_files(overview)
    newest = sorted(overview.backup_files.items(), key=lambda entry: (entry[1].created, entry[0]), reverse=True)
    return Backups(
        file_count=waiting.files,
        total_rows=waiting.rows,
        total_bytes=waiting.bytes,
        left_out=_left_out(overview, "backup_files"),
        files=[BackupFile.like(file, name=name) for name, file in newest[:limit]],
    )


def partitions(state: State) -> list[PartitionState]:
    """Return each partition at a glance, with what was last known of those that are away."""
    return [_partition(number, part) for number, part in enumerate(state.partitions or (state,))]


def events(overview: Overview, limit: int, kind: str | None = None) -> Events:
    """Return the newest events, at most `limit`, of one kind if it is given."""
    chosen = [event for event in overview.events if kind is None or event.kind == kind]
    return Events(events=[_event(event) for event in chosen[:limit]])


def overflows(overview: Overview, limit: int) -> Overflows:
    """Return the newest overflow episodes, at most `limit`."""
    newest = sorted(overview.overflows.values(), key=lambda episode: episode.began_at, reverse=True)
    return Overflows(episodes=[OverflowEpisode.like(episode) for episode in newest[:limit]])


def polling_status(overview: Overview) -> PollingStatus:
    """Return every polling group: what came through of it, and what our own pollers say of theirs."""
    return PollingStatus(groups=polling_groups(overview, len(overview.groups)), left_out=_left_out(overview, "polling"))


def polling_groups(overview: Overview, limit: int) -> list[PollingGroup]:
    """Return the first polling groups, at most `limit`."""
    some = islice(overview.groups.values(), limit)
    return [PollingGroup.of(group, overview.age_s(group.seen.last_seen_at)) for group in some]


def _left_out(overview: Overview, what: str) -> int:
    return sum(count for key, count in overview.left_out.items() if key.endswith(f"}}:{what}"))


def _writer_state(writer: Service[WriterStatus]) -> WriterState:
    status = writer.status
    return WriterState.like(
        status,
        instance=writer.instance,
        state=writer.process.state if writer.process else "",
        last_write_at=moment_if_known(status.last_write_at),
    )


def _service_state(service: Service[ServiceStatus], overview: Overview) -> ServiceState:
    process = service.process or Process(state="lost")
    return ServiceState.like(
        process,
        role=service.role,
        instance=service.instance,
        alive=service.alive,
        last_beat_at=moment(service.beat_at),
        last_beat_age_seconds=_rounded(overview.age_s(service.beat_at)),
        started_at=moment_if_known(process.started_at),
        details=dict(service.details),
        partition=service.partition,
    )


def _partition(number: int, state: State) -> PartitionState:
    known = state.assessment
    return PartitionState(
        partition=number,
        away=state.failure is not None,
        reason=state.failure.reason if state.failure else None,
        health=known.health.status if known else None,
        utilization_pct=round(known.health.utilization_pct, 2) if known else None,
        queued_messages=known.overview.ledger.queued_messages if known else None,
        oldest_value_age_seconds=round(known.overview.ledger.oldest_value_age_s, 3) if known else None,
    )


def _event(event: EventRecord) -> EventEntry:
    return EventEntry.like(event, id=event.id or "", at=moment(event.at), details=json_object(event.details))


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 3)
