"""The stream: the same snapshot for every client, made once a tick."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from fastapi.sse import ServerSentEvent

from services.monitor.api import answers
from services.monitor.api.board import Board
from services.monitor.api.failures import not_fresh
from services.monitor.api.feed import Failure
from services.monitor.api.listings import AlertEntry, StreamSnapshot
from services.monitor.api.schemas import moment
from services.monitor.assess.assessment import Alert, View
from shared.logs import get_logger
from shared.settings import BufferSettings

_log = get_logger()

#: Seconds between two events.
STREAM_INTERVAL_S = 1.0

#: Events of the pipeline's diary in each snapshot.
EVENTS_SHOWN = 10

#: Polling groups and files in each snapshot: it goes to every client every second; their own paths answer all.
GROUPS_SHOWN = FILES_SHOWN = 200


class Stream:
    """Makes snapshots for any number of clients, each moment's only once."""

    def __init__(self, board: Board, settings: BufferSettings) -> None:
        self._board = board
        self._settings = settings
        self._made_of: tuple[View | None, Failure | None] | None = None
        self._made = make_snapshot(None, None, (), settings)
        self._encoded: tuple[StreamSnapshot, ServerSentEvent] | None = None
        #: Set when the server stops: open streams would hold it up.
        self.closing = asyncio.Event()

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """Yield a snapshot a second until the server stops, each encoded once for all clients."""
        while not self.closing.is_set():
            event = self._event()
            if event is not None:
                yield event
            try:
                await asyncio.wait_for(self.closing.wait(), STREAM_INTERVAL_S)
            except TimeoutError:
                continue

    def snapshot(self) -> StreamSnapshot:
        """Return the newest snapshot; while Redis is away, the last known, marked as stale."""
        view, failure = self._board.view, self._board.failure
        if (view, failure) != self._made_of:
            self._made_of = view, failure
            self._made = make_snapshot(view, failure, self._board.alerts, self._settings)
        return self._made

    def _event(self) -> ServerSentEvent | None:
        """Return the newest snapshot as an event; None where it can't be made: the next one may."""
        try:
            snapshot = self.snapshot()
        except Exception:  # noqa: BLE001 - logged
            _log.exception("a snapshot could not be made for the stream; it goes on with the next")
            return None
        if self._encoded is None or self._encoded[0] is not snapshot:
            self._encoded = snapshot, ServerSentEvent(raw_data=snapshot.model_dump_json())
        return self._encoded[1]


def make_snapshot(
    view: View | None, failure: Failure | None, alerts: Sequence[Alert], settings: BufferSettings
) -> StreamSnapshot:
    """Return everything of one moment."""
    now = view.overview if view else None
    return StreamSnapshot(
        taken_at=moment(now.taken_at) if now else None,
        stale=failure is not None,
        error=not_fresh(failure) if failure is not None else None,
        buffer=answers.buffer_status(now, settings) if now else None,
        writer=answers.writer_metrics(now) if now else None,
        ledger=answers.ledger(now) if now else None,
        health=answers.buffer_health(view) if view else None,
        alerts=[AlertEntry.of(alert) for alert in alerts],
        services=answers.services(now).services if now else [],
        backups=answers.backups(now, FILES_SHOWN) if now else None,
        polling=answers.polling_groups(now, GROUPS_SHOWN) if now else [],
        polling_groups=len(now.groups) if now else 0,
        events=answers.events(now, EVENTS_SHOWN).events if now else [],
    )
