"""Why nothing came, as pollers said of themselves in events. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from services.writer.verify.gaps import EVER, Cause
from shared.models import stored_timestamp
from shared.records.events import Event, EventRecord, OutboxOverflow
from shared.records.reading import from_json
from shared.zones import as_stored

#: Events that tell of losses, and not of which times: they let nobody off, and are told beside.
_NOTED = (Event.BACKUP_LOST, Event.REDIS_WENT_BACK, Event.ORACLE_WENT_BACK, Event.OUTBOX_SET_ASIDE)


def event_causes(events: Iterable[EventRecord], zone: tzinfo, begin: datetime, notes: list[str]) -> Iterator[Cause]:
    """Yield the causes that events tell of, the oldest first.

    notes: gets a sentence for each loss from `begin` on whose times nobody knows.
    """
    stopped: dict[str, datetime] = {}
    lost: dict[str, datetime] = {}
    for event in events:
        at = as_stored(event.at, zone)
        cause = _of_poller(event, at, stopped, lost) if event.role == "poller" else None
        if cause is not None:
            yield cause
        if event.kind in _NOTED and at >= begin:
            notes.append(f"{at:%m-%d %H:%M:%S} {event.message}")
    for poller, at in stopped.items():
        yield Cause(f"not polled: poller {poller} was stopped at {at:%m-%d %H:%M:%S} and is not back", at, EVER)
    for name, at in lost.items():
        yield Cause(f"not read: {name} is away since {at:%m-%d %H:%M:%S}", at, EVER)


def _of_poller(
    event: EventRecord, at: datetime, stopped: dict[str, datetime], lost: dict[str, datetime]
) -> Cause | None:
    poller, source = event.instance, event.message.partition(":")[0]
    match event.kind:
        case Event.STOPPED:
            stopped[poller] = at
        case Event.STARTED if poller in stopped:  # else it died, or is new: nobody said since when
            since = stopped.pop(poller)
            what = f"not polled: poller {poller} was stopped at {since:%m-%d %H:%M:%S}, started at {at:%H:%M:%S}"
            return Cause(what, since, at)
        case Event.SOURCE_LOST:
            lost.setdefault(source, at)
        case Event.SOURCE_BACK:
            return Cause(f"not read: {event.message}", lost.pop(source, at), at)
        case Event.GROUPS_CHANGED:
            return Cause(f"polling groups were changed: {event.message}", at, EVER, is_departure=True)
        case Event.OVERFLOW:
            return _discarded(event)
    return None


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
