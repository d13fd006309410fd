"""What is wrong with the buffer: it overflows, will soon, or is too full. No I/O, no clock."""

from collections.abc import Iterator

from services.monitor.assess.alert_kinds import Severity, Status
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.findings.since import began
from services.monitor.assess.said import Said
from services.monitor.assess.stats import lately, percent
from services.monitor.assess.trend import Rates
from services.monitor.assess.writers import writes
from services.monitor.read.overview import Overview
from shared.counters import Counter
from shared.records.events import Event
from shared.records.heartbeats import WriterStatus
from shared.settings.models import BufferSettings

#: Seconds to the overflow from which a person is told, and from which it is critical.
SOON_S, VERY_SOON_S = 60, 15

#: Percent of the cap from which the buffer counts as full while it overflows: writers take whole batches, so a buffer
#: that overflows is not at its cap at every moment.
FULL_PCT = 90.0

#: Share of what comes in by which the buffer must grow to count as filling: polls come in bursts.
_LEAST_GROWTH = 0.05


def find_buffer_trouble(overview: Overview, rates: Rates, settings: BufferSettings) -> Iterator[Finding]:
    """Yield what is wrong with the buffer."""
    held, cap = overview.ledger.in_buffer, settings.buffer_max_size
    filled_pct = percent(held, cap)
    overflowing = lately(overview.buckets, Counter.OVERFLOWED)
    if overflowing:
        episodes = [episode.began_at for episode in overview.overflows.values() if episode.ended_at is None]
        yield Finding(
            "buffer_overflowing",
            Said(
                "{count:value} discarded in the last 20 s, {total:number} in all; buffer {filled_pct:.1f} % full",
                count=overflowing,
                total=overview.ledger[Counter.OVERFLOWED],
                filled_pct=filled_pct,
            ),
            min(episodes, default=None),
            status=None if filled_pct >= FULL_PCT else Status.DEGRADED,
        )
    full_in_s = time_to_overflow(held, cap, rates)
    if full_in_s is not None and full_in_s < SOON_S and not overflowing:
        yield Finding(
            "overflow_soon",
            Said(
                "Full in {full_in:duration}: {inserted:number} values/s come in, {removed:number} go out, room for "
                "{room:number}",
                full_in=full_in_s,
                inserted=rates.inserted,
                removed=rates.removed,
                room=cap - held,
            ),
            severity=Severity.CRITICAL if full_in_s < VERY_SOON_S else None,
        )
    if filled_pct >= settings.buffer_alert_threshold:
        stuck = filled_pct >= FULL_PCT and not all(map(writes, overview.living(WriterStatus)))
        yield Finding(
            "buffer_high",
            Said(
                "{filled_pct:.1f} % full ({held:number} of {cap:number} values), threshold {threshold:g} %{stuck}",
                filled_pct=filled_pct,
                held=held,
                cap=cap,
                threshold=settings.buffer_alert_threshold,
                stuck=Said("; Oracle is away") if stuck else "",
            ),
            began(overview, Event.BUFFER_HIGH, Event.BUFFER_NORMAL),
            Severity.CRITICAL if stuck else None,
        )


def time_to_overflow(held: int, cap: int, rates: Rates) -> float | None:
    """Return the seconds until the buffer is full at these rates; None when it does not fill."""
    if rates.growth <= max(1.0, _LEAST_GROWTH * rates.inserted):
        return None
    return max(0, cap - held) / rates.growth
