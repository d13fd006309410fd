"""Why nothing came, as pollers said of themselves in events. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from services.writer.verify.cause import EVER, Cause
from shared.models import stored_timestamp
from shared.records.events import Event, EventRecord, OutboxOverflow
from shared.records.reading import from_json
from shared.zones import as_stored

#: Events that tell of losses, and not of which times: they let nobody off, and are told beside.
_NOTED = (Event.BACKUP_LOST, Event.REDIS_WENT_BACK, Event.ORACLE_WENT_BACK, Event.OUTBOX_SET_ASIDE)


class EventCauses:
    """What the events of one namespace explain. `begin`: the time from which on notes are of interest."""

    def __init__(self, zone: tzinfo, begin: datetime) -> None:
        self._zone = zone
        self._begin = begin
        self._stopped: dict[str, datetime] = {}
        self._lost: dict[str, datetime] = {}
        #: Sentences about losses whose times nobody knows.
        self.notes: list[str] = []

    def all(self, events: Iterable[EventRecord]) -> Iterator[Cause]:
        """Yield the causes that events tell of, the oldest first."""
        for event in events:
            at = as_stored(event.at, self._zone)
            cause = self._of_poller(event, at) if event.role == "poller" else None
            if cause is not None:
                yield cause
            if event.kind in _NOTED and at >= self._begin:
                self.notes.append(f"{at:%m-%d %H:%M:%S} {event.message}")
        for poller, at in self._stopped.items():
            yield Cause(f"not polled: poller {poller} was stopped at {at:%m-%d %H:%M:%S} and is not back", at, EVER)
        for name, at in self._lost.items():
            yield Cause(f"not read: {name} is away since {at:%m-%d %H:%M:%S}", at, EVER)

    def _of_poller(self, event: EventRecord, at: datetime) -> Cause | None:
        poller, source = event.instance, event.message.partition(":")[0]
        if event.kind == Event.STOPPED:
            self._stopped[poller] = at
        elif event.kind == Event.STARTED:
            return self._came_back(poller, at)
        elif event.kind == Event.SOURCE_LOST:
            self._lost.setdefault(source, at)
        elif event.kind == Event.SOURCE_BACK:
            return Cause(f"not read: {event.message}", self._lost.pop(source, at), at)
        elif event.kind == Event.GROUPS_CHANGED:
            return Cause(f"polling groups were changed: {event.message}", at, EVER, is_departure=True)
        elif event.kind == Event.OVERFLOW:
            return _discarded(event)
        return None

    def _came_back(self, poller: str, at: datetime) -> Cause | None:
        begin = self._stopped.pop(poller, None)
        if begin is None:
            # It died, or is new: nobody said since when.
            return None
        return Cause(
            f"not polled: poller {poller} was stopped at {begin:%m-%d %H:%M:%S}, started at {at:%H:%M:%S}", begin, at
        )


def _discarded(event: EventRecord) -> Cause | None:
    told = from_json(OutboxOverflow, event.details)
    begin, end = (time_of(told.first), time_of(told.last)) if told is not None else (None, None)
    if told is None or begin is None or end is None:
        return None
    return Cause(f"discarded by poller {event.instance}: {event.message}", begin, end, left=told.values)


def time_of(text: str | None) -> datetime | None:
    """Return the time that a text names, as the table shows it; None where it names none."""
    try:
        return stored_timestamp(text or "")
    except (ValueError, OverflowError):
        return None
