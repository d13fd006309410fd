"""A lane: what the groups of one partition have of their own, so that a Redis that is dead holds up nobody else's.

Its Redis, the outbox and who sends from it, the groups' leases, the heartbeat, the requests to poll. Without partitions
there is one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from services.poller.faults import outlive
from services.poller.groups.fleet import Fleet
from services.poller.groups.group import PollingGroup
from services.poller.handshake.requests import PollRequests
from services.poller.handshake.serving import Handshake
from services.poller.leases import Leases
from services.poller.news import News, Tell
from services.poller.outbox.durable import DurableOutbox
from services.poller.outbox.outbox import Outbox
from services.poller.outbox.sender import Sender
from services.poller.outbox.spool import Spool, file_name
from services.poller.outbox.waiting import Bounds
from services.poller.pulse import Pulse
from services.poller.settings import PollerSettings
from services.poller.threads import in_own_thread
from shared.clock import Clock
from shared.errors import RedisUnavailableError
from shared.life.presence import Presence
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.queues.data_queue import DataQueue

#: Seconds that a stop leaves for the leases, the last event and giving the name back.
_CLOSE_S = 0.5

#: Times that sending and the heartbeat may fail for a reason that nobody foresaw: then a new process is to try.
_TRIES = 10

_log = get_logger()


class Lane:
    """The lane of one partition; opens no connection yet."""

    def __init__(self, partition: int, settings: PollerSettings, clock: Clock) -> None:
        there = settings.in_partition(partition)
        self._link, keys, self._events, self._heartbeat = Presence.of(there, "poller", client_name="poller")
        self._queue = DataQueue(
            self._link,
            keys,
            settings.data_queue_max_messages,
            replicas=settings.data_queue_replicas,
            events=self._events,
        )
        self._requests = PollRequests(self._link, keys)
        self._clock = clock
        self._put_timeout_s = settings.poller_put_timeout_s
        self.news = News()
        self.outbox = build_outbox(partition, settings, clock, self.news.tell)
        self.leases = Leases(
            link=self._link,
            keys=keys,
            process=self._heartbeat,
            clock=clock,
            tell=self.news.tell,
            outbox_id=self.outbox.id,
        )
        self.sender = Sender(self.outbox, self._queue, self._link, self._put_timeout_s)

    def start(
        self, fleet: Fleet, polled: Callable[[], Sequence[PollingGroup]], tasks: asyncio.TaskGroup, stop: StopFlag
    ) -> None:
        """Start everything but the polling. `polled`: the lane's groups that this poller polls."""
        tell = self.news.tell
        self.pulse = Pulse(
            heartbeat=self._heartbeat,
            events=self._events,
            polled=polled,
            leases=self.leases,
            outbox=self.outbox,
            sender=self.sender,
            requests=self._requests,
            news=self.news,
            clock=self._clock,
        )
        named = self.pulse.named
        handshake = Handshake(
            requests=self._requests, fleet=fleet, process=self._heartbeat, link=self._link, clock=self._clock, stop=stop
        )
        start = tasks.create_task
        self._sending = start(outlive("sending", self.sender.run, _TRIES, tell))
        self._tasks = [
            self._sending,
            start(outlive("the heartbeat", self.pulse.run, _TRIES, tell)),
            start(outlive("the outbox", self.outbox.run, tell=tell)),
        ]
        self._serving = [
            start(outlive("the poll requests", partial(handshake.run, named), tell=tell)),
            start(outlive("the leases", partial(self.leases.run, named), tell=tell)),
        ]

    def hang_up(self) -> None:
        """Send no more and close the connections at once: no thread that waits for an answer holds up the end."""
        self.sender.give_up()
        self._queue.close()
        self._link.close()

    async def end(self, patience: Awaitable[object]) -> None:
        """Give the leases back, send what waits until that patience is over, keep the rest if it can be kept."""
        for task in self._serving:
            task.cancel()
        self.pulse.state = "draining"
        freeing = asyncio.ensure_future(self.leases.free())
        await asyncio.gather(
            asyncio.wait([freeing], timeout=_CLOSE_S), _first_of(self.outbox.wait_until_empty(), patience)
        )
        freeing.cancel()
        self.sender.give_up()
        # A message on its way has its own time limit; waiting for a Redis that is silent has none.
        await asyncio.wait([self._sending], timeout=self._put_timeout_s + 0.1)
        is_silent = not self._sending.done()
        for task in self._tasks:
            task.cancel()
        not_sent = self.outbox.depth
        await self.outbox.close()
        await self._say_goodbye(not_sent, is_silent=is_silent)

    async def _say_goodbye(self, not_sent: int, *, is_silent: bool) -> None:
        """Log the final counts, and tell Redis unless it is silent: the name then expires by itself."""
        message = (
            f"Emitted {self.sender.messages_sent} messages with {self.sender.values_sent} values; "
            f"discarded {self.outbox.overflow.messages} messages with {self.outbox.overflow.values} values; "
            f"{not_sent} messages not sent"
        )
        _log.info(message)
        if not is_silent:
            with suppress(RedisUnavailableError, TimeoutError):
                await asyncio.wait_for(in_own_thread(self.pulse.close, message), _CLOSE_S)


def build_outbox(partition: int, settings: PollerSettings, clock: Clock, tell: Tell) -> Outbox:
    """Return the outbox that the settings ask for."""
    bounds = Bounds(settings.poller_ring_max_messages, settings.poller_ring_max_values, settings.poller_ring_max_bytes)
    if settings.poller_outbox_dir is None:
        return Outbox(bounds)
    path = settings.poller_outbox_dir / file_name(partition)
    return DurableOutbox(bounds, Spool(path, settings.poller_outbox_max_bytes, clock, tell))


def say_strays(settings: PollerSettings) -> None:
    """Log which files hold readings of partitions that there are no more."""
    directory, partitions = settings.poller_outbox_dir, settings.partitions
    known = {file_name(partition) for partition in range(partitions)}
    for path in sorted(directory.glob("outbox*.sqlite3")) if directory else ():
        if path.name not in known:
            _log.error(
                f"{path} holds readings of a partition that PARTITIONS={partitions} does not have: they are not sent. "
                "Start the poller once with as many as before, until it has sent them, and remove the file"
            )


async def _first_of(*waits: Awaitable[object]) -> None:
    waiting = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()
