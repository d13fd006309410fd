"""Do values get on? What only several readings show: values that wait and are not written, a queue that grows.

No I/O, no clock.
"""

from collections.abc import Iterator, Sequence

from services.monitor.assess.alert_kinds import Severity
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.said import Said
from services.monitor.assess.writers import is_paused, writes
from services.monitor.read.overview import Overview
from shared.counters import Counter
from shared.queues.snapshot import Snapshot
from shared.records.heartbeats import ConsumerStatus, WriterStatus

#: Seconds without a row in the table after which values that wait count as not written, and as stuck.
STILL_S, STUCK_S = 5.0, 60.0

#: Seconds over which the DataQueue must grow, half of them against the other half, and messages it must hold then:
#: polls come in bursts.
GROWTH_S, LEAST_QUEUED = 60.0, 10

#: What a span of samples, taken about once a second, may be shorter than it should.
_SLACK_S = 1.5


def find_movement(overview: Overview, samples: Sequence[Snapshot]) -> Iterator[Finding]:
    """Yield what is wrong with how values move."""
    yield from _nothing_written(overview, samples)
    yield from _queue_grows(overview, samples)


def _nothing_written(overview: Overview, samples: Sequence[Snapshot]) -> Iterator[Finding]:
    recent = _last(samples, STILL_S)
    # Who has no writer, or none that reaches Oracle, is told so already.
    writing = any(writes(writer) and not is_paused(writer) for writer in overview.living(WriterStatus))
    if not recent or _in_table(recent[0]) != _in_table(recent[-1]) or not writing:
        return
    first, last = recent[0], recent[-1]
    if last[Counter.BACKED_UP] > first[Counter.BACKED_UP]:
        only = "Batches only go to the backup: {count:value} in {span:duration}, none to Oracle"
        yield Finding(
            "nothing_written", Said(only, count=last[Counter.BACKED_UP] - first[Counter.BACKED_UP], span=STILL_S)
        )
    elif last[Counter.REJECTED] > first[Counter.REJECTED]:
        every = "Oracle refuses every value: {count:value} in the last {span:duration}"
        yield Finding(
            "nothing_written", Said(every, count=last[Counter.REJECTED] - first[Counter.REJECTED], span=STILL_S)
        )
    elif all(map(_values_waiting, recent)):
        yield _stands(samples, "{held:value} wait and no value was written for {span:duration}", _values_waiting(last))
    elif overview.living(ConsumerStatus) and all(map(_messages_waiting, recent)):
        yield _stands(
            samples, "{held:message} wait and no value was written for {span:duration}", _messages_waiting(last)
        )


def _stands(samples: Sequence[Snapshot], template: str, held: int) -> Finding:
    """Return the finding that something waits and nothing is written: since both is so."""
    last = samples[-1]
    since = last.taken_at
    for sample in reversed(samples):
        if _in_table(sample) != _in_table(last) or not _values_waiting(sample) + _messages_waiting(sample):
            break
        since = sample.taken_at
    severity = Severity.CRITICAL if last.taken_at - since >= STUCK_S else None
    return Finding("nothing_written", Said(template, held=held, span=last.taken_at - since), since, severity)


def _queue_grows(overview: Overview, samples: Sequence[Snapshot]) -> Iterator[Finding]:
    recent = _last(samples, GROWTH_S)
    if not recent or all(map(is_paused, overview.living(ConsumerStatus))):
        return
    first, last = recent[0], recent[-1]
    half = len(recent) // 2
    grown = last.queued_messages - first.queued_messages
    queued = [sample.queued_messages for sample in recent]
    grows = min(queued[half:]) >= max(LEAST_QUEUED, 1 + max(queued[:half]))
    pushed = sum(last[counter] - first[counter] for counter in (Counter.MESSAGES, Counter.MESSAGES_REJECTED))
    stands = pushed == 0 and all(queued)
    if grows or stands:
        yield Finding(
            "queue_grows",
            Said(
                "The DataQueue holds {queued:message}, {grown:number} more than a minute ago, although a consumer "
                "runs: {came:number} came in, {taken:number} were taken",
                queued=last.queued_messages,
                grown=grown,
                came=pushed + grown,
                taken=pushed,
            ),
            first.taken_at,
        )


def _last(samples: Sequence[Snapshot], seconds: float) -> Sequence[Snapshot]:
    """Return the samples of the last seconds, with the one before; none where they don't tell of all that time."""
    if not samples or samples[-1].taken_at - samples[0].taken_at < seconds:
        return ()
    since = samples[-1].taken_at - seconds - _SLACK_S
    recent = [sample for sample in samples if sample.taken_at >= since]
    # While Redis was away, there were none.
    return recent if len(recent) > seconds / 2 else ()


def _in_table(sample: Snapshot) -> int:
    return sample[Counter.WRITTEN] + sample[Counter.DUPLICATES]


def _values_waiting(sample: Snapshot) -> int:
    return sample.in_buffer + sample.in_flight


def _messages_waiting(sample: Snapshot) -> int:
    return sample.queued_messages + sample.claimed_messages
