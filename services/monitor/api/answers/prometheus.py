"""The pipeline as Prometheus wants it: base units, `_total` for what only grows, no label without a bound."""

from collections import Counter as Tally
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from services.monitor.api.state import State
from services.monitor.assess.alert_kinds import KINDS, Severity, Status
from services.monitor.assess.assessment import Assessment
from services.monitor.assess.health import last_write_at
from services.monitor.assess.stats import SUM_MS, histogram, late
from services.monitor.read.overview import Overview, Service
from shared import __version__
from shared.counters import HISTOGRAM_BOUNDS_MS, Counter, Window
from shared.records.files import FileKind, FileStage
from shared.records.heartbeats import BackupState, BreakerState, MonitorStatus, OracleState, ServiceStatus, WriterStatus
from shared.settings.models import BufferSettings

#: Of the version that every reader knows; the text is the same in 1.0.0, by which the library calls it.
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

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
    registry.register(_Collected(_together(state.partitions, settings) or _of_one(state, settings)))
    ProcessCollector(namespace="tagpipe_monitor", registry=registry)
    return generate_latest(registry)


class _Collected(Collector):
    """What was collected already."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        """Return every metric once."""
        return self._found


def _together(states: Sequence[State], settings: BufferSettings) -> Collection[Metric]:
    """Return every metric with the samples of all partitions, with one label more."""
    together: dict[str, Metric] = {}
    for number, state in enumerate(states):
        for metric in _of_one(state, settings):
            whole = together.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            for sample in metric.samples:
                # Of the monitor itself there is one.
                if metric.name != "tagpipe_monitor_info":
                    whole.add_sample(sample.name, {**sample.labels, "partition": str(number)}, sample.value)
                elif not whole.samples:
                    whole.add_sample(sample.name, sample.labels, sample.value)
    return together.values()


def _of_one(state: State, settings: BufferSettings) -> Iterator[Metric]:
    """Yield everything of one moment."""
    known = state.assessment if state.failure is None else None
    yield GaugeMetricFamily("tagpipe_redis_up", "1 while the monitor can read Redis", float(known is not None))
    yield _gauge("tagpipe_monitor_info", "Version of the monitor; always 1", "version", [((__version__,), 1)])
    if known is not None:
        yield from _values(known.totals)
        yield from _gauges(known.overview, settings)
        yield from _histograms(known.totals)
        yield from _services(known.overview.services)
        yield from _writers(known.overview.living(WriterStatus))
        yield from _notices(known.overview.living(MonitorStatus))
        yield from _backups(known.overview)
        yield from _polling(known.overview)
        yield from _verdicts(known)


def _gauge(name: str, text: str, labels: str, samples: Iterable[tuple[Sequence[str], float]]) -> Metric:
    """Return a gauge by labels, named with blanks between: their values, and a figure."""
    gauge = GaugeMetricFamily(name, text, labels=labels.split())
    for values, figure in samples:
        gauge.add_metric(values, float(figure))
    return gauge


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
    for name, text, prefix in (
        ("tagpipe_write_latency_seconds", "Batches: claim to settled", Window.LATENCY),
        ("tagpipe_lag_seconds", "Values: collection to commit, up to an hour", Window.LAG),
    ):
        below, buckets = 0, []
        bounds = [*(f"{bound / 1000:g}" for bound in HISTOGRAM_BOUNDS_MS), "+Inf"]
        found = histogram(totals, prefix)
        if prefix is Window.LAG:
            found[-1] = 0
        for bound, count in zip(bounds, found, strict=True):
            below += count
            buckets.append((bound, below))
        yield HistogramMetricFamily(name, text, buckets=buckets, sum_value=totals.get(SUM_MS[prefix], 0) / 1000)


def _services(services: Iterable[Service[ServiceStatus]]) -> Iterator[Metric]:
    # Not `instance`: that is the name of what Prometheus scrapes.
    named = [((service.role, service.instance), service) for service in services]
    yield _gauge("tagpipe_service_up", "1 while the process beats", "role name", ((n, s.alive) for n, s in named))
    beat = ((name, service.beat_at) for name, service in named)
    yield _gauge("tagpipe_service_last_beat_timestamp_seconds", "Last beat, since 1970", "role name", beat)
    info = [((*n, s.process.version or "", s.process.host or ""), 1) for n, s in named if s.process is not None]
    yield _gauge("tagpipe_service_info", "Version and host; always 1", "role name version host", info)


def _writers(writers: Iterable[Service[WriterStatus]]) -> Iterator[Metric]:
    named = [((writer.instance,), writer.status) for writer in writers]
    up = ((name, status.oracle == OracleState.OK) for name, status in named)
    yield _gauge("tagpipe_writer_oracle_up", "1 while the writer reaches Oracle", "name", up)
    up = ((name, status.backup == BackupState.OK) for name, status in named)
    yield _gauge("tagpipe_writer_backup_up", "1 while it can write its backup", "name", up)
    free = ((name, bytes_) for name, status in named if (bytes_ := status.backup_free_bytes) is not None)
    yield _gauge("tagpipe_writer_backup_free_bytes", "Room left for backups", "name", free)
    breaker = (((*name, state), status.breaker == state) for name, status in named for state in BreakerState)
    yield _gauge("tagpipe_writer_breaker", "1 for the present state", "name state", breaker)


def _notices(monitors: Iterable[Service[MonitorStatus]]) -> Iterator[Metric]:
    notices = CounterMetricFamily(
        "tagpipe_notices", "Notices of alerts, and tries that failed", labels=["name", "receiver", "outcome"]
    )
    failing = []
    for monitor in monitors:
        name, status = monitor.instance, monitor.status
        for receiver, sent, failed, failure in (
            ("webhook", status.webhook_sent, status.webhook_failed, status.webhook_failure),
            ("mail", status.mail_sent, status.mail_failed, status.mail_failure),
        ):
            if sent is not None:
                notices.add_metric([name, receiver, "sent"], sent)
                notices.add_metric([name, receiver, "failed"], failed or 0)
                failing.append(((name, receiver), bool(failure)))
    yield notices
    yield _gauge("tagpipe_notices_failing", "1 while none is taken", "name receiver", failing)


def _backups(overview: Overview) -> Iterator[Metric]:
    for name, text, field in (
        ("tagpipe_backup_files", "CSV files that writers wrote", "count"),
        ("tagpipe_backup_rows", "Values in them", "rows"),
        ("tagpipe_backup_bytes", "Their size", "bytes"),
    ):
        sums = Tally[tuple[str, str]]()
        for file in overview.backup_files.values():
            sums[_known(file.kind, FileKind), _known(file.state, FileStage)] += getattr(file, field)
        yield _gauge(name, text, "kind state", sorted(sums.items()))


def _known(word: str, words: Iterable[str]) -> str:
    # A label must have a bound.
    return word if word in set(words) else "other"


def _polling(overview: Overview) -> Iterator[Metric]:
    yield GaugeMetricFamily("tagpipe_polling_groups", "Polling groups that are known", len(overview.groups))
    some = [(identity, group.seen) for identity, group in islice(overview.groups.items(), MAX_GROUPS)]
    for name, text, field in (
        ("tagpipe_polling_last_seen_timestamp_seconds", "Last poll that came through", "last_seen_at"),
        ("tagpipe_polling_values", "Tags with a value in the last poll", "values"),
        ("tagpipe_polling_errors", "Tags that failed in the last poll", "errors"),
    ):
        told = ((identity, figure) for identity, seen in some if (figure := getattr(seen, field)) is not None)
        yield _gauge(name, text, "plc group", told)


def _verdicts(assessment: Assessment) -> Iterator[Metric]:
    health = [((status,), status is assessment.health.status) for status in Status]
    yield _gauge("tagpipe_health", "1 for the present state", "state", health)
    raised = {alert.code: alert.severity for alert in assessment.alerts}
    # Both, so that a series ends in 0 when an alert gets worse and not by vanishing.
    active = [((code, severity), raised.get(code) is severity) for code in KINDS for severity in Severity]
    yield _gauge("tagpipe_alert_active", "1 while the alert is raised; docs/alerts.md", "code severity", active)
