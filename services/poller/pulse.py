"""The poller's sign of life, once a second: its state, its groups, its outbox, and what that discarded."""

import asyncio
import json
from collections.abc import Callable, Sequence

from services.poller.groups.group import PollingGroup
from services.poller.handshake.requests import PollRequests
from services.poller.leases import Leases
from services.poller.news import News
from services.poller.outbox.message import Overflow
from services.poller.outbox.outbox import Outbox
from services.poller.outbox.sender import Sender
from services.poller.threads import in_own_thread
from shared.clock import Clock
from shared.journal.events import EventLog
from shared.life.beating import Beating
from shared.life.heartbeat import BEAT_INTERVAL_S, Heartbeat
from shared.logs import get_logger
from shared.records.events import Event, OutboxOverflow, Pending
from shared.records.heartbeats import PollerStatus

_log = get_logger()


class Pulse:
    """Beats for a poller."""

    def __init__(
        self,
        *,
        heartbeat: Heartbeat,
        events: EventLog,
        polled: Callable[[], Sequence[PollingGroup]],
        leases: Leases,
        outbox: Outbox,
        sender: Sender,
        requests: PollRequests,
        news: News,
        clock: Clock,
    ) -> None:
        self._heartbeat = heartbeat
        self._events = events
        self._polled = polled
        self._leases = leases
        self._outbox = outbox
        self._sender = sender
        self._requests = requests
        self._news = news
        self._clock = clock
        self._episode = Overflow()
        self._status = PollerStatus()
        #: Seconds since 1970 of the last loss.
        self._overflowed_at: float | None = None
        #: What the next beat says.
        self.state = "running"
        #: Set once the process has its name.
        self.named = asyncio.Event()

    async def run(self) -> None:
        """Say once a second that the loop turns, and how things are, until cancelled; a thread of its own beats."""
        loop = asyncio.get_running_loop()

        def on_name(name: str) -> None:
            _log.info(f"Poller {name} is known to the monitor")
            self._events.add(Event.STARTED, f"Poller {name} started with {len(self._polled())} polling groups")
            loop.call_soon_threadsafe(self.named.set)

        beating = Beating(
            self._heartbeat, self._events, self._clock, lambda: self._status,
            on_name=on_name, state=lambda: self.state,
        )  # fmt: skip
        turn = beating.watch("the poller's loop")
        self._status = self.status()
        with beating.go_on():
            while True:
                turn()
                self._status = self.status()
                quiet = not self._tell_overflow()
                await in_own_thread(self._tell, ended=quiet)
                await asyncio.sleep(BEAT_INTERVAL_S)

    def status(self) -> PollerStatus:
        """Return what the heartbeat says beside the state."""
        return PollerStatus(
            groups=json.dumps([group.describe() for group in self._polled()], ensure_ascii=False),
            ring=self._outbox.depth,
            ring_overflowed=self._outbox.overflow.messages,
            ring_overflowed_values=self._outbox.overflow.values,
            messages_sent=self._sender.messages_sent,
            values_sent=self._sender.values_sent,
            ring_overflowed_at=self._overflowed_at,
            ring_bytes=self._outbox.size_bytes,
            queue_full_times=self._sender.times_full,
            queue_full_since=self._sender.full_since,
            replicas_missing=self._sender.replicas_missing,
            requests_rejected=self._requests.rejected,
            groups_elsewhere=self._leases.elsewhere,
            messages_left_out=self._sender.messages_left_out,
            **self._outbox.on_disk(),
        )

    def close(self, message: str) -> None:
        """Give the name back and write the last events.

        Raises: RedisUnavailableError: at the first step, so that a Redis that is silent is not waited for twice.
        """
        self._heartbeat.close()
        self._news.write(self._events)
        self._tell_overflow()
        self._report_episode()
        self._events.add(Event.STOPPED, message, Pending(pending=self._outbox.depth))

    def _tell(self, *, ended: bool) -> None:
        if not self._heartbeat.instance:
            # Redis has not been there yet: what there is to tell waits.
            return
        self._news.write(self._events)
        if ended:
            self._report_episode()

    def _tell_overflow(self) -> bool:
        """Log what the outbox discarded since the last beat; return whether it was anything."""
        news = self._outbox.pop_overflow()
        if not news.messages:
            return False
        self._overflowed_at = self._clock.now().timestamp()
        self._episode.add(news)
        _log.warning(
            f"Poller overflow: discarded {news.messages} oldest messages with {news.values} values (FIFO). "
            f"Total overflow: {self._outbox.overflow.messages} messages, {self._outbox.overflow.values} values"
        )
        return True

    def _report_episode(self) -> None:
        """Write an event for an overflow that has ended; while Redis is away it waits here."""
        episode, self._episode = self._episode, Overflow()
        if episode.messages:
            self._events.add(
                Event.OVERFLOW,
                f"Poller overflow: {episode.messages} messages with {episode.values} values were discarded, "
                f"read from {episode.first} to {episode.last}",
                OutboxOverflow(
                    messages=episode.messages, values=episode.values, first=str(episode.first), last=str(episode.last)
                ),
            )
