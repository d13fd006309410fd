"""The poller's story: groups poll, one sender sends, one pulse beats; at the end everything is sent, or said."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from services.poller.config import GroupConfig
from services.poller.group import PollingGroup
from services.poller.pulse import Pulse
from services.poller.ring import Ring
from services.poller.sender import Link, Queue, Sender
from services.poller.settings import PollerSettings
from services.poller.stamps import Stamper
from services.poller.triggers import AtOnce, FixedInterval
from shared.clock import Clock
from shared.errors import RedisUnavailableError
from shared.events import EventLog
from shared.heartbeat import Heartbeat
from shared.lifecycle import EXIT_FATAL, StopFlag
from shared.logs import get_logger

#: Seconds that a stop leaves for sending what is in the ring.
DRAIN_S = 3.0

#: Seconds that a stop leaves for the last event and giving the name back.
_CLOSE_S = 0.5

_log = get_logger()


class Poller:
    """All polling groups of one file, one sender, one heartbeat."""

    def __init__(
        self,
        settings: PollerSettings,
        configs: Sequence[GroupConfig],
        queue: Queue,
        link: Link,
        heartbeat: Heartbeat,
        events: EventLog,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._ring = Ring(settings.poller_ring_max_messages, settings.poller_ring_max_values)
        self._groups = build_groups(configs, settings.poller_config.parent, self._ring, clock)
        self._sender = Sender(self._ring, queue, link, settings.poller_put_timeout_s)
        self._pulse = Pulse(heartbeat, events, self._groups, self._ring, self._sender)

    async def run(self, stop: StopFlag) -> int:
        """Poll until stopped or all sources are at their end; return the exit status: 1 when a group failed."""
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._sender.run())
                beating = tasks.create_task(self._pulse.run())
                stopped = tasks.create_task(_wait_for(stop))
                polling = [tasks.create_task(group.run()) for group in self._groups]
                await _first_of(stopped, asyncio.gather(*polling, return_exceptions=True))
                for task in polling:
                    task.cancel()
                self._pulse.state = "draining"
                await self._drain(stopped)
                self._sender.give_up()
                # A message on its way has its own time limit; waiting for a Redis that is silent has none.
                await asyncio.wait([sending], timeout=self._settings.poller_put_timeout_s + 0.1)
                silent = not sending.done()
                for task in (sending, beating, stopped):
                    task.cancel()
        finally:
            self._sender.give_up()
        await self._say_goodbye(silent=silent)
        return EXIT_FATAL if any(group.status.state == "failed" for group in self._groups) else 0

    async def _drain(self, stopped: "asyncio.Task[None]") -> None:
        """Wait until everything is sent: as long as it takes, but once stopped DRAIN_S at most."""
        emptied = asyncio.ensure_future(self._ring.wait_until_empty())
        await _first_of(stopped, emptied)
        await asyncio.wait([emptied], timeout=DRAIN_S)
        emptied.cancel()

    async def _say_goodbye(self, *, silent: bool) -> None:
        """Log the final counts, and tell Redis unless it is silent: the name then expires by itself."""
        message = (
            f"Emitted {self._sender.messages_sent} messages with {self._sender.values_sent} values; "
            f"discarded {self._ring.overflow.messages} messages with {self._ring.overflow.values} values; "
            f"{self._ring.depth} messages not sent"
        )
        _log.info(message)
        if not silent:
            with suppress(RedisUnavailableError, TimeoutError):
                await asyncio.wait_for(asyncio.to_thread(self._pulse.close, message), _CLOSE_S)
        _log.info("Shutdown complete")


def build_groups(configs: Sequence[GroupConfig], directory: Path, ring: Ring, clock: Clock) -> list[PollingGroup]:
    """Return the polling groups; those of one PLC share a stamper, so that no time of a tag repeats."""
    stampers: dict[str, Stamper] = {}
    groups = []
    for config in configs:
        source = config.build_source(directory)
        trigger = AtOnce() if source.self_paced else FixedInterval(config.interval_s, clock)
        stamper = stampers.setdefault(config.plc, Stamper())
        groups.append(PollingGroup(config, source, trigger, ring, stamper, clock))
    return groups


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
