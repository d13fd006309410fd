"""Telling harmless redelivery from conflict: a duplicate whose row in the table holds another value.

Looked up in the table, at most once a second and a limited number of rows: an outage's end may bring duplicates by the
thousand, and they must not turn into queries by the thousand.
"""

import threading
from collections.abc import Sequence

from services.writer.sink import LooksUp, SinkError
from shared.clock import Clock
from shared.events import Event, EventLog
from shared.logs import get_logger
from shared.models import TagValue

#: Seconds between two look-ups, and rows that one looks up at most.
LOOKUP_INTERVAL_S, LOOKUP_ROWS = 1.0, 50

_log = get_logger()


class ConflictCheck:
    """Looks duplicates up; safe to use from several threads."""

    def __init__(self, sink: LooksUp, events: EventLog, clock: Clock) -> None:
        self._sink = sink
        self._events = events
        self._clock = clock
        self._lock = threading.Lock()
        self._next_lookup = 0.0

    def count(self, duplicates: Sequence[TagValue]) -> int:
        """Return how many of the duplicates looked up are conflicts, and log them; the look-up may be left out."""
        now = self._clock.monotonic()
        with self._lock:
            if now < self._next_lookup:
                return 0
            self._next_lookup = now + LOOKUP_INTERVAL_S
        sample = duplicates[:LOOKUP_ROWS]
        try:
            stored = self._sink.lookup(sample)
        except SinkError as error:
            _log.debug(f"duplicates not looked up: {error}")
            return 0
        same_value = self._sink.same_value
        conflicts = [
            (value, found)
            for value, found in zip(sample, stored, strict=True)
            if found is not None and not same_value(value.tag_value, found[0])
        ]
        for value, (text, quality) in conflicts:
            _log.warning(
                f"Conflict: {value.tag_name} at {value.timestamp} is {text!r} ({quality}) in the table; "
                f"came again as {value.tag_value!r} ({value.quality})"
            )
        if conflicts:
            value, (text, _) = conflicts[0]
            self._events.add(
                Event.CONFLICTS,
                f"{len(conflicts)} values came again with another value; first: {value.tag_name} at {value.timestamp}",
                tag_name=value.tag_name, timestamp=value.timestamp, stored=text, came=value.tag_value,
            )  # fmt: skip
        return len(conflicts)
