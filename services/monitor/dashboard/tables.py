"""The cards that list things: services, polling groups, backup files, events. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.monitor.api import answers
from services.monitor.api.listings import BackupFile, EventEntry, PollingGroup
from services.monitor.assess.humanize import count_of, duration, milliseconds, number, size
from services.monitor.dashboard.rendering import render
from services.monitor.read.overview import Overview, Service
from shared.records.events import Event
from shared.records.heartbeats import PollerStatus, ServiceStatus, WriterStatus

#: Rows shown; the API lists all.
FILES_SHOWN, EVENTS_SHOWN, GROUPS_SHOWN, SERVICES_SHOWN = 8, 10, 20, 20

#: Seconds up to which something counts as just now: several beats, or a poll and what it takes to get here.
_NOW_S = 3.0

_ALERTING = {
    Event.ORACLE_LOST, Event.ORACLE_CONFIGURATION, Event.BACKUP_FAILED, Event.ROWS_REJECTED, Event.OVERFLOW,
    Event.MESSAGE_REJECTED,
}  # fmt: skip
_GOOD = {Event.ORACLE_BACK, Event.BACKUP_WORKS, Event.RECOVERED, Event.BUFFER_NORMAL, Event.REDIS_BACK}


@dataclass(frozen=True)
class Cell:
    """What one cell of a table shows, one after the other; empty parts are left out."""

    text: str = ""
    strong: str = ""  #: before the text
    lead: str = ""  #: before that
    code: str = ""
    chip: str = ""
    kind: str = "idle"  #: the chip's: ok, warn, bad or idle


@dataclass(frozen=True)
class Table:
    """A card that lists things; on a narrow screen each cell shows its column's name."""

    key: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    empty: str
    more: int = 0  #: how many are not shown
    path: str = ""  #: where all of them are

    def html(self) -> str:
        """Return the card."""
        return render("table.html", table=self)


def services(overview: Overview) -> str:
    """Return every process: what it does and when it last said so."""
    found = answers.services(overview).services
    rows = [
        [
            Cell(lead=service.role, strong=service.instance),
            Cell(chip=service.state if service.alive else "lost", kind="ok" if service.alive else "bad"),
            Cell(_doing(read)),
            Cell(_ago(service.last_beat_age_seconds)),
            Cell(service.version or "-"),
        ]
        for service, read in zip(found[:SERVICES_SHOWN], overview.services, strict=False)
    ]
    return Table(
        key="services",
        title="Services",
        note=f"{sum(service.alive for service in found)} alive",
        columns=("Service", "State", "Says", "Last beat", "Version"),
        rows=rows,
        empty="No service has ever beaten in this namespace.",
        more=len(found) - len(rows),
        path="/api/services",
    ).html()


def _doing(service: Service[ServiceStatus]) -> str:
    match service.status:
        case _ if service.process is None:
            return ""
        case WriterStatus(oracle=oracle, breaker=breaker, backup=backup):
            return f"Oracle {oracle or '?'}, breaker {breaker or '?'}, backup {backup or '?'}"
        case PollerStatus(ring=ring) if ring:
            return f"{ring} messages wait for Redis"
        case PollerStatus(groups_elsewhere=elsewhere) if elsewhere:
            return f"stands by: {elsewhere} groups are polled by another poller"
        case _:
            return f"on {service.process.host}" if service.process.host else ""


def polling(overview: Overview) -> str:
    """Return PLCs and their polling groups."""
    rows = [
        [
            Cell(group.group_name, strong=group.plc_code),
            Cell(_mode(group)),
            Cell(_ago(group.age_seconds)),
            Cell(
                "-" if group.values is None else number(group.values),
                chip=f"{number(group.errors)} failed" if group.values is not None and group.errors else "",
                kind="warn",
            ),
            Cell(milliseconds(group.poll_time_ms)),
        ]
        for group in answers.polling_groups(overview, GROUPS_SHOWN)
    ]
    return Table(
        key="polling",
        title="PLCs and polling groups",
        note=count_of(len({plc for plc, _ in overview.groups}), "PLC"),
        columns=("PLC and group", "Mode", "Last value", "Tags", "Poll took"),
        rows=rows,
        empty="No polling group was ever seen.",
        more=len(overview.groups) - len(rows),
        path="/api/polling/status",
    ).html()


def _mode(group: PollingGroup) -> str:
    # The interval between two polls that were measured jitters: to a tenth of a second is what a person wants.
    every = f", every {interval(group.interval_ms)}" if group.interval_ms and group.mode == "FIXED" else ""
    return f"{group.mode or '-'}{every}"


def interval(ms: float) -> str:
    """Return an interval as a person would configure it.

    >>> interval(998.7), interval(500), interval(60_000)
    ('1 s', '500 ms', '60 s')
    """
    if ms < 950:  # noqa: PLR2004 - what rounds to a second at least
        return f"{round(ms, -1) if ms > 100 else ms:.0f} ms"  # noqa: PLR2004 - shorter ones to the millisecond
    return f"{ms / 1000:.0f} s"


def backups(overview: Overview) -> str:
    """Return the files that writers wrote."""
    listed = answers.backups(overview)
    rows = [
        [
            Cell(code=file.name),
            Cell(number(file.rows)),
            Cell(size(file.bytes)),
            Cell(_age(file, overview)),
            Cell(chip=file.state, kind={"recovered": "ok", "recovering": "idle"}.get(file.state, "warn")),
        ]
        for file in listed.files[:FILES_SHOWN]
    ]
    return Table(
        key="backups",
        title="Backup files",
        note=f"{count_of(listed.file_count, 'file')} to recover, {number(listed.total_rows)} rows" if rows else "",
        columns=("File", "Rows", "Size", "Age", "State"),
        rows=rows,
        empty="None: everything went straight to Oracle.",
        more=len(listed.files) - len(rows),
        path="/api/backups",
    ).html()


def _age(file: BackupFile, overview: Overview) -> str:
    age_s = overview.taken_at - file.created.timestamp()
    # Coarse: what changes each second is sent to every page each second.
    return duration(60 * (age_s // 60)) if age_s >= 60 else "under 1 min"  # noqa: PLR2004 - seconds of a minute


def events(overview: Overview) -> str:
    """Return what happened last."""
    rows = [
        [
            Cell(f"{event.at:%H:%M:%S}"),
            Cell(chip=event.kind.replace("_", " "), kind=_kind(event)),
            Cell(event.role if event.role == event.instance else f"{event.role} {event.instance}"),
            Cell(event.message),
        ]
        for event in answers.events(overview, EVENTS_SHOWN).events
    ]
    return Table(
        key="events",
        title="Recent events",
        note="",
        columns=("UTC", "What", "Who", "Message"),
        rows=rows,
        empty="Nothing happened yet.",
    ).html()


def _kind(event: EventEntry) -> str:
    return "bad" if event.kind in _ALERTING else "ok" if event.kind in _GOOD else "idle"


def _ago(age_s: float | None) -> str:
    if age_s is None:
        return "-"
    return "now" if age_s < _NOW_S else f"{duration(age_s)} ago"
