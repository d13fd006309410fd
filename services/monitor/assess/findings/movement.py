"""Do values get on? What only several readings show: values that wait and are not written, a queue that grows.

No I/O, no clock.
"""

from collections.abc import Iterator, Sequence

from services.monitor.assess.alert_kinds import Severity
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.said import Said
from services.monitor.assess.trend import Sample
from services.monitor.assess.writers import is_paused, writes
from services.monitor.read.overview import Overview
from shared.records.heartbeats import ConsumerStatus, WriterStatus

#: Seconds without a row in the table after which values that wait count as not written, and as stuck.
STILL_S, STUCK_S = 5.0, 60.0

#: Seconds over which the DataQueue must grow, half of them against the other half, and messages it must hold then:
#: polls come in bursts.
GROWTH_S, LEAST_QUEUED = 60.0, 10

#: What a span of samples, taken about once a second, may be shorter than it should.
_SLACK_S = 1.5


def find_movement(overview: Overview, samples: Sequence[Sample]) -> Iterator[Finding]:
    """Yield what is wrong with how values move."""
    yield from _nothing_written(overview, samples)
    yield from _queue_grows(overview, samples)


def _nothing_written(overview: Overview, samples: Sequence[Sample]) -> Iterator[Finding]:
    recent = _last(samples, STILL_S)
    # Who has no writer, or none that reaches Oracle, is told so already.
    writing = any(writes(writer) and not is_paused(writer) for writer in overview.living(WriterStatus))
    if not recent or recent[0].in_table != recent[-1].in_table or not writing:
        return
    first, last = recent[0], recent[-1]
    if last.backed_up > first.backed_up:
        only = "Batches only go to the backup: {count:value} in {span:duration}, none to Oracle"
        yield Finding("nothing_written", Said(only, count=last.backed_up - first.backed_up, span=STILL_S))
    elif last.rejected > first.rejected:
        every = "Oracle refuses every value: {count:value} in the last {span:duration}"
        yield Finding("nothing_written", Said(every, count=last.rejected - first.rejected, span=STILL_S))
    elif all(sample.values_waiting for sample in recent):
        yield _stands(samples, "{held:value} wait and no value was written for {span:duration}", last.values_waiting)
    elif overview.living(ConsumerStatus) and all(sample.messages_waiting for sample in recent):
        yield _stands(
            samples, "{held:message} wait and no value was written for {span:duration}", last.messages_waiting
        )


def _stands(samples: Sequence[Sample], template: str, held: int) -> Finding:
    """Return the finding that something waits and nothing is written: since both is so."""
    last = samples[-1]
    since = last.at
    for sample in reversed(samples):
        if sample.in_table != last.in_table or not sample.values_waiting + sample.messages_waiting:
            break
        since = sample.at
    severity = Severity.CRITICAL if last.at - since >= STUCK_S else None
    return Finding("nothing_written", Said(template, held=held, span=last.at - since), since, severity)


def _queue_grows(overview: Overview, samples: Sequence[Sample]) -> Iterator[Finding]:
    recent = _last(samples, GROWTH_S)
    if not recent or all(map(is_paused, overview.living(ConsumerStatus))):
        return
    first, last = recent[0], recent[-1]
    half = len(recent) // 2
    grown = last.queued - first.queued
    grows = min(s.queued for s in recent[half:]) >= max(LEAST_QUEUED, 1 + max(s.queued for s in recent[:half]))
    pushed = last.taken_messages - first.taken_messages
    stands = pushed == 0 and all(sample.queued for sample in recent)
    if grows or stands:
        yield Finding(
            "queue_grows",
            Said(
                "The DataQueue holds {queued:message}, {grown:number} more than a minute ago, although a consumer "
                "runs: {came:number} came in, {taken:number} were taken",
                queued=last.queued,
                grown=grown,
                came=pushed + grown,
                taken=pushed,
            ),
            first.at,
        )


def _last(samples: Sequence[Sample], seconds: float) -> Sequence[Sample]:
    """Return the samples of the last seconds, with the one before; none where they don't tell of all that time."""
    if not samples or samples[-1].at - samples[0].at < seconds:
        return ()
    since = samples[-1].at - seconds - _SLACK_S
    recent = [sample for sample in samples if sample.at >= since]
    # While Redis was away, there were none.
    return recent if len(recent) > seconds / 2 else ()
