"""The stream: the same snapshot for every client, made once a tick."""

import asyncio
from collections.abc import AsyncIterator

from services.monitor import answers
from services.monitor.feed import Feed
from services.monitor.listings import StreamSnapshot
from services.monitor.problems import redis_problem
from services.monitor.reader import Overview
from shared.settings import BufferSettings

#: Seconds between two events.
STREAM_INTERVAL_S = 1.0

#: Events of the pipeline's diary in each snapshot.
EVENTS_SHOWN = 10


class Stream:
    """Makes snapshots for any number of clients, each moment's only once."""

    def __init__(self, feed: Feed, settings: BufferSettings) -> None:
        self._feed = feed
        self._settings = settings
        self._made_of: tuple[Overview | None, str | None] | None = None
        self._made = make_snapshot(None, None, settings)
        #: Set when the server stops: open streams would hold it up.
        self.closing = asyncio.Event()

    async def snapshots(self) -> AsyncIterator[StreamSnapshot]:
        """Yield a snapshot a second until the server stops."""
        while not self.closing.is_set():
            yield self.snapshot()
            try:
                await asyncio.wait_for(self.closing.wait(), STREAM_INTERVAL_S)
            except TimeoutError:
                continue

    def snapshot(self) -> StreamSnapshot:
        """Return the newest snapshot; while Redis is away, the last known, marked as stale."""
        made_of = self._feed.last, self._feed.failure
        if made_of != self._made_of:
            self._made_of, self._made = made_of, make_snapshot(*made_of, self._settings)
        return self._made


def make_snapshot(now: Overview | None, failure: str | None, settings: BufferSettings) -> StreamSnapshot:
    """Return everything of one moment."""
    return StreamSnapshot(
        taken_at=answers.moment(now.taken_at) if now else None,
        stale=failure is not None,
        error=redis_problem(failure) if failure is not None else None,
        buffer=answers.buffer_status(now, settings) if now else None,
        writer=answers.writer_metrics(now) if now else None,
        ledger=answers.ledger(now) if now else None,
        health=answers.buffer_health(now, settings) if now else None,
        services=answers.services(now).services if now else [],
        backups=answers.backups(now) if now else None,
        polling=answers.polling_status(now).groups if now else [],
        events=answers.events(now, EVENTS_SHOWN).events if now else [],
    )
