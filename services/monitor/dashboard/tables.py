"""The cards that list things: services, polling groups, backup files, events. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

from services.monitor.api.answers import current
from services.monitor.api.answers.listings import BackupFile, EventEntry
from services.monitor.assess.humanize import number
from services.monitor.assess.writers import is_paused
from services.monitor.dashboard.language import Language
from services.monitor.dashboard.offers import Offer, Offers
from services.monitor.dashboard.rendering import render
from services.monitor.read.groups import Group
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
_GOOD = {Event.ORACLE_BACK, Event.BACKUP_WORKS, Event.RECOVERED, Event.IMPORTED, Event.BUFFER_NORMAL, Event.REDIS_BACK}


#: Where one PLC, or all of them, are shown.
PLC_PATH = "/monitoring/plc"


def plc_path(code: str) -> str:
    """Return where a PLC is shown."""
    return f"{PLC_PATH}?{urlencode({'code': code})}"


@dataclass(frozen=True)
class Cell:
    """What one cell of a table shows, one after the other; empty parts are left out."""

    text: str = ""
    strong: str = ""  #: before the text
    link: str = ""  #: where that leads
    lead: str = ""  #: before that
    code: str = ""
    chip: str = ""
    kind: str = "idle"  #: the chip's: ok, warn, bad or idle
    offers: Sequence[Offer] = ()


#: The lists, by their section of the catalogue (with `title` and `empty`): columns, and where all rows are.
_LISTS = {
    "services": (("service", "state", "says", "beat", "version"), "/api/services"),
    "polling": (("group", "mode", "last", "tags", "took"), PLC_PATH),
    "plc": (("plc", "groups", "tags", "per_second", "last"), "/api/polling/status"),
    "backups": (("file", "rows", "size", "age", "state"), "/api/backups"),
    "events": (("time", "what", "who", "message"), "/api/events"),
}


def listed(
    t: Language,
    section: str,
    rows: Sequence[Sequence[Cell]],
    *,
    of: int = 0,
    note: str = "",
    offers: Sequence[Offer] = (),
) -> str:
    """Return the card of a list: some rows `of` so many, and what is offered for all of them."""
    columns, path = _LISTS[section]
    parts = {"columns": columns, "path": path, "left_out": of - len(rows), "note": note, "offers": offers}
    return render("table.html", t, section=section, rows=rows, **parts)


def services(t: Language, overview: Overview, offers: Offers) -> str:
    """Return every process: what it does and when it last said so."""
    rows = [
        [
            Cell(lead=service.role, strong=service.instance),
            Cell(
                chip=t.word("word", service.process.state) if service.process else t("services.lost"),
                kind="bad" if not service.process else "warn" if is_paused(service) else "ok",
                offers=offers.for_service(service),
            ),
            Cell(_doing(t, service)),
            Cell(ago(t, overview.age_s(service.beat_at))),
            Cell((service.process and service.process.version) or t("units.none")),
        ]
        for service in overview.services[:SERVICES_SHOWN]
    ]
    alive = sum(service.alive for service in overview.services)
    return listed(t, "services", rows, of=len(overview.services), note=t("services.note", count=alive))


def _doing(t: Language, service: Service[ServiceStatus]) -> str:
    match service.status:
        case _ if service.process is None:
            return ""
        case WriterStatus(oracle=oracle, breaker=breaker, backup=backup):
            words = {"oracle": oracle, "breaker": breaker, "backup": backup}
            return t("services.writer", **{name: t.word("word", said) for name, said in words.items()})
        case PollerStatus(ring=ring) if ring:
            return t("services.ring", count=ring)
        case PollerStatus(groups_elsewhere=elsewhere) if elsewhere:
            return t("services.stands_by", count=elsewhere)
        case _:
            return t("services.host", host=service.process.host) if service.process.host else ""


def polling(t: Language, overview: Overview, offers: Offers) -> str:
    """Return PLCs and their polling groups."""
    rows = [
        [
            Cell(group.seen.group_name, strong=group.seen.plc_code, link=plc_path(group.seen.plc_code)),
            Cell(mode(t, group.mode, group.interval_ms)),
            Cell(ago(t, age_s := overview.age_s(group.seen.last_seen_at)), offers=offers.for_group(group, age_s)),
            tags_cell(t, group),
            Cell(t.say_time_span(group.seen.poll_time_ms)),
        ]
        for group in islice(overview.groups.values(), GROUPS_SHOWN)
    ]
    plcs = {plc for plc, _ in overview.groups}
    return listed(t, "polling", rows, of=len(overview.groups), note=t.count(len(plcs), "plc"))


def tags_cell(t: Language, group: Group) -> Cell:
    """Return how many tags had a value in a group's last poll, and how many failed."""
    seen = group.seen
    if seen.values is None:
        return Cell(t("units.none"))
    return Cell(number(seen.values), chip=t("polling.failed", count=seen.errors) if seen.errors else "", kind="warn")


def mode(t: Language, name: str | None, interval_ms: float | None) -> str:
    """Return how a group is polled: its mode, and how often."""
    if not interval_ms or name != "FIXED":
        return name or t("units.none")
    return t("polling.every", mode=name, interval=interval(t, interval_ms))


def interval(t: Language, ms: float) -> str:
    """Return an interval as a person would configure it: what was measured between two polls jitters."""
    if ms < 950:  # noqa: PLR2004 - what rounds to a second at least
        return t("units.ms", n=f"{round(ms, -1) if ms > 100 else ms:.0f}")  # noqa: PLR2004 - shorter ones exactly
    return t("units.s", n=f"{ms / 1000:.0f}")


def backups(t: Language, overview: Overview, offers: Offers) -> str:
    """Return the files that writers wrote."""
    known = current.backups(overview, FILES_SHOWN)
    rows = [
        [
            Cell(code=file.name),
            Cell(number(file.rows)),
            Cell(t.say_size(file.bytes)),
            Cell(_age(t, file, overview)),
            Cell(
                chip=t.word("word", file.state),
                kind={"recovered": "ok", "recovering": "idle"}.get(file.state, "warn"),
                offers=offers.for_file(file),
            ),
        ]
        for file in known.files
    ]
    note = t("backups.note", files=known.file_count, rows=known.total_rows) if rows else ""
    return listed(
        t, "backups", rows, of=len(overview.backup_files), note=note, offers=offers.for_all_files(known.file_count)
    )


def _age(t: Language, file: BackupFile, overview: Overview) -> str:
    age_s = overview.taken_at - file.created.timestamp()
    # Coarse: what changes each second is sent to every page each second.
    return t.say_duration(60 * (age_s // 60)) if age_s >= 60 else t("backups.young")  # noqa: PLR2004 - seconds of a minute


def events(t: Language, overview: Overview) -> str:
    """Return what happened last."""
    rows = [
        [
            Cell(t.say_brief(event.at.timestamp())),
            Cell(chip=t.word("event", event.kind), kind=_kind(event)),
            Cell(event.role if event.role == event.instance else f"{event.role} {event.instance}"),
            Cell(event.message),
        ]
        for event in current.events(overview, EVENTS_SHOWN).events
    ]
    return listed(t, "events", rows)


def _kind(event: EventEntry) -> str:
    return "bad" if event.kind in _ALERTING else "ok" if event.kind in _GOOD else "idle"


def ago(t: Language, age_s: float | None) -> str:
    """Return how long ago something was."""
    if age_s is None:
        return t("units.none")
    return t("units.now") if age_s < _NOW_S else t.say_ago(age_s)
