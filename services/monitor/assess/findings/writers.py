"""What is wrong with what writers reach: Oracle, their connections, their backup. No I/O, no clock."""

from collections.abc import Iterable, Iterator, Sequence

from services.monitor.assess.alert_kinds import Severity, Status
from services.monitor.assess.findings.backlog import how_long, waiting_files
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.findings.since import began
from services.monitor.assess.said import Said, some
from services.monitor.assess.trend import Rates
from services.monitor.assess.writers import is_stuck, writes
from services.monitor.read.overview import Overview, Service
from shared.records.events import Event
from shared.records.heartbeats import BackupState, BreakerState, OracleState, WriterStatus
from shared.settings.models import BufferSettings

#: States of a circuit breaker that are known here; a newer writer may know more.
_BREAKERS = {*BreakerState, "unknown"}

#: What a writer goes on with and a person should know: the alert's code, what is said, and what the writer says of it.
_WARNINGS = (
    ("fewer_connections", "{names} goes on with {open} connections: {why}", "connections_short"),
    ("logon_warning", "Oracle warns {names}: {why}", "logon_warning"),
    ("key_missing", "{names} found: {why}", "table_warning"),
)


def find_writer_trouble(overview: Overview, rates: Rates, settings: BufferSettings) -> Iterator[Finding]:
    """Yield what is wrong with Oracle as the writers meet it, and with their backup."""
    yield from _oracle(overview, rates, settings)
    yield from _warnings(overview)
    yield from _targets(overview)
    yield from _backup(overview)


def _oracle(overview: Overview, rates: Rates, settings: BufferSettings) -> Iterator[Finding]:
    away = [writer for writer in overview.living(WriterStatus) if not writes(writer)]
    refused = [writer for writer in away if writer.status.oracle == OracleState.CONFIGURATION]
    gone = [writer for writer in away if writer not in refused]
    # While one of them still brings values to the table or to a file, they go on.
    all_stuck = all(is_stuck(writer) for writer in overview.living(WriterStatus))
    if refused:
        error = _last_error(refused)
        yield Finding(
            "oracle_configuration",
            Said("Oracle refuses {names}: {error}", names=_names(refused), error=error or Said("see the log")),
            _lost_at(overview, refused),
            status=Status.UNHEALTHY if all_stuck else Status.DEGRADED,
        )
    if gone:
        since = _lost_at(overview, gone)
        failing = all(writer.status.backup == BackupState.FAILING for writer in gone)
        said = _last_error(gone)
        yield Finding(
            "oracle_away",
            Said(
                "{away}{span} ({names}): {how_long}; circuit breaker {breakers}{error}",
                away=_is_away(gone),
                span=Said(" for {span:duration}", span=overview.taken_at - since) if since else "",
                names=_names(gone),
                how_long=how_long(overview, gone, rates, settings),
                breakers=_breakers(gone),
                error=Said("; last error: {error}", error=said) if said else "",
            ),
            since,
            Severity.CRITICAL if failing else None,
            Status.UNHEALTHY if all_stuck else Status.DEGRADED,
        )


def _targets(overview: Overview) -> Iterator[Finding]:
    by_target: dict[tuple[int | None, str], list[Service[WriterStatus]]] = {}
    for writer in overview.living(WriterStatus):
        if writer.status.target:
            by_target.setdefault((writer.partition, writer.status.target.casefold()), []).append(writer)
    # Each partition may have a table of its own.
    if len(by_target) > len({partition for partition, _ in by_target}):
        told = [
            Said("{names} to {target}", names=_names(writers), target=writers[0].status.target)
            for writers in by_target.values()
        ]
        yield Finding("writers_differ", Said("Values go to several tables: {these}", these=some(told)))


def _warnings(overview: Overview) -> Iterator[Finding]:
    for code, template, field in _WARNINGS:
        told = [writer for writer in overview.living(WriterStatus) if getattr(writer.status, field)]
        if told:
            counts = (writer.status.connections_open for writer in told)
            open_ = ", ".join("?" if count is None else str(count) for count in counts)
            yield Finding(code, Said(template, names=_names(told), open=open_, why=getattr(told[0].status, field)))


def _last_error(writers: Iterable[Service[WriterStatus]]) -> str:
    return next((error for writer in writers if (error := writer.status.last_error)), "")


def _is_away(writers: Sequence[Service[WriterStatus]]) -> Said:
    never_seen = all(writer.status.oracle not in {OracleState.OK, OracleState.AWAY} for writer in writers)
    return Said("Oracle was not reached yet") if never_seen else Said("Oracle is away")


def _breakers(writers: Sequence[Service[WriterStatus]]) -> str:
    found = sorted({writer.status.breaker or "unknown" for writer in writers})
    return some([Said(state) if state in _BREAKERS else state for state in found])


def _backup(overview: Overview) -> Iterator[Finding]:
    failing = [writer for writer in overview.living(WriterStatus) if writer.status.backup == BackupState.FAILING]
    if failing:
        cause = failing[0].status.backup_failure or Said("see its log")
        yield Finding(
            "backup_failed",
            Said("{names} can't write the backup: {cause}", names=_names(failing), cause=cause),
            began(overview, Event.BACKUP_FAILED, Event.BACKUP_WORKS),
        )
    if overview.ledger.rejected_rows_waiting:
        wait = "{count:rejected_row} wait in Redis: no writer could write its rejected_*.csv"
        yield Finding("rejected_rows_waiting", Said(wait, count=overview.ledger.rejected_rows_waiting))
    waiting = waiting_files(overview)
    if waiting.files:
        yield Finding(
            "backup_waiting",
            Said(
                "{files:file} with {rows:row} ({bytes:size}) to recover{where}; the oldest is {age:duration} old",
                files=waiting.files,
                rows=waiting.rows,
                bytes=waiting.bytes,
                where=Said(" on {hosts}", hosts=some(waiting.hosts)) if waiting.hosts else "",
                age=overview.taken_at - waiting.oldest,
            ),
            waiting.oldest,
        )


def _names(writers: Iterable[Service[WriterStatus]]) -> Said:
    names = [writer.instance for writer in writers]
    return Said("writers {names}" if len(names) > 1 else "writer {names}", names=some(names))


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
