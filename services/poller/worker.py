"""The poller's story: groups poll, one sender sends, one pulse beats; at the end everything is sent, or said."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from services.poller.faults import outlive
from services.poller.groups.config import GroupConfig
from services.poller.groups.fleet import Fleet
from services.poller.groups.group import PollingGroup
from services.poller.groups.reload import Reload
from services.poller.groups.triggers import AtOnce, FixedInterval, OnRequest, Trigger
from services.poller.handshake.requests import PollRequests
from services.poller.handshake.serving import Handshake
from services.poller.news import News, Tell
from services.poller.outbox.durable import DurableOutbox
from services.poller.outbox.outbox import Outbox
from services.poller.outbox.sender import Link, Queue, Sender
from services.poller.outbox.spool import Spool
from services.poller.outbox.waiting import Bounds
from services.poller.pulse import Pulse
from services.poller.settings import PollerSettings
from services.poller.source import TagSource
from services.poller.sources.stamps import Stamper
from shared.clock import Clock
from shared.errors import RedisUnavailableError
from shared.events import EventLog
from shared.heartbeat import Heartbeat
from shared.lifecycle import EXIT_FATAL, StopFlag
from shared.logs import get_logger

#: Seconds that a stop leaves for sending what is in the outbox.
DRAIN_S = 3.0

#: Seconds that a stop leaves for the last event and giving the name back.
_CLOSE_S = 0.5

#: Times that sending and the heartbeat may fail for a reason that nobody foresaw: then a new process is to try.
_TRIES = 10

#: Groups of one interval that poll at the same moment get into each other's way. Steps of the golden ratio spread any
#: number of them over the interval; the first begins at once.
_GOLDEN = 0.618

_log = get_logger()


class Poller:
    """All polling groups of one file, one sender, one heartbeat."""

    def __init__(
        self,
        settings: PollerSettings,
        configs: Sequence[GroupConfig],
        queue: Queue,
        link: Link,
        requests: PollRequests,
        heartbeat: Heartbeat,
        events: EventLog,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._configs = configs
        self._link = link
        self._requests = requests
        self._heartbeat = heartbeat
        self._clock = clock
        self._news = News()
        self._outbox = build_outbox(settings, clock, self._news.tell)
        directory = settings.poller_config.parent
        self._fleet = Fleet(GroupBuilder(directory, self._outbox, clock, self._news.tell).build, directory)
        self._sender = Sender(self._outbox, queue, link, settings.poller_put_timeout_s)
        self._pulse = Pulse(
            heartbeat=heartbeat,
            events=events,
            fleet=self._fleet,
            outbox=self._outbox,
            sender=self._sender,
            requests=requests,
            news=self._news,
            clock=clock,
        )

    async def run(self, stop: StopFlag) -> int:
        """Poll until stopped or all sources are at their end; return the exit status: 1 when a group failed."""
        handshake = Handshake(self._requests, self._fleet, self._heartbeat, self._link, self._clock, stop)
        tell = self._news.tell
        reload = Reload(self._settings.poller_config, self._fleet, tell)
        await self._outbox.open()
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(outlive("sending", self._sender.run, _TRIES, tell))
                beating = tasks.create_task(outlive("the heartbeat", self._pulse.run, _TRIES, tell))
                saving = tasks.create_task(outlive("the outbox", self._outbox.run, tell=tell))
                stopped = tasks.create_task(_wait_for(stop))
                self._fleet.start(self._configs, tasks)
                with _on_hangup(reload.ask):
                    serving = [
                        tasks.create_task(outlive("taking over the file", partial(reload.run, tasks), tell=tell)),
                        tasks.create_task(
                            outlive("the poll requests", partial(handshake.run, self._pulse.named), tell=tell)
                        ),
                    ]
                    await _first_of(stopped, asyncio.ensure_future(self._fleet.wait_until_done()))
                self._fleet.cancel()
                for task in serving:
                    task.cancel()
                self._pulse.state = "draining"
                await self._drain(stopped)
                self._sender.give_up()
                # A message on its way has its own time limit; waiting for a Redis that is silent has none.
                await asyncio.wait([sending], timeout=self._settings.poller_put_timeout_s + 0.1)
                silent = not sending.done()
                for task in (sending, saving, beating, stopped):
                    task.cancel()
        finally:
            self._sender.give_up()
        not_sent = self._outbox.depth
        await self._outbox.close()
        await self._say_goodbye(not_sent, silent=silent)
        return EXIT_FATAL if any(group.status.state == "failed" for group in self._fleet.groups) else 0

    async def _drain(self, stopped: "asyncio.Task[None]") -> None:
        """Wait until everything is sent: as long as it takes, but once stopped DRAIN_S at most."""
        emptied = asyncio.ensure_future(self._outbox.wait_until_empty())
        await _first_of(stopped, emptied)
        await asyncio.wait([emptied], timeout=DRAIN_S)
        emptied.cancel()

    async def _say_goodbye(self, not_sent: int, *, silent: bool) -> None:
        """Log the final counts, and tell Redis unless it is silent: the name then expires by itself."""
        message = (
            f"Emitted {self._sender.messages_sent} messages with {self._sender.values_sent} values; "
            f"discarded {self._outbox.overflow.messages} messages with {self._outbox.overflow.values} values; "
            f"{not_sent} messages not sent"
        )
        _log.info(message)
        if not silent:
            with suppress(RedisUnavailableError, TimeoutError):
                await asyncio.wait_for(asyncio.to_thread(self._pulse.close, message), _CLOSE_S)
        _log.info("Shutdown complete")


def build_outbox(settings: PollerSettings, clock: Clock, tell: Tell) -> Outbox:
    """Return the outbox that the settings ask for."""
    bounds = Bounds(settings.poller_ring_max_messages, settings.poller_ring_max_values, settings.poller_ring_max_bytes)
    if settings.poller_outbox_dir is None:
        return Outbox(bounds)
    spool = Spool(settings.poller_outbox_dir, settings.poller_outbox_max_bytes, clock, tell)
    return DurableOutbox(bounds, spool)


class GroupBuilder:
    """Puts polling groups together; those of one PLC share a stamper, so that no time of a tag repeats."""

    def __init__(self, directory: Path, outbox: Outbox, clock: Clock, tell: Tell) -> None:
        self._directory = directory
        self._outbox = outbox
        self._clock = clock
        self._tell = tell
        self._stampers: dict[str, Stamper] = {}
        self._places = count()

    def build(self, config: GroupConfig) -> PollingGroup:
        """Return a group, ready to run."""
        source = config.build_source(self._directory, self._tell)
        stamper = self._stampers.setdefault(config.plc, Stamper())
        trigger = self._trigger(config, source)
        return PollingGroup(config, source, trigger, self._outbox, stamper, self._clock, tell=self._tell)

    def _trigger(self, config: GroupConfig, source: TagSource) -> Trigger:
        if config.mode == "HANDSHAKE":
            return OnRequest(self._clock)
        if source.self_paced:
            return AtOnce()
        phase = next(self._places) * _GOLDEN % 1.0
        return FixedInterval(config.interval_s, self._clock, phase_s=phase * config.interval_s)


@contextmanager
def _on_hangup(call: Callable[[], None]) -> Iterator[None]:
    """Call this at every SIGHUP, which else would end the process."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, call)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        # While the poller drains, a late one has nothing more to say.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


async def _wait_for(stop: StopFlag) -> None:
    """Wait for the flag without a thread."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(stop.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(stop.fileno())


async def _first_of(*futures: "asyncio.Future[Any]") -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
