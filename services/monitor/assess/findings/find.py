"""What is wrong with the pipeline just now, and since when as far as Redis knows. No I/O, no clock."""

from collections.abc import Iterator, Sequence

from services.monitor.assess.findings.buffer import find_buffer_trouble
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.findings.losses import find_losses
from services.monitor.assess.findings.movement import find_movement
from services.monitor.assess.findings.paused import find_paused
from services.monitor.assess.findings.polling import find_polling_trouble
from services.monitor.assess.findings.redis import find_redis_trouble
from services.monitor.assess.findings.since import first_counted
from services.monitor.assess.findings.writers import find_writer_trouble
from services.monitor.assess.said import Said, some
from services.monitor.assess.stats import batches_ended, success_pct
from services.monitor.assess.trend import Rates
from services.monitor.read.overview import Overview
from shared.counters import WINDOW_S, Counter
from shared.queues.snapshot import Snapshot
from shared.records.events import Event, TakenOver
from shared.records.heartbeats import ConsumerStatus, MonitorStatus, WriterStatus
from shared.settings.models import BufferSettings

#: Times in STUCK_WITHIN_S seconds that a process takes up what it holds before it counts as stuck at it.
STUCK_TIMES, STUCK_WITHIN_S = 5, 60.0

#: Seconds by which a host's clock may differ from Redis': more than a beat takes on its way.
CLOCKS_DIFFER_S = 30.0

#: What is said of what was counted in the window; and the alert's code where it is not the counter's name.
_COUNTED = {
    Counter.REJECTED: "{count:value} refused by Oracle in the last 5 minutes",
    Counter.IMPORT_REJECTED: "{count:row} of imported files refused in the last 5 minutes: kept in files",
    Counter.CONFLICTS: "{count:value} in the last 5 minutes that the table holds otherwise: kept in files",
    Counter.MESSAGES_REJECTED: "{count:message} not understood in the last 5 minutes",
    Counter.TAGS_REJECTED: "{count:tag} can't be values, in the last 5 minutes",
    Counter.UNSUPPORTED: (
        "{count:value} of the last 5 minutes were lists or objects: stored as BAD, without what they held"
    ),
}
_CODES = {Counter.REJECTED: "rows_rejected", Counter.UNSUPPORTED: "readings_unsupported"}

#: Seconds before the end of a certificate from which a person is told: a new one takes its time.
CERTIFICATE_S = 30 * 86_400.0

#: Percent of batches that Oracle must take while it is there.
PROMISED_SUCCESS_PCT = 99.9


def find(overview: Overview, rates: Rates, settings: BufferSettings, samples: Sequence[Snapshot] = ()) -> list[Finding]:
    """Return all that is wrong, in no order; `samples` are those of the last minutes, the oldest first."""
    return [
        *find_losses(overview),
        *find_buffer_trouble(overview, rates, settings),
        *_missing(overview),
        *find_paused(overview),
        *find_writer_trouble(overview, rates, settings),
        *find_movement(overview, samples),
        *find_redis_trouble(overview),
        *_certificates(overview),
        *_rows(overview),
        *_orphans(overview),
        *_stuck(overview),
        *find_polling_trouble(overview),
        *_faults(overview),
        *_notices(overview),
        *_left_out(overview),
        *_partitions(overview, settings),
        *_clocks(overview),
    ]


def _missing(overview: Overview) -> Iterator[Finding]:
    ledger = overview.ledger
    for role, kind, template, held in (
        ("writer", WriterStatus, "No writer is running{ago}; {held:value} wait", ledger.in_buffer),
        ("consumer", ConsumerStatus, "No consumer is running{ago}; {held:message} wait", ledger.queued_messages),
    ):
        if not overview.living(kind):
            lost = [service.beat_at for service in overview.services if service.role == role]
            lost += [event.at for event in overview.events if event.role == role and event.kind == Event.STOPPED]
            last = max(lost, default=None)
            ago = Said(", the last one was seen {ago:duration} ago", ago=overview.taken_at - last) if last else ""
            yield Finding(f"no_{role}", Said(template, ago=ago, held=held), last)


def _rows(overview: Overview) -> Iterator[Finding]:
    window = overview.window
    for counter, what in _COUNTED.items():
        # Conflicts are rejected values with an alert of their own.
        found = window[counter] - (window[Counter.CONFLICTS] if counter is Counter.REJECTED else 0)
        if found > 0:
            yield Finding(_CODES.get(counter, counter.value), Said(what, count=found), first_counted(overview, counter))
    rate = success_pct(window)
    if rate < PROMISED_SUCCESS_PCT:
        yield Finding(
            "success_rate_low",
            Said(
                "{rate:.2f} % of the batches of the last 5 minutes were taken by Oracle "
                "({failed:number} of {ended:number} were not)",
                rate=rate,
                failed=window[Counter.BATCHES_FAILED],
                ended=batches_ended(window),
            ),
            first_counted(overview, Counter.BATCHES_FAILED),
        )


