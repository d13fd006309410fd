"""What was lost and nobody has acknowledged yet. No I/O, no clock.

A loss is told until a person says that it is known (`python -m services.monitor acknowledge`): the totals of that
moment stand in Redis then, and only what is lost beyond them is told.
"""

from collections.abc import Iterator

from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.said import Said, some
from services.monitor.assess.stats import percent
from services.monitor.read.overview import Overview
from shared.counters import Counter
from shared.queues.snapshot import Snapshot
from shared.records.events import Event, Overflow
from shared.records.losses import Loss, WentBackTotal


def went_back_since(overview: Overview, acknowledged_at: float | None) -> WentBackTotal | None:
    """Return how Redis went back since the acknowledgement; None when it did not."""
    return overview.went_back if overview.went_back.at > (acknowledged_at or 0.0) else None


def total_loss(ledger: Snapshot) -> Loss:
    """Return all that was lost since the namespace began, by the counters."""
    return Loss(
        overflowed=ledger[Counter.OVERFLOWED],
        rejected_dropped=ledger[Counter.REJECTED_DROPPED],
        rows_dropped=ledger[Counter.ROWS_DROPPED],
        backup_lost=ledger[Counter.BACKUP_LOST],
        difference=ledger.difference,
        excess=ledger[Counter.RECOVERED]
        - ledger[Counter.BACKED_UP]
        - ledger[Counter.REJECTED]
        - ledger[Counter.IMPORT_REJECTED],
    )


def unacknowledged(overview: Overview) -> Loss:
    """Return what is lost and was not acknowledged."""
    return total_loss(overview.ledger).beyond(overview.acknowledged)


def find_losses(overview: Overview) -> Iterator[Finding]:
    """Yield every loss that nobody has acknowledged."""
    loss = unacknowledged(overview)
    since = "" if loss.at is None else Said(" since the acknowledgement of {at:moment}", at=loss.at)
    if loss.difference:
        few = "{count:value} of those inserted are in no place{since}"
        many = "{count:value} more are accounted for than were inserted{since}"
        said = Said(few if loss.difference > 0 else many, count=abs(loss.difference), since=since)
        yield Finding("ledger_unbalanced", said)
    if loss.overflowed:
        of_all = percent(loss.overflowed, overview.ledger[Counter.INSERTED])
        yield Finding(
            "values_lost",
            Said(
                "{count:value} overflowed and are lost{since} ({of_all:.3f} % of all)",
                count=loss.overflowed,
                since=since,
                of_all=of_all,
            ),
            _first_overflow(overview, loss),
        )
    if went_back := went_back_since(overview, loss.at):
        yield Finding(
            "redis_went_back",
            Said(
                "Redis went back {times:time}{since}, last at {at:moment}: {inserted:value} inserted and "
                "{written:number} written were not known to it any more, and what was put on the DataQueue in the "
                "moments before may be lost",
                times=went_back.times,
                since=since,
                at=went_back.at,
                inserted=went_back.inserted,
                written=went_back.written,
            ),
            went_back.at,
        )
    yield from _lost_by_pollers(overview, loss)
    if loss.rejected_dropped:
        dropped = "{count:rejected_entry} were dropped to make room and can't be retried{since}"
        yield Finding("rejected_dropped", Said(dropped, count=loss.rejected_dropped, since=since))
    if loss.rows_dropped:
        dropped = "{count:rejected_row} lost: too many waited for a file{since}"
        yield Finding("rejected_rows_dropped", Said(dropped, count=loss.rows_dropped, since=since))
    if loss.backup_lost:
        gone = "{count:row} gone from backup files{since}"
        yield Finding("backup_lost", Said(gone, count=loss.backup_lost, since=since))
    if loss.excess:
        yield Finding(
            "recovered_exceeds",
            Said(
                "{count:row} more were recovered than ever went to files here{since}: they are another pipeline's, or "
                "of a time before this Redis",
                count=loss.excess,
                since=since,
            ),
        )


def _first_overflow(overview: Overview, loss: Loss) -> float | None:
    began = (episode.began_at for episode in overview.overflows.values())
    return min((at for at in began if at >= (loss.at or 0.0)), default=None)


def _lost_by_pollers(overview: Overview, loss: Loss) -> Iterator[Finding]:
    """Yield what pollers discarded while Redis took nothing: it never came in, so no counter knows it."""
    episodes = [
        event
        for event in overview.events
        if event.kind == Event.OVERFLOW and event.role == "poller" and event.at > (loss.at or 0.0)
    ]
    if episodes:
        values = sum(lost.values for event in episodes if isinstance(lost := event.figures, Overflow))
        names = some(sorted({event.instance for event in episodes}))
        yield Finding(
            "readings_lost",
            Said("{count:value} were discarded by poller {names} before they came to Redis", count=values, names=names),
            episodes[-1].at,
        )
