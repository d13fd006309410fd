"""What is wrong with what comes in: pollers, polling groups and the names of tags. No I/O, no clock."""

from collections.abc import Iterator
from itertools import islice

from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.findings.since import first_counted
from services.monitor.assess.said import NAMED, Said, some
from services.monitor.read.groups import Group
from services.monitor.read.overview import FORGET_AFTER_S, Overview, Service
from shared.counters import WINDOW_S, Window
from shared.records.events import Event
from shared.records.heartbeats import ConsumerStatus, PollerStatus, WriterStatus
from shared.records.polling import PollerGroup

#: A FIXED group is silent after so many intervals, and not before so many seconds.
SILENT_INTERVALS, SILENT_S = 3, 10.0

#: Of 300 polls so many may be skipped before a person is told: a machine that is busy for a moment is no news.
FEW_SKIPPED = 3


def find_polling_trouble(overview: Overview) -> Iterator[Finding]:
    """Yield what is wrong with what comes in."""
    yield from _silent_groups(overview)
    yield from _sources(overview)
    yield from _pollers(overview)
    yield from _requests(overview)
    yield from _names_clash(overview)
    yield from _times_ahead(overview)


def _silent_groups(overview: Overview) -> Iterator[Finding]:
    taken_at = overview.taken_at
    # The cheapest question first: there may be thousands of groups, and nearly all were seen just now.
    silent = {
        name: seen
        for name, group in overview.groups.items()
        if (seen := group.seen.last_seen_at) is not None
        and SILENT_S < taken_at - seen < FORGET_AFTER_S
        and group.mode == "FIXED"
        and _patience_s(group) < taken_at - seen
        and not group.is_finished
    }
    if silent:
        first = islice(silent.items(), NAMED)
        names = [
            Said("{plc} {group} for {span:duration}", plc=plc, group=group, span=taken_at - seen)
            for (plc, group), seen in first
        ]
        said = Said("Silent: {groups}", groups=some(names, len(silent)))
        yield Finding("polling_silent", said, min(silent.values()))


def _sources(overview: Overview) -> Iterator[Finding]:
    """Yield what our own pollers say of their sources: those that can't be read, and readings that never came here."""
    own = {identity: group.own for identity, group in overview.groups.items() if group.own is not None}
    failing = [
        Said("{plc} {group}: {why}", plc=plc, group=name, why=group.trouble or group.state)
        for (plc, name), group in own.items()
        if group.trouble or group.state == "failed"
    ]
    if failing:
        yield Finding("source_failing", Said("Can't be read: {groups}", groups=some(failing)))
    missed = [
        Said("{plc} {group}: {what}", plc=plc, group=name, what=what)
        for (plc, name), group in own.items()
        for what in _missed(group, overview.taken_at)
    ]
    if missed:
        yield Finding("readings_missed", Said("Never came here: {groups}", groups=some(missed)))


def _missed(group: PollerGroup, now: float) -> Iterator[Said]:
    if group.skipped_lately > FEW_SKIPPED:
        yield Said("{count:number} polls were skipped between the last 300", count=group.skipped_lately)
    if group.lost_at is not None and now - group.lost_at <= WINDOW_S:
        ago = max(0.0, now - group.lost_at)
        yield Said("{count:number} changes were lost, the last ones {ago:duration} ago", count=group.lost, ago=ago)


def _patience_s(group: Group) -> float:
    return max(SILENT_S, SILENT_INTERVALS * (group.interval_ms or 0.0) / 1000)


def _pollers(overview: Overview) -> Iterator[Finding]:
    for poller in overview.living(PollerStatus):
        status = poller.status
        lost_at, full_since = status.ring_overflowed_at, status.queue_full_since
        if lost_at is not None and overview.taken_at - lost_at <= WINDOW_S:
            said = Said(
                "poller {name} discarded {count} values since its start, the last ones {ago:duration} ago",
                name=poller.instance,
                count=status.ring_overflowed_values,
                ago=overview.age_s(lost_at),
            )
            yield Finding("poller_overflowing", said)
        if full_since is not None:
            said = Said(
                "poller {name} holds {count} messages: the DataQueue is full for {span:duration}",
                name=poller.instance,
                count=status.ring,
                span=overview.age_s(full_since),
            )
            yield Finding("poller_waiting", said, full_since)
        yield from _outbox(poller)


def _outbox(poller: Service[PollerStatus]) -> Iterator[Finding]:
    trouble, set_aside = poller.status.outbox_trouble, poller.status.outbox_set_aside
    if trouble or set_aside:
        aside = Said("a damaged file was set aside, with readings that were not sent: {file}", file=set_aside)
        said = Said("poller {name}: {trouble}", name=poller.instance, trouble=trouble or aside)
        yield Finding("outbox_failing", said, poller.status.outbox_trouble_since)


def _requests(overview: Overview) -> Iterator[Finding]:
    # Each consumer sees the same list.
    found = [consumer.status for consumer in overview.living(ConsumerStatus) if consumer.status.requests_unanswered]
    if found:
        waiting = max(status.requests_unanswered or 0 for status in found)
        dropped = sum(status.requests_dropped or 0 for status in found)
        said = Said(
            "{count:number} requests to poll wait, {dropped:number} were dropped", count=waiting, dropped=dropped
        )
        yield Finding("requests_unanswered", said)


def _names_clash(overview: Overview) -> Iterator[Finding]:
    layouts = {writer.status.layout for writer in overview.living(WriterStatus)}
    clashes = [clash for consumer in overview.living(ConsumerStatus) if (clash := consumer.status.name_clash)]
    if clashes and layouts != {"tag_values"}:
        said = Said("Two tags, one name: {clash}", clash=clashes[0])
        first = min((event.at for event in overview.events if event.kind == Event.NAME_CLASH), default=None)
        yield Finding("tag_names_clash", said, first)


def _times_ahead(overview: Overview) -> Iterator[Finding]:
    count = overview.window.get(Window.AHEAD, 0)
    if count:
        by_s = overview.window.get(Window.AHEAD_SUM_S, 0) / count
        said = Said("The times of {count:value} lie {by:duration} in the future", count=count, by=by_s)
        yield Finding("times_ahead", said, first_counted(overview, Window.AHEAD))
