"""What is wrong with the pipeline just now, and since when as far as Redis knows. No I/O, no clock."""

from collections.abc import Iterable, Iterator, Sequence

from services.monitor.assess.alert_kinds import Severity, Status
from services.monitor.assess.backlog import how_long, waiting_files
from services.monitor.assess.finding import Finding
from services.monitor.assess.humanize import count_of, duration, number, size, some_of
from services.monitor.assess.losses import find_losses
from services.monitor.assess.movement import find_movement
from services.monitor.assess.polling_findings import find_polling_trouble
from services.monitor.assess.redis_findings import find_redis_trouble
from services.monitor.assess.stats import lately, percent
from services.monitor.assess.trend import Rates, Sample
from services.monitor.assess.writers import is_stuck, writes
from services.monitor.read.overview import Overview, Service
from shared.counters import WINDOW_S, Counter
from shared.records.events import Event
from shared.records.heartbeats import BackupState, ConsumerStatus, OracleState, WriterStatus
from shared.settings import BufferSettings

#: Seconds to the overflow from which a person is told, and from which it is critical.
SOON_S, VERY_SOON_S = 60, 15

#: Percent of the cap from which the buffer counts as full while it overflows: writers take whole batches, so a buffer
#: that overflows is not at its cap at every moment.
FULL_PCT = 90.0

#: Share of what comes in by which the buffer must grow to count as filling: polls come in bursts.
_LEAST_GROWTH = 0.05

#: Percent of batches that Oracle must take while it is there.
PROMISED_SUCCESS_PCT = 99.9


def find(overview: Overview, rates: Rates, settings: BufferSettings, samples: Sequence[Sample] = ()) -> list[Finding]:
    """Return all that is wrong, in no order; `samples` are those of the last minutes, the oldest first."""
    return [
        *find_losses(overview),
        *_buffer(overview, rates, settings),
        *_missing(overview),
        *_oracle(overview, rates, settings),
        *find_movement(overview, samples),
        *_backup(overview),
        *find_redis_trouble(overview),
        *_rows(overview),
        *_orphans(overview),
        *find_polling_trouble(overview),
        *_faults(overview),
        *_left_out(overview),
        *_partitions(overview, settings),
    ]


def _buffer(overview: Overview, rates: Rates, settings: BufferSettings) -> Iterator[Finding]:
    held, cap = overview.ledger.in_buffer, settings.buffer_max_size
    filled_pct = percent(held, cap)
    overflowing = lately(overview.buckets, Counter.OVERFLOWED)
    if overflowing:
        began = [episode.began_at for episode in overview.overflows.values() if episode.ended_at is None]
        yield Finding(
            "buffer_overflowing",
            f"{count_of(overflowing, 'value')} discarded in the last 20 s, "
            f"{number(overview.ledger[Counter.OVERFLOWED])} in all; buffer {filled_pct:.1f} % full",
            min(began, default=None),
            status=None if filled_pct >= FULL_PCT else Status.DEGRADED,
        )
    full_in_s = time_to_overflow(held, cap, rates)
    if full_in_s is not None and full_in_s < SOON_S and not overflowing:
        yield Finding(
            "overflow_soon",
            f"Full in {duration(full_in_s)}: {number(rates.inserted)} values/s come in, "
            f"{number(rates.removed)} go out, room for {number(cap - held)}",
            severity=Severity.CRITICAL if full_in_s < VERY_SOON_S else None,
        )
    if filled_pct >= settings.buffer_alert_threshold:
        stuck = filled_pct >= FULL_PCT and bool(_without_oracle(overview))
        yield Finding(
            "buffer_high",
            f"{filled_pct:.1f} % full ({number(held)} of {number(cap)} values), threshold "
            f"{settings.buffer_alert_threshold:g} %{'; Oracle is away' if stuck else ''}",
            _began(overview, Event.BUFFER_HIGH, Event.BUFFER_NORMAL),
            Severity.CRITICAL if stuck else None,
        )


def time_to_overflow(held: int, cap: int, rates: Rates) -> float | None:
    """Return the seconds until the buffer is full at these rates; None when it does not fill."""
    if rates.growth <= max(1.0, _LEAST_GROWTH * rates.inserted):
        return None
    return max(0, cap - held) / rates.growth


