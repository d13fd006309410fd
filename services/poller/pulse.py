"""The poller's sign of life, once a second: its state, its groups, its outbox, and what that discarded."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


@dataclass(kw_only=True)
class Pulse:
    """Beats for a poller."""

    heartbeat: Heartbeat
    events: EventLog
    polled: Callable[[], Sequence[PollingGroup]]
    leases: Leases
    outbox: Outbox
    sender: Sender
    requests: PollRequests
    news: News
    clock: Clock

    def __post_init__(self) -> None:
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
            self.events.add(Event.STARTED, f"Poller {name} started with {len(self.polled())} polling groups")
            loop.call_soon_threadsafe(self.named.set)

        beating = Beating(
            self.heartbeat, self.events, self.clock, lambda: self._status,
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
            groups=json.dumps([group.describe() for group in self.polled()], ensure_ascii=False),
            ring=self.outbox.depth,
            ring_overflowed=self.outbox.overflow.messages,
            ring_overflowed_values=self.outbox.overflow.values,
            messages_sent=self.sender.messages_sent,
            values_sent=self.sender.values_sent,
            ring_overflowed_at=self._overflowed_at,
            ring_bytes=self.outbox.size_bytes,
            queue_full_times=self.sender.times_full,
            queue_full_since=self.sender.full_since,
            replicas_missing=self.sender.queue.replicas_missing,
            requests_rejected=self.requests.rejected,
            groups_elsewhere=self.leases.elsewhere,
            messages_left_out=self.sender.messages_left_out,
            **self.outbox.on_disk(),
        )

    def close(self, message: str) -> None:
        """Give the name back and write the last events.

        Raises: RedisUnavailableError: at the first step, so that a Redis that is silent is not waited for twice.
        """
        self.heartbeat.close()
        self.news.write(self.events)
        self._tell_overflow()
        self._report_episode()
        self.events.add(Event.STOPPED, message, Pending(pending=self.outbox.depth))

    def _tell(self, *, ended: bool) -> None:
        if not self.heartbeat.instance:
            # Redis has not been there yet: what there is to tell waits.
            return
        self.news.write(self.events)
        if ended:
            self._report_episode()

    def _tell_overflow(self) -> bool:
        """Log what the outbox discarded since the last beat; return whether it was anything."""
        news = self.outbox.pop_overflow()
        if not news.messages:
            return False
        self._overflowed_at = self.clock.now().timestamp()
        self._episode.add(news)
        _log.warning(
            f"Poller overflow: discarded {news.messages} oldest messages with {news.values} values (FIFO). "
            f"Total overflow: {self.outbox.overflow.messages} messages, {self.outbox.overflow.values} values"
        )
        return True

    def _report_episode(self) -> None:
        """Write an event for an overflow that has ended; while Redis is away it waits here."""
        episode, self._episode = self._episode, Overflow()
        if episode.messages:
            self.events.add(
                Event.OVERFLOW,
                f"Poller overflow: {episode.messages} messages with {episode.values} values were discarded, "
                f"read from {episode.first} to {episode.last}",
                OutboxOverflow(
                    messages=episode.messages, values=episode.values, first=str(episode.first), last=str(episode.last)
                ),
            )
