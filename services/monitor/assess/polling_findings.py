"""What is wrong with what comes in: pollers, polling groups and the names of tags. No I/O, no clock."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from services.monitor.assess.finding import Finding
from services.monitor.assess.humanize import NAMED, duration, some_of
from services.monitor.read.groups import is_finished
from services.monitor.read.overview import FORGET_AFTER_S, Overview, Service
from services.monitor.read.untrusted import seconds_in
from shared.counters import WINDOW_S
from shared.records.events import Event

#: A FIXED group is silent after so many intervals, and not before so many seconds.
SILENT_INTERVALS, SILENT_S = 3, 10.0


def find_polling_trouble(now: Overview) -> Iterator[Finding]:
    """Yield what is wrong with what comes in."""
    yield from _silent_groups(now)
    yield from _pollers(now)
    yield from _names_clash(now)


def _silent_groups(now: Overview) -> Iterator[Finding]:
    silent = {
        name: seen
        for name, group in now.groups.items()
        if group.get("mode") == "FIXED"
        and isinstance(seen := group.get("last_seen_at"), int | float)
        and _patience_s(group) < now.taken_at - seen < FORGET_AFTER_S
        and not is_finished(group)
    }
    if silent:
        first = islice(silent.items(), NAMED)
        names = [f"{plc} {group} for {duration(now.taken_at - seen)}" for (plc, group), seen in first]
        yield Finding("polling_silent", f"Silent: {some_of(names, len(silent))}", min(silent.values()))


def _patience_s(group: Any) -> float:
    interval_ms = group.get("interval_ms")
    return max(SILENT_S, SILENT_INTERVALS * interval_ms / 1000) if isinstance(interval_ms, int | float) else SILENT_S


def _pollers(now: Overview) -> Iterator[Finding]:
    for poller in now.living("poller"):
        lost_at, full_since = (
            seconds_in(poller.fields.get(field)) for field in ("ring_overflowed_at", "queue_full_since")
        )
        if lost_at is not None and now.taken_at - lost_at <= WINDOW_S:
            lost = f"{poller.fields.get('ring_overflowed_values', '?')} values since its start"
            ago = duration(max(0.0, now.taken_at - lost_at))
            yield Finding("poller_overflowing", f"poller {poller.instance} discarded {lost}, the last ones {ago} ago")
        if full_since is not None:
            held, for_ = poller.fields.get("ring", "?"), duration(max(0.0, now.taken_at - full_since))
            message = f"poller {poller.instance} holds {held} messages: the DataQueue is full for {for_}"
            yield Finding("poller_waiting", message, full_since)
        yield from _outbox(poller)


def _outbox(poller: Service) -> Iterator[Finding]:
    troubles = [poller.fields.get("outbox_trouble"), poller.fields.get("outbox_set_aside")]
    if any(troubles):
        said = troubles[0] or f"a damaged file was set aside, with readings that were not sent: {troubles[1]}"
        since = seconds_in(poller.fields.get("outbox_trouble_since"))
        yield Finding("outbox_failing", f"poller {poller.instance}: {said}", since)


def _names_clash(now: Overview) -> Iterator[Finding]:
    layouts = {writer.fields.get("layout") for writer in now.living("writer")}
    clashes = [clash for consumer in now.living("consumer") if (clash := consumer.fields.get("name_clash"))]
    if clashes and layouts != {"tag_values"}:
        yield Finding("tag_names_clash", f"Two tags, one name: {clashes[0]}", _first_event(now, Event.NAME_CLASH))


def _first_event(now: Overview, kind: Event) -> float | None:
    return min((event.at for event in now.events if event.fields.get("kind") == kind), default=None)
