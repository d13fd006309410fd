"""The stream: the same snapshot for every client, made once a state."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from fastapi.sse import ServerSentEvent

from services.monitor.api.answers import current
from services.monitor.api.answers.actions import ActionEntry
from services.monitor.api.answers.listings import AlertEntry, StreamSnapshot
from services.monitor.api.failures import not_fresh
from services.monitor.api.state import State
from services.monitor.api.whole import Whole
from services.monitor.assess.humanize import moment
from shared.logs import get_logger
from shared.settings.models import BufferSettings

_log = get_logger()

#: Seconds between two events.
STREAM_INTERVAL_S = 1.0

#: Events in each snapshot.
EVENTS_SHOWN = 10

#: Actions in each snapshot.
ACTIONS_SHOWN = 20

#: Polling groups and files in each snapshot: it goes to every client every second; their own paths answer all.
GROUPS_SHOWN = FILES_SHOWN = 200


async def ticks(interval_s: float, closing: asyncio.Event) -> AsyncIterator[None]:
    """Yield at once and every so many seconds, until the server closes."""
    while not closing.is_set():
        yield
        with suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), interval_s)


class Stream:
    """Sends snapshots to any number of clients, each state's made and encoded once."""

    def __init__(self, newest: Whole, settings: BufferSettings, closing: asyncio.Event) -> None:
        self._newest = newest
        self._settings = settings
        self._closing = closing
        self._sent: tuple[State, ServerSentEvent] | None = None

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """Yield a snapshot a second until the server closes."""
        async for _ in ticks(STREAM_INTERVAL_S, self._closing):
            event = self._event(self._newest.state)
            if event is not None:
                yield event

    def _event(self, state: State) -> ServerSentEvent | None:
        """Return a state as an event; None where it can't be made: the next one may."""
        if self._sent is None or self._sent[0] is not state:
            try:
                snapshot = make_snapshot(state, self._settings)
            except Exception:  # noqa: BLE001 - logged
                _log.exception("a snapshot could not be made for the stream; it goes on with the next")
                return None
            self._sent = state, ServerSentEvent(raw_data=snapshot.model_dump_json())
        return self._sent[1]


def make_snapshot(state: State, settings: BufferSettings) -> StreamSnapshot:
    """Return everything of one moment; while Redis is away, the last known, marked as stale."""
    known, failure = state.assessment, state.failure
    overview = known.overview if known else None
    return StreamSnapshot(
        taken_at=moment(overview.taken_at) if overview else None,
        stale=failure is not None,
        error=not_fresh(failure) if failure is not None else None,
        buffer=current.buffer_status(overview, settings) if overview else None,
        writer=current.writer_metrics(overview) if overview else None,
        ledger=current.ledger(overview) if overview else None,
        health=current.buffer_health(known) if known else None,
        alerts=[AlertEntry.of(alert) for alert in state.alerts],
        services=current.services(overview).services if overview else [],
        backups=current.backups(overview, FILES_SHOWN) if overview else None,
        polling=current.polling_groups(overview, GROUPS_SHOWN) if overview else [],
        polling_groups=len(overview.groups) if overview else 0,
        events=current.events(overview, EVENTS_SHOWN).events if overview else [],
        partitions=current.partitions(state),
        actions=[ActionEntry.of(known) for known in overview.actions[:ACTIONS_SHOWN]] if overview else [],
    )
