"""The pipeline as Prometheus wants it: base units, `_total` for what only grows, no label without a bound."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.monitor.api.state import State
from services.monitor.assess.alert_kinds import KINDS, Severity, Status
from services.monitor.assess.assessment import Assessment
from services.monitor.assess.health import last_write_at
from services.monitor.assess.stats import histogram, late
from services.monitor.read.overview import Overview, Service
from shared import __version__
from shared.counters import HISTOGRAM_BOUNDS_MS, Counter, Window
from shared.records.files import FileKind, FileStage
from shared.records.heartbeats import BackupState, BreakerState, MonitorStatus, OracleState, WriterStatus
from shared.settings.models import BufferSettings

CONTENT_TYPE = CONTENT_TYPE_LATEST

#: Totals by what became of each.
_BY_OUTCOME: dict[str, tuple[str, dict[str, Counter]]] = {
    "tagpipe_values": (
        "Values by what became of them",
        {
            "written": Counter.WRITTEN, "duplicate": Counter.DUPLICATES, "rejected": Counter.REJECTED,
            "backed_up": Counter.BACKED_UP, "overflowed": Counter.OVERFLOWED,
        },
    ),
    "tagpipe_batches": (
        "Batches by what became of them", {"written": Counter.BATCHES_WRITTEN, "failed": Counter.BATCHES_FAILED}
    ),
    "tagpipe_messages": (
        "Messages by what became of them",
        {
            "pushed": Counter.MESSAGES, "rejected": Counter.MESSAGES_REJECTED, "dropped": Counter.REJECTED_DROPPED,
            "retried": Counter.REJECTED_RETRIED,
        },
    ),
}  # fmt: skip
_TOTALS = {
    "tagpipe_inserted_values": (Counter.INSERTED, "Values pushed on the buffer"),
    "tagpipe_removed_values": (Counter.REMOVED, "Values taken from the buffer by writers"),
    "tagpipe_recovered_values": (Counter.RECOVERED, "Rows of backup files put into the table later"),
    "tagpipe_conflicting_values": (Counter.CONFLICTS, "Values whose key the table held with another value"),
    "tagpipe_unsupported_values": (Counter.UNSUPPORTED, "Readings of a type that no column can hold"),
    "tagpipe_rejected_tags": (Counter.TAGS_REJECTED, "Tags of messages that can't be values"),
    "tagpipe_imported_rows": (Counter.IMPORTED, "Rows of files of other programs put into the table by import"),
    "tagpipe_rejected_rows_dropped": (Counter.ROWS_DROPPED, "Rejected rows lost: too many waited for a file"),
    "tagpipe_backup_lost_rows": (Counter.BACKUP_LOST, "Rows lost because somebody cut a backup file short"),
    "tagpipe_retries": (Counter.RETRIES, "Attempts to write a batch after the first"),
}
#: Polling groups with series of their own, by PLC and name; `tagpipe_polling_groups` counts all.
MAX_GROUPS = 1_000

_GAUGE = dict[str, tuple[float, str]]


def metrics(state: State, settings: BufferSettings) -> bytes:
    """Return the exposition, each partition with its label; while Redis can't be read only that is told."""
    registry = CollectorRegistry()
    registry.register(_Partitions(state.partitions, settings) if state.partitions else _Pipeline(state, settings))
    ProcessCollector(namespace="tagpipe_monitor", registry=registry)
    return generate_latest(registry)


class _Partitions(Collector):
    """The same of each partition, with one label more."""

    def __init__(self, states: Sequence[State], settings: BufferSettings) -> None:
        self._states = states
        self._settings = settings

    def collect(self) -> Iterator[Metric]:
        """Yield every metric once, with the samples of all partitions."""
        together: dict[str, Metric] = {}
        for number, state in enumerate(self._states):
            for metric in _Pipeline(state, self._settings).collect():
                whole = together.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    # Of the monitor itself there is one.
                    if metric.name != "tagpipe_monitor_info":
                        whole.add_sample(sample.name, {**sample.labels, "partition": str(number)}, sample.value)
                    elif not whole.samples:
                        whole.add_sample(sample.name, sample.labels, sample.value)
        yield from together.values()