def _missing(overview: Overview) -> Iterator[Finding]:
    for role, kind, code in (("writer", WriterStatus, "no_writer"), ("consumer", ConsumerStatus, "no_consumer")):
        if not overview.living(kind):
            lost = [service.beat_at for service in overview.services if service.role == role]
            lost += [event.at for event in overview.events if event.role == role and event.kind == Event.STOPPED]
            last = max(lost, default=None)
            ago = f", the last one was seen {duration(overview.taken_at - last)} ago" if last else ""
            held = overview.ledger.in_buffer if role == "writer" else overview.ledger.queued_messages
            what = "value" if role == "writer" else "message"
            yield Finding(code, f"No {role} is running{ago}; {count_of(held, what)} wait", last)


def _oracle(overview: Overview, rates: Rates, settings: BufferSettings) -> Iterator[Finding]:
    away = _without_oracle(overview)
    refused = [writer for writer in away if writer.status.oracle == OracleState.CONFIGURATION]
    gone = [writer for writer in away if writer not in refused]
    # While one of them still brings values to the table or to a file, they go on.
    all_stuck = all(is_stuck(writer) for writer in overview.living(WriterStatus))
    if refused:
        error = _last_error(refused)
        yield Finding(
            "oracle_configuration",
            f"Oracle refuses {_names(refused)}: {error or 'see the log'}",
            _lost_at(overview, refused),
            status=Status.UNHEALTHY if all_stuck else Status.DEGRADED,
        )
    if gone:
        since = _lost_at(overview, gone)
        failing = all(writer.status.backup == BackupState.FAILING for writer in gone)
        said = _last_error(gone)
        yield Finding(
            "oracle_away",
            f"{_is_away(gone)}{f' for {duration(overview.taken_at - since)}' if since else ''} ({_names(gone)}): "
            f"{how_long(overview, gone, rates, settings)}; circuit breaker {_breakers(gone)}"
            f"{f'; last error: {said}' if said else ''}",
            since,
            Severity.CRITICAL if failing else None,
            Status.UNHEALTHY if all_stuck else Status.DEGRADED,
        )
    short = [writer for writer in overview.living(WriterStatus) if writer.status.connections_short]
    if short:
        open_ = ", ".join(str(writer.status.connections_open) for writer in short)
        yield Finding(
            "fewer_connections",
            f"{_names(short)} goes on with {open_} connections: {short[0].status.connections_short}",
        )


def _last_error(writers: Iterable[Service[WriterStatus]]) -> str:
    return next((error for writer in writers if (error := writer.status.last_error)), "")


def _is_away(writers: Sequence[Service[WriterStatus]]) -> str:
    never_seen = all(writer.status.oracle not in {OracleState.OK, OracleState.AWAY} for writer in writers)
    return "Oracle was not reached yet" if never_seen else "Oracle is away"


def _breakers(writers: Sequence[Service[WriterStatus]]) -> str:
    return some_of(sorted({writer.status.breaker or "unknown" for writer in writers}))


def _backup(overview: Overview) -> Iterator[Finding]:
    failing = [writer for writer in overview.living(WriterStatus) if writer.status.backup == BackupState.FAILING]
    if failing:
        cause = failing[0].status.backup_failure or "see its log"
        yield Finding(
            "backup_failed",
            f"{_names(failing)} can't write the backup: {cause}",
            _began(overview, Event.BACKUP_FAILED, Event.BACKUP_WORKS),
        )
    if overview.ledger.rejected_rows_waiting:
        rows = count_of(overview.ledger.rejected_rows_waiting, "rejected row")
        yield Finding("rejected_rows_waiting", f"{rows} wait in Redis: no writer could write its rejected_*.csv")
    waiting = waiting_files(overview)
    if waiting.files:
        yield Finding(
            "backup_waiting",
            f"{count_of(waiting.files, 'file')} with {count_of(waiting.rows, 'row')} ({size(waiting.bytes)}) "
            f"to recover; the oldest is {duration(overview.taken_at - waiting.oldest)} old",
            waiting.oldest,
        )


