"""What was lost and nobody has acknowledged yet. No I/O, no clock.

A loss is told until a person says that it is known (at the page, or by `python -m services.monitor acknowledge`): what
he was told stands in Redis then, in totals, and only what is lost beyond them is told.
"""

from collections import Counter as Tally
from collections.abc import Iterator, Sequence

from msgspec.structs import asdict, replace

from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.said import NAMED, Said, some
from services.monitor.assess.stats import percent
from services.monitor.read.overview import Overview
from shared.counters import Counter
from shared.queues.snapshot import Snapshot
from shared.records.events import Event, EventRecord, OracleWentBack, Overflow, OverflowEpisode
from shared.records.losses import Loss, WentBackTotal

#: Seconds by which what stands in Redis may be ahead of its clock. What is further ahead was written before that clock
#: was put back, and is of no moment that can be compared.
AHEAD_S = 60.0


def went_back_since(overview: Overview, acknowledged_at: float | None) -> WentBackTotal | None:
    """Return how Redis went back since the acknowledgement; None when it did not."""
    return overview.went_back if overview.went_back.at > (acknowledged_at or 0.0) else None


def total_loss(ledger: Snapshot) -> Loss:
    """Return all that was lost since the namespace began, by the counters, as it is written down when it is known."""
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
        # In whole seconds, and not before what was just lost.
        at=int(ledger.taken_at) + 1,
    )


def unacknowledged(overview: Overview) -> Loss:
    """Return what is lost and was not acknowledged, and when that was, as far as it can be told."""
    known = overview.acknowledged
    if (known.at or 0) > overview.taken_at + AHEAD_S:
        known = replace(known, at=None)
    return total_loss(overview.ledger).beyond(known)


def sentences(loss: Loss, inserted: int, *, since: str = "", where: str = "") -> Iterator[tuple[str, Said]]:
    """Yield what the counters know of a loss, by the alert's code: told, and told again when it is acknowledged.

    `inserted`: all values ever; `where`: which values overflowed, as far as that is known.
    """
    few = "{count:value} of those inserted are in no place{since}"
    many = "{count:value} more are accounted for than were inserted{since}"
    exceeds = (
        "{count:row} more were recovered than ever went to files here{since}: they are another pipeline's, or "
        "of a time before this Redis"
    )
    for code, count, template in (
        ("ledger_unbalanced", loss.difference, few if loss.difference > 0 else many),
        (
            "values_lost",
            loss.overflowed,
            "{count:value} overflowed and are lost{since} ({of_all:.3f} % of all){where}",
        ),
        (
            "rejected_dropped",
            loss.rejected_dropped,
            "{count:rejected_entry} were dropped to make room and can't be retried{since}",
        ),
        ("rejected_rows_dropped", loss.rows_dropped, "{count:rejected_row} lost: too many waited for a file{since}"),
        ("backup_lost", loss.backup_lost, "{count:row} gone from backup files{since}"),
        ("recovered_exceeds", loss.excess, exceeds),
    ):
        if count:
            of_all = percent(loss.overflowed, inserted)
            yield code, Said(template, count=abs(count), since=since, of_all=of_all, where=where)


def find_losses(overview: Overview) -> Iterator[Finding]:
    """Yield every loss that nobody has acknowledged."""
    loss = unacknowledged(overview)
    since = "" if loss.at is None else Said(" since the acknowledgement of {at:moment}", at=loss.at)
    episodes = unacknowledged_overflows(overview)
    began_at = {"values_lost": min((episode.began_at for episode in episodes), default=None)}
    told = sentences(loss, overview.ledger[Counter.INSERTED], since=since, where=_where(episodes))
    yield from (Finding(code, said, began_at.get(code)) for code, said in told)
    if went_back := went_back_since(overview, loss.at):
        yield Finding(
            "redis_went_back",
            Said(
                "Redis went back {times:time}{since}, last at {at:moment}: {inserted:value} inserted and "
                "{written:number} written were not known to it any more, and what was put on the DataQueue in the "
                "moments before may be lost",
                since=since,
                **asdict(went_back),
            ),
            went_back.at,
        )
    yield from _lost_by_oracle(overview, loss)
    yield from _lost_by_pollers(overview, loss)


def unacknowledged_overflows(overview: Overview) -> list[OverflowEpisode]:
    """Return the overflow episodes of which nobody has said that they are known, the newest first."""
    known_at = unacknowledged(overview).at or 0.0
    # One that goes on, or went on, after the acknowledgement has lost more since.
    found = [
        episode
        for episode in overview.overflows.values()
        if episode.began_at >= known_at or episode.ended_at is None or episode.ended_at >= known_at
    ]
    return sorted(found, key=lambda episode: -episode.began_at)


def _where(episodes: Sequence[OverflowEpisode]) -> str:
    """Return of which times and tags the values are that overflowed, as far as the episodes tell."""
    first = min((episode.oldest_timestamp for episode in episodes if episode.oldest_timestamp), default=None)
    last = max((episode.newest_timestamp for episode in episodes if episode.newest_timestamp), default=None)
    hit: Tally[str] = Tally()
    for episode in episodes:
        hit.update(episode.tags)
    if first is None or last is None or not hit:
        return ""
    count = max(len(hit), *(episode.tags_hit or 0 for episode in episodes))
    tags = some([tag for tag, _ in hit.most_common(NAMED)], count)
    return Said("; collected from {first} to {last}, of {tags}", first=first, last=last, tags=tags)


def _since(overview: Overview, loss: Loss) -> Iterator[EventRecord]:
    """Yield the events since the acknowledgement; of those ahead of Redis' clock, by their order, which nobody sets."""
    is_known = False
    for event in overview.events:
        is_known = is_known or event.kind == Event.ACKNOWLEDGED
        if event.at > (loss.at or 0.0) and not (is_known and event.at > overview.taken_at + AHEAD_S):
            yield event


def _lost_by_oracle(overview: Overview, loss: Loss) -> Iterator[Finding]:
    """Yield that what Oracle had committed is gone: it counts as written, so no counter knows it."""
    told = [(event.at, event.figures) for event in _since(overview, loss)]
    losses = [(at, figures) for at, figures in told if isinstance(figures, OracleWentBack)]
    if losses:
        yield Finding(
            "oracle_went_back",
            Said(
                "values that Oracle had committed, collected from {first} to {last}, are not in the table any more",
                first=min(figures.first for _, figures in losses),
                last=max(figures.last for _, figures in losses),
            ),
            losses[-1][0],
        )


def _lost_by_pollers(overview: Overview, loss: Loss) -> Iterator[Finding]:
    """Yield what pollers discarded while Redis took nothing: it never came in, so no counter knows it."""
    episodes = [event for event in _since(overview, loss) if event.kind == Event.OVERFLOW and event.role == "poller"]
    if episodes:
        values = sum(lost.values for event in episodes if isinstance(lost := event.figures, Overflow))
        names = some(sorted({event.instance for event in episodes}))
        yield Finding(
            "readings_lost",
            Said("{count:value} were discarded by poller {names} before they came to Redis", count=values, names=names),
            episodes[-1].at,
        )