class _Pipeline(Collector):
    """Everything of one moment."""

    def __init__(self, state: State, settings: BufferSettings) -> None:
        self._assessment = state.assessment if state.failure is None else None
        self._settings = settings

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        is_up = float(self._assessment is not None)
        yield GaugeMetricFamily("tagpipe_redis_up", "1 while the monitor can read Redis", is_up)
        info = GaugeMetricFamily("tagpipe_monitor_info", "Version of the monitor; always 1", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        if self._assessment is None:
            return
        overview, totals = self._assessment.overview, self._assessment.totals
        yield from _values(totals)
        yield from _gauges(overview, self._settings)
        yield from _histograms(totals)
        yield from _services(overview)
        yield from _backups(overview)
        yield from _polling(overview)
        yield from _verdicts(self._assessment)


def _values(totals: Mapping[str, int]) -> Iterator[Metric]:
    for name, (counter, text) in _TOTALS.items():
        yield CounterMetricFamily(name, text, totals[counter])
    for name, (text, outcomes) in _BY_OUTCOME.items():
        family = CounterMetricFamily(name, text, labels=["outcome"])
        for outcome, counter in outcomes.items():
            family.add_metric([outcome], totals[counter])
        yield family
    yield CounterMetricFamily(
        "tagpipe_values_late", "Values older than an hour when committed: replayed, or late", late(totals)
    )


def _gauges(overview: Overview, settings: BufferSettings) -> Iterator[Metric]:
    ledger = overview.ledger
    gauges: _GAUGE = {
        "tagpipe_buffer_values": (ledger.in_buffer, "Values in the buffer"),
        "tagpipe_buffer_capacity_values": (settings.buffer_max_size, "Values that the buffer holds at most"),
        "tagpipe_buffer_alert_threshold_ratio": (settings.buffer_alert_threshold / 100, "Share that alerts, 0 to 1"),
        "tagpipe_oldest_value_age_seconds": (
            ledger.oldest_value_age_s,
            "Since the value at the buffer's head was collected; 0 where the buffer is empty",
        ),
        "tagpipe_inflight_values": (ledger.in_flight, "Values claimed by writers and not settled"),
        "tagpipe_inflight_batches": (ledger.batches_in_flight, "Batches claimed by writers and not settled"),
        "tagpipe_queue_messages": (ledger.queued_messages, "Messages in the DataQueue"),
        "tagpipe_claimed_messages": (ledger.claimed_messages, "Messages that consumers work on"),
        "tagpipe_ledger_difference_values": (
            ledger.difference,
            "Values inserted minus values in known places; anything but 0 is a fault",
        ),
        "tagpipe_snapshot_timestamp_seconds": (overview.taken_at, "When Redis was read, since 1970"),
    }
    written_at = last_write_at(overview)
    if written_at is not None:
        gauges["tagpipe_last_write_timestamp_seconds"] = (written_at, "Last commit, since 1970")
    for name, (figure, text) in gauges.items():
        yield GaugeMetricFamily(name, text, figure)


def _histograms(totals: Mapping[str, int]) -> Iterator[Metric]:
    for name, text, prefix, sum_field in (
        ("tagpipe_write_latency_seconds", "Batches: claim to settled", Window.LATENCY, Window.LATENCY_SUM_MS),
        ("tagpipe_lag_seconds", "Values: collection to commit, up to an hour", Window.LAG, Window.LAG_SUM_MS),
    ):
        below, buckets = 0, []
        bounds = [*(f"{bound / 1000:g}" for bound in HISTOGRAM_BOUNDS_MS), "+Inf"]
        found = histogram(totals, prefix)
        if prefix is Window.LAG:
            found[-1] = 0
        for bound, count in zip(bounds, found, strict=True):
            below += count
            buckets.append((bound, below))
        yield HistogramMetricFamily(name, text, buckets=buckets, sum_value=totals.get(sum_field, 0) / 1000)


def _services(overview: Overview) -> Iterator[Metric]:
    # Not `instance`: that is the name of what Prometheus scrapes.
    labels = ["role", "name"]
    up = GaugeMetricFamily("tagpipe_service_up", "1 while the process beats", labels=labels)
    beat = GaugeMetricFamily("tagpipe_service_last_beat_timestamp_seconds", "Last beat, since 1970", labels=labels)
    info = GaugeMetricFamily("tagpipe_service_info", "Version and host; always 1", labels=[*labels, "version", "host"])
    for service in overview.services:
        name = [service.role, service.instance]
        up.add_metric(name, float(service.alive))
        beat.add_metric(name, service.beat_at)
        if service.process is not None:
            info.add_metric([*name, service.process.version or "", service.process.host or ""], 1)
    yield from (up, beat, info, *_writers(overview.living(WriterStatus)), *_notices(overview.living(MonitorStatus)))


def _writers(writers: list[Service[WriterStatus]]) -> Iterator[Metric]:
    oracle = GaugeMetricFamily("tagpipe_writer_oracle_up", "1 while the writer reaches Oracle", labels=["name"])
    backup = GaugeMetricFamily("tagpipe_writer_backup_up", "1 while it can write its backup", labels=["name"])
    free = GaugeMetricFamily("tagpipe_writer_backup_free_bytes", "Room left for backups", labels=["name"])
    breaker = GaugeMetricFamily("tagpipe_writer_breaker", "1 for the present state", labels=["name", "state"])
    for writer in writers:
        name, status = [writer.instance], writer.status
        oracle.add_metric(name, float(status.oracle == OracleState.OK))
        backup.add_metric(name, float(status.backup == BackupState.OK))
        if status.backup_free_bytes is not None:
            free.add_metric(name, float(status.backup_free_bytes))
        for state in BreakerState:
            breaker.add_metric([*name, state], float(status.breaker == state))
    yield from (oracle, backup, free, breaker)


def _notices(monitors: list[Service[MonitorStatus]]) -> Iterator[Metric]:
    notices = CounterMetricFamily(
        "tagpipe_notices", "Notices of alerts, and tries that failed", labels=["name", "receiver", "outcome"]
    )
    failing = GaugeMetricFamily("tagpipe_notices_failing", "1 while none is taken", labels=["name", "receiver"])
    for monitor in monitors:
        name, status = monitor.instance, monitor.status
        for receiver, sent, failed, failure in (
            ("webhook", status.webhook_sent, status.webhook_failed, status.webhook_failure),
            ("mail", status.mail_sent, status.mail_failed, status.mail_failure),
        ):
            if sent is not None:
                notices.add_metric([name, receiver, "sent"], sent)
                notices.add_metric([name, receiver, "failed"], failed or 0)
                failing.add_metric([name, receiver], float(bool(failure)))
    yield from (notices, failing)


def _backups(overview: Overview) -> Iterator[Metric]:
    labels = ["kind", "state"]
    families = [
        GaugeMetricFamily("tagpipe_backup_files", "CSV files that writers wrote", labels=labels),
        GaugeMetricFamily("tagpipe_backup_rows", "Values in them", labels=labels),
        GaugeMetricFamily("tagpipe_backup_bytes", "Their size", labels=labels),
    ]
    sums: dict[tuple[str, str], list[float]] = {}
    for file in overview.backup_files.values():
        key = _known(file.kind, FileKind), _known(file.state, FileStage)
        row = [float(file.count), float(file.rows), float(file.bytes)]
        sums[key] = [before + more for before, more in zip(sums.get(key, [0.0] * 3), row, strict=True)]
    for key, figures in sorted(sums.items()):
        for family, figure in zip(families, figures, strict=True):
            family.add_metric(list(key), figure)
    yield from families


def _known(word: str, words: Iterable[str]) -> str:
    # A label must have a bound.
    return word if word in set(words) else "other"


def _polling(overview: Overview) -> Iterator[Metric]:
    yield GaugeMetricFamily("tagpipe_polling_groups", "Polling groups that are known", len(overview.groups))
    labels = ["plc", "group"]
    seen = GaugeMetricFamily(
        "tagpipe_polling_last_seen_timestamp_seconds", "Last poll that came through", labels=labels
    )
    good = GaugeMetricFamily("tagpipe_polling_values", "Tags with a value in the last poll", labels=labels)
    bad = GaugeMetricFamily("tagpipe_polling_errors", "Tags that failed in the last poll", labels=labels)
    for identity, group in islice(overview.groups.items(), MAX_GROUPS):
        for family, figure in ((seen, group.seen.last_seen_at), (good, group.seen.values), (bad, group.seen.errors)):
            if figure is not None:
                family.add_metric(list(identity), figure)
    yield from (seen, good, bad)


def _verdicts(assessment: Assessment) -> Iterator[Metric]:
    health = GaugeMetricFamily("tagpipe_health", "1 for the present state", labels=["state"])
    for status in Status:
        health.add_metric([status.value], float(status is assessment.health.status))
    yield health
    labels = ["code", "severity"]
    active = GaugeMetricFamily("tagpipe_alert_active", "1 while the alert is raised; docs/alerts.md", labels=labels)
    raised = {alert.code: alert.severity for alert in assessment.alerts}
    for code in KINDS:
        # Both, so that a series ends in 0 when an alert gets worse and not by vanishing.
        for severity in Severity:
            active.add_metric([code, severity.value], float(raised.get(code) is severity))
    yield active