def _orphans(overview: Overview) -> Iterator[Finding]:
    living = {(service.role, service.instance) for service in overview.services if service.alive}
    orphans = sorted(overview.owners - living)
    if orphans:
        names = some([f"{role} {name}" for role, name in orphans])
        yield Finding("inflight_orphaned", Said("{names} is gone and still holds what it had claimed", names=names))


def _stuck(overview: Overview) -> Iterator[Finding]:
    """Yield who takes up a batch of its own again and again: its sweeps are seconds apart, a restart's is one."""
    times: dict[tuple[str, str], set[int]] = {}
    for event in overview.events:
        if event.kind == Event.RECLAIMED and abs(overview.taken_at - event.at) <= STUCK_WITHIN_S:
            taken = event.figures
            if isinstance(taken, TakenOver) and taken.owner == event.instance:
                times.setdefault((event.role, event.instance), set()).add(int(event.at))
    stuck = {who: seconds for who, seconds in times.items() if len(seconds) >= STUCK_TIMES}
    if stuck:
        named = [
            Said("{role} {name} {count} times", role=role, name=name, count=len(seconds))
            for (role, name), seconds in stuck.items()
        ]
        said = Said(
            "A batch was taken up again and again in the last minute, and never done: {these}", these=some(named)
        )
        yield Finding("batch_stuck", said, float(min(map(min, stuck.values()))))


def _faults(overview: Overview) -> Iterator[Finding]:
    faults = [
        event
        for event in overview.events
        if event.kind == Event.FAULT and abs(overview.taken_at - event.at) <= WINDOW_S
    ]
    if faults:
        last = faults[0]
        yield Finding(
            "unforeseen_fault",
            Said(
                "{count:fault} in the last 5 minutes; the last one in {role} {instance}: {message}",
                count=len(faults),
                role=last.role,
                instance=last.instance,
                message=last.message,
            ),
            faults[-1].at,
        )


def _notices(overview: Overview) -> Iterator[Finding]:
    for monitor in overview.living(MonitorStatus):
        status = monitor.status
        for kind, why, since in (
            ("webhook", status.webhook_failure, status.webhook_failing_since),
            ("mail", status.mail_failure, status.mail_failing_since),
        ):
            if why:
                said = Said(
                    "Notices by {kind} of monitor {name} are not taken: {why}",
                    kind=kind,
                    name=monitor.instance,
                    why=why,
                )
                yield Finding("notices_failing", said, since)
                return


def _left_out(overview: Overview) -> Iterator[Finding]:
    left_out = [
        Said("{count:number} of {key}", count=count, key=key) for key, count in sorted(overview.left_out.items())
    ]
    for template, field in (
        ("{count} polling groups by consumer {instance}", "groups_left_out"),
        ("{count} last values by consumer {instance}", "tags_left_out"),
    ):
        left_out += [
            Said(template, count=count, instance=consumer.instance)
            for consumer in overview.living(ConsumerStatus)
            if (count := getattr(consumer.status, field))
        ]
    if left_out:
        said = Said("Left out because they are too long, too many or unreadable: {these}", these=some(left_out))
        yield Finding("not_all_shown", said)


def _partitions(overview: Overview, settings: BufferSettings) -> Iterator[Finding]:
    others = {
        f"{service.role} {service.instance}": service.process.partitions
        for service in overview.services
        if service.process is not None and service.process.partitions != settings.partitions
    }
    if others:
        told = some([Said("{name} was told {count}", name=name, count=count) for name, count in others.items()])
        said = Said("PARTITIONS is {own} for this monitor; {others}", own=settings.partitions, others=told)
        yield Finding("partitions_differ", said)


def _certificates(overview: Overview) -> Iterator[Finding]:
    servers = [overview.redis, *(part.redis for part in overview.partitions.values())]
    known = [("Redis", "", state.certificate_until) for state in servers]
    known += [(plc, name, group.own.certificate_until) for (plc, name), group in overview.groups.items() if group.own]
    ending = [
        Said("{plc} {group} at {until:moment}", plc=plc, group=name, until=until)
        for plc, name, until in known
        if until is not None and until - overview.taken_at < CERTIFICATE_S
    ]
    if ending:
        yield Finding("certificate_expires", Said("Ends, or has ended: {groups}", groups=some(ending)))


def _clocks(overview: Overview) -> Iterator[Finding]:
    differ = []
    for service in overview.services:
        process = service.process
        if process is None or process.clock is None or process.beat_at is None:
            continue
        ahead_s, name = process.clock - process.beat_at, f"{service.role} {service.instance}"
        if abs(ahead_s) > CLOCKS_DIFFER_S:
            which = "{name} is {by:duration} ahead" if ahead_s > 0 else "{name} is {by:duration} behind"
            differ.append(Said(which, name=name, by=abs(ahead_s)))
    if differ:
        yield Finding("clocks_differ", Said("By the clock of Redis' host: {these}", these=some(differ)))
