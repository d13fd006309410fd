"""The poller's story: groups poll, each lane sends and beats; at the end everything is sent, kept, or said."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count

from services.poller.faults import outlive
from services.poller.groups.config import GroupConfig
from services.poller.groups.fleet import Fleet
from services.poller.groups.group import PollingGroup
from services.poller.groups.lease import Lease
from services.poller.groups.reload import Reload
from services.poller.groups.triggers import AtOnce, FixedInterval, OnRequest, Trigger
from services.poller.lane import Lane
from services.poller.settings import PollerSettings
from services.poller.source import TagSource
from services.poller.sources.stamps import PUT_BACK, Stamper
from services.poller.threads import give_sources_threads
from shared.clock import Clock
from shared.lifecycle import EXIT_FATAL, StopFlag
from shared.logs import get_logger

#: Seconds that a stop leaves for sending what is in the outbox.
DRAIN_S = 3.0

#: Groups of one interval that poll at the same moment get into each other's way. Steps of the golden ratio spread any
#: number of them over the interval; the first begins at once.
_GOLDEN = 0.618

_log = get_logger()


class Poller:
    """All polling groups of one file, and a lane for each partition."""

    def __init__(
        self, settings: PollerSettings, configs: Sequence[GroupConfig], lanes: Sequence[Lane], clock: Clock
    ) -> None:
        self._path = settings.poller_config
        self._configs = configs
        self._lanes = lanes
        self._clock = clock
        #: Of the groups of one PLC, so that no time of a tag repeats.
        self._stampers: dict[str, Stamper] = {}
        self._places = count()
        self._fleet = Fleet(self._build, self._lease_of, self._give_up, self._path.parent)

    async def run(self, stop: StopFlag) -> int:
        """Poll until stopped or all sources are at their end; return the exit status: 1 when a group failed."""
        give_sources_threads()
        tell = self._lanes[0].news.tell
        reload = Reload(self._path, len(self._lanes), self._fleet, tell)
        try:
            await asyncio.gather(*(lane.outbox.open() for lane in self._lanes))
            async with asyncio.TaskGroup() as tasks:
                stopped = tasks.create_task(_wait_for(stop))
                for lane in self._lanes:
                    lane.start(self._fleet, partial(self._polled_in, lane), tasks, stop)
                self._fleet.start(self._configs, tasks)
                with _on_hangup(reload.ask):
                    reloading = tasks.create_task(
                        outlive("taking over the file", partial(reload.run, tasks), tell=tell)
                    )
                    done = asyncio.ensure_future(self._fleet.wait_until_done())
                    await asyncio.wait([stopped, done], return_when=asyncio.FIRST_COMPLETED)
                self._fleet.cancel()
                reloading.cancel()
                await asyncio.gather(*(lane.end(_patience(stopped)) for lane in self._lanes))
                stopped.cancel()
        except ExceptionGroup as troubles:
            # The first is the cause; a FatalError is to be seen as one.
            raise troubles.exceptions[0] from troubles
        finally:
            for lane in self._lanes:
                lane.hang_up()
        _log.info("Shutdown complete")
        return EXIT_FATAL if any(group.status.state == "failed" for group in self._fleet.groups) else 0

    def _lease_of(self, config: GroupConfig) -> Lease:
        return self._lane_of(config).leases.of(config.field)

    def _give_up(self, config: GroupConfig) -> None:
        self._lane_of(config).leases.give_up(config.field)

    def _lane_of(self, config: GroupConfig) -> Lane:
        return self._lanes[config.partition_in(len(self._lanes))]

    def _polled_in(self, lane: Lane) -> list[PollingGroup]:
        return [group for group in self._fleet.polled if self._lane_of(group.config) is lane]

    def _build(self, config: GroupConfig) -> PollingGroup:
        """Return a group, ready to run."""
        lane = self._lane_of(config)
        source = config.build_source(self._path.parent, lane.news.tell)
        return PollingGroup(
            config,
            source,
            self._trigger(config, source),
            lane.outbox,
            stamper=self._stampers.setdefault(config.plc, Stamper(PUT_BACK)),
            clock=self._clock,
            read_by=partial(lane.leases.read_by, config.field),
            tell=lane.news.tell,
        )

    def _trigger(self, config: GroupConfig, source: TagSource) -> Trigger:
        if config.mode == "HANDSHAKE":
            return OnRequest(self._clock)
        if source.self_paced:
            return AtOnce()
        phase = next(self._places) * _GOLDEN % 1.0
        return FixedInterval(config.interval_s, self._clock, phase_s=phase * config.interval_s)


async def _patience(stopped: "asyncio.Task[None]") -> None:
    """Wait for as long as what is in an outbox may take: for ever, but once stopped DRAIN_S at most."""
    await asyncio.wait([stopped])
    await asyncio.sleep(DRAIN_S)


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
