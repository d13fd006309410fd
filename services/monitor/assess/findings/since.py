"""Since when something is wrong, as far as Redis tells. No I/O, no clock. All in seconds since 1970."""

from services.monitor.read.overview import Overview
from shared.counters import Counter, Window
from shared.records.events import Event


def began(overview: Overview, begins: Event, ends: Event) -> float | None:
    """Return when something began that is not over, by the events; None when they don't tell any more."""
    kinds = {begins.value, ends.value}
    newest = next((event for event in overview.events if event.kind in kinds), None)
    return newest.at if newest is not None and newest.kind == begins else None


def first_counted(overview: Overview, counter: Counter | Window) -> float | None:
    """Return when the first bucket of the window began in which this was counted."""
    return next((bucket.began_at for bucket in overview.buckets if bucket.counts.get(counter)), None)
