"""The cards that list things: services, polling groups, backup files, events. No I/O, no clock."""

from services.monitor.api import answers
from services.monitor.api.listings import BackupFile, EventEntry, PollingGroup, ServiceState
from services.monitor.assess.humanize import count_of, duration, milliseconds, number, size
from services.monitor.dashboard.markup import chip, heading, table, text
from services.monitor.read.overview import Overview

#: Rows shown; the API lists all.
FILES_SHOWN, EVENTS_SHOWN, GROUPS_SHOWN, SERVICES_SHOWN = 8, 10, 20, 20

#: Seconds up to which something counts as just now: several beats, or a poll and what it takes to get here.
_NOW_S = 3.0

_ALERTING = {"oracle_lost", "oracle_configuration", "backup_failed", "rows_rejected", "overflow", "message_rejected"}
_GOOD = {"oracle_back", "backup_works", "recovered", "buffer_normal", "redis_back"}


def services(now: Overview) -> str:
    """Return every process: what it does and when it last said so."""
    found = answers.services(now).services
    rows = [
        [
            f"{text(service.role)} <b>{text(service.instance)}</b>",
            chip("ok" if service.alive else "bad", service.state if service.alive else "lost"),
            text(_doing(service)),
            _ago(service.last_beat_age_seconds),
            text(service.version or "-"),
        ]
        for service in found[:SERVICES_SHOWN]
    ]
    columns = ("Service", "State", "Says", "Last beat", "Version")
    return (
        heading("services", "Services", f"{sum(s.alive for s in found)} alive")
        + table("Services", columns, rows, "No service has ever beaten in this namespace.")
        + _more(len(found), SERVICES_SHOWN, "/api/services")
    )


def _doing(service: ServiceState) -> str:
    said = service.details
    if service.role == "writer" and service.alive:
        return f"Oracle {said.get('oracle', '?')}, breaker {said.get('breaker', '?')}, backup {said.get('backup', '?')}"
    if service.role == "poller" and service.alive and said.get("ring", "0") != "0":
        return f"{said['ring']} messages wait for Redis"
    return f"on {service.host}" if service.host else ""


def polling(now: Overview) -> str:
    """Return PLCs and their polling groups."""
    rows = [
        [
            f"<b>{text(group.plc_code)}</b> {text(group.group_name)}",
            text(_mode(group)),
            _ago(group.age_seconds),
            _tags(group),
            text(milliseconds(group.poll_time_ms)),
        ]
        for group in answers.polling_groups(now, GROUPS_SHOWN)
    ]
    columns = ("PLC and group", "Mode", "Last value", "Tags", "Poll took")
    return (
        heading("polling", "PLCs and polling groups", count_of(len({plc for plc, _ in now.groups}), "PLC"))
        + table("PLCs and polling groups", columns, rows, "No polling group was ever seen.")
        + _more(len(now.groups), GROUPS_SHOWN, "/api/polling/status")
    )


def _mode(group: PollingGroup) -> str:
    # The interval between two polls that were measured jitters: to a tenth of a second is what a person wants.
    every = f", every {duration_ms(group.interval_ms)}" if group.interval_ms and group.mode == "FIXED" else ""
    return f"{group.mode or '-'}{every}"


def duration_ms(ms: float) -> str:
    """Return an interval as a person would configure it.

    >>> duration_ms(998.7), duration_ms(500), duration_ms(60_000)
    ('1 s', '500 ms', '60 s')
    """
    if ms < 950:  # noqa: PLR2004 - what rounds to a second at least
        return f"{round(ms, -1) if ms > 100 else ms:.0f} ms"  # noqa: PLR2004 - shorter ones to the millisecond
    return f"{ms / 1000:.0f} s"


def _tags(group: PollingGroup) -> str:
    if group.values is None:
        return "-"
    failed = f" {chip('warn', f'{number(group.errors)} failed')}" if group.errors else ""
    return f"{number(group.values)}{failed}"


def backups(now: Overview) -> str:
    """Return the files that writers wrote."""
    listed = answers.backups(now)
    rows = [
        [
            f"<code>{text(file.name)}</code>",
            number(file.rows),
            size(file.bytes),
            text(_age(file, now)),
            _file_state(file),
        ]
        for file in listed.files[:FILES_SHOWN]
    ]
    columns = ("File", "Rows", "Size", "Age", "State")
    note = f"{count_of(listed.file_count, 'file')} to recover, {number(listed.total_rows)} rows" if rows else ""
    return (
        heading("backups", "Backup files", note)
        + table("Backup files", columns, rows, "None: everything went straight to Oracle.")
        + _more(len(listed.files), FILES_SHOWN, "/api/backups")
    )


def _age(file: BackupFile, now: Overview) -> str:
    age_s = now.taken_at - file.created.timestamp()
    # Coarse: what changes each second is sent to every page each second.
    return duration(60 * (age_s // 60)) if age_s >= 60 else "under 1 min"  # noqa: PLR2004 - seconds of a minute


def _file_state(file: BackupFile) -> str:
    return chip({"recovered": "ok", "recovering": "idle"}.get(file.state, "warn"), file.state)


def events(now: Overview) -> str:
    """Return what happened last."""
    rows = [
        [f"<time>{event.at:%H:%M:%S}</time>", _what(event), text(_who(event)), text(event.message)]
        for event in answers.events(now, EVENTS_SHOWN).events
    ]
    columns = ("UTC", "What", "Who", "Message")
    return heading("events", "Recent events") + table("Recent events", columns, rows, "Nothing happened yet.")


def _who(event: EventEntry) -> str:
    return event.role if event.role == event.instance else f"{event.role} {event.instance}"


def _what(event: EventEntry) -> str:
    kind = "bad" if event.kind in _ALERTING else "ok" if event.kind in _GOOD else "idle"
    return chip(kind, event.kind.replace("_", " "))


def _ago(age_s: float | None) -> str:
    if age_s is None:
        return "-"
    return "now" if age_s < _NOW_S else f"{duration(age_s)} ago"


def _more(count: int, shown: int, path: str) -> str:
    return f'<p class="note">and {count - shown} more: <a href="{path}">{path}</a></p>' if count > shown else ""
