"""The stream: the same snapshot for every client, made once a tick."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from fastapi.sse import ServerSentEvent

from services.monitor import answers
from services.monitor.board import Board
from services.monitor.listings import AlertEntry, StreamSnapshot
from services.monitor.problems import redis_problem
from services.monitor.reader import Overview
from services.monitor.schemas import moment
from services.monitor.watch import Alert
from shared.settings import BufferSettings

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
        self._made_of: tuple[Overview | None, str | None] | None = None
        self._made = make_snapshot(None, None, (), settings)
        self._encoded: tuple[StreamSnapshot, ServerSentEvent] | None = None
        #: Set when the server stops: open streams would hold it up.
        self.closing = asyncio.Event()

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """Yield a snapshot a second until the server stops, each encoded once for all clients."""
        while not self.closing.is_set():
            yield self._event()
            try:
                await asyncio.wait_for(self.closing.wait(), STREAM_INTERVAL_S)
            except TimeoutError:
                continue

    def snapshot(self) -> StreamSnapshot:
        """Return the newest snapshot; while Redis is away, the last known, marked as stale."""
        now, failure = self._board.overview, self._board.failure
        if (now, failure) != self._made_of:
            self._made_of = now, failure
            self._made = make_snapshot(now, failure, self._board.alerts, self._settings)
        return self._made

    def _event(self) -> ServerSentEvent:
        snapshot = self.snapshot()
        if self._encoded is None or self._encoded[0] is not snapshot:
            self._encoded = snapshot, ServerSentEvent(raw_data=snapshot.model_dump_json())
        return self._encoded[1]


def make_snapshot(
    now: Overview | None, failure: str | None, alerts: Sequence[Alert], settings: BufferSettings
) -> StreamSnapshot:
    """Return everything of one moment."""
    return StreamSnapshot(
        taken_at=moment(now.taken_at) if now else None,
        stale=failure is not None,
        error=redis_problem(failure) if failure is not None else None,
        buffer=answers.buffer_status(now, settings) if now else None,
        writer=answers.writer_metrics(now) if now else None,
        ledger=answers.ledger(now) if now else None,
        health=answers.buffer_health(now, settings) if now else None,
        alerts=[AlertEntry.of(alert) for alert in alerts],
        services=answers.services(now).services if now else [],
        backups=answers.backups(now, FILES_SHOWN) if now else None,
        polling=answers.polling_groups(now, GROUPS_SHOWN) if now else [],
        polling_groups=len(now.groups) if now else 0,
        events=answers.events(now, EVENTS_SHOWN).events if now else [],
    )
