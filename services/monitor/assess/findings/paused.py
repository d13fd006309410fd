"""Who is paused: a person wanted it, and it must not be forgotten. No I/O, no clock."""

from collections.abc import Iterator
from typing import Any

from services.monitor.assess.alert_kinds import Severity
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.said import Said, some
from services.monitor.assess.writers import is_paused
from services.monitor.read.overview import Overview, Service
from shared.records.heartbeats import ConsumerStatus, WriterStatus


def find_paused(overview: Overview) -> Iterator[Finding]:
    """Yield that processes are paused; critical where all of a role are."""
    writers, consumers = overview.living(WriterStatus), overview.living(ConsumerStatus)
    living: list[Service[Any]] = [*consumers, *writers]
    paused = [service for service in living if is_paused(service)]
    if not paused:
        return
    no_writer, no_consumer = (bool(role) and all(map(is_paused, role)) for role in (writers, consumers))
    in_buffer, in_queue = overview.ledger.in_buffer, overview.ledger.queued_messages
    said = Said(
        "{names} paused by {by}{no_writer}{no_consumer}",
        names=some([f"{service.role} {service.instance}" for service in paused]),
        by=some(sorted({service.status.paused_by or "somebody" for service in paused})),
        no_writer=Said(
            "; no writer writes: {held:value} wait, and go to the backup before they overflow", held=in_buffer
        )
        if no_writer
        else "",
        no_consumer=Said("; no consumer takes polls: {held:message} wait in the DataQueue", held=in_queue)
        if no_consumer
        else "",
    )
    since = [service.status.paused_at for service in paused if service.status.paused_at is not None]
    yield Finding(
        "service_paused", said, min(since, default=None), Severity.CRITICAL if no_writer or no_consumer else None
    )