def _rows(overview: Overview) -> Iterator[Finding]:
    window = overview.window
    for counter, code, what in (
        (Counter.REJECTED, "rows_rejected", "{} refused by Oracle in the last 5 minutes"),
        (
            Counter.CONFLICTS,
            "conflicts",
            "{} in the last 5 minutes that the table holds otherwise: kept in files",
        ),
        (Counter.MESSAGES_REJECTED, "messages_rejected", "{} not understood in the last 5 minutes"),
        (Counter.TAGS_REJECTED, "tags_rejected", "{} can't be values, in the last 5 minutes"),
    ):
        # Conflicts are rejected values with an alert of their own.
        found = window[counter] - (window[Counter.CONFLICTS] if counter is Counter.REJECTED else 0)
        if found > 0:
            noun = _NOUNS.get(counter, "value")
            yield Finding(code, what.format(count_of(found, noun)), _first_counted(overview, counter))
    written, failed = window[Counter.BATCHES_WRITTEN], window[Counter.BATCHES_FAILED]
    rate = percent(written, written + failed, of_nothing=100.0)
    if rate < PROMISED_SUCCESS_PCT:
        yield Finding(
            "success_rate_low",
            f"{rate:.2f} % of the batches of the last 5 minutes were taken by Oracle "
            f"({number(failed)} of {number(written + failed)} were not)",
            _first_counted(overview, Counter.BATCHES_FAILED),
        )


#: What is counted where it is not values.
_NOUNS = {Counter.MESSAGES_REJECTED: "message", Counter.TAGS_REJECTED: "tag"}


def _orphans(overview: Overview) -> Iterator[Finding]:
    living = {(service.role, service.instance) for service in overview.services if service.alive}
    orphans = sorted(overview.owners - living)
    if orphans:
        names = some_of([f"{role} {name}" for role, name in orphans])
        yield Finding("inflight_orphaned", f"{names} is gone and still holds what it had claimed")


def _faults(overview: Overview) -> Iterator[Finding]:
    faults = [
        event for event in overview.events if event.kind == Event.FAULT and overview.taken_at - event.at <= WINDOW_S
    ]
    if faults:
        last = faults[0]
        yield Finding(
            "unforeseen_fault",
            f"{count_of(len(faults), 'fault')} in the last 5 minutes; the last one in {last.role} "
            f"{last.instance}: {last.message}",
            faults[-1].at,
        )


def _left_out(overview: Overview) -> Iterator[Finding]:
    left_out = [f"{number(count)} of {key}" for key, count in sorted(overview.left_out.items())]
    left_out += [
        f"{count} polling groups by consumer {consumer.instance}"
        for consumer in overview.living(ConsumerStatus)
        if (count := consumer.status.groups_left_out)
    ]
    if left_out:
        yield Finding(
            "not_all_shown", f"Left out because they are too long, too many or unreadable: {some_of(left_out)}"
        )


def _without_oracle(overview: Overview) -> list[Service[WriterStatus]]:
    """Return the writers that do not write just now: Oracle is away for them, or the breaker is not closed."""
    return [writer for writer in overview.living(WriterStatus) if not writes(writer)]


def _names(writers: Iterable[Service[WriterStatus]]) -> str:
    names = [writer.instance for writer in writers]
    return f"writer{'s' if len(names) > 1 else ''} {some_of(names)}"


def _lost_at(overview: Overview, writers: Iterable[Service[WriterStatus]]) -> float | None:
    """Return when the first of these writers lost Oracle: its first failure since it last wrote."""
    lost = []
    for writer in writers:
        began = None
        for event in overview.events:
            if event.instance != writer.instance or event.role != "writer":
                continue
            # Half-open is said as "back" too; only a batch that was written ends the outage, and then it says how long.
            if event.kind == Event.STARTED or (event.kind == Event.ORACLE_BACK and event.details):
                break
            if event.kind in {Event.ORACLE_LOST, Event.ORACLE_RETRY, Event.ORACLE_CONFIGURATION}:
                began = event.at
        if began is not None:
            lost.append(began)
    return min(lost, default=None)


def _began(overview: Overview, begins: Event, ends: Event) -> float | None:
    """Return when something began that is not over, by the events; None when they don't tell any more."""
    kinds = {begins.value, ends.value}
    newest = next((event for event in overview.events if event.kind in kinds), None)
    return newest.at if newest is not None and newest.kind == begins else None


def _first_counted(overview: Overview, counter: Counter) -> float | None:
    return next((bucket.began_at for bucket in overview.buckets if bucket.counts.get(counter)), None)


def _partitions(overview: Overview, settings: BufferSettings) -> Iterator[Finding]:
    others = {
        f"{service.role} {service.instance}": service.process.partitions
        for service in overview.services
        if service.process is not None and service.process.partitions != settings.partitions
    }
    if others:
        said = some_of([f"{name} was told {count}" for name, count in others.items()])
        yield Finding("partitions_differ", f"PARTITIONS is {settings.partitions} for this monitor; {said}")
