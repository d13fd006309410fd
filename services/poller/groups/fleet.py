"""All polling groups of one poller: each a task of its own, started, stopped and exchanged without the others."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from services.poller.groups.config import GroupConfig
from services.poller.groups.group import PollingGroup
from services.poller.groups.lease import Lease

#: Builds a group from its configuration.
Build = Callable[[GroupConfig], PollingGroup]

#: What tells a file from its later self: name, time of change, size, and which file it is on which device.
FileState: TypeAlias = tuple[str, int, int, int, int]


@dataclass(eq=False)
class _Running:
    """One group, its lease, and what its files were when it was started. Its task goes on while others poll it."""

    group: PollingGroup
    files: tuple[FileState, ...]
    lease: Lease
    task: asyncio.Task[None] = field(init=False)


class Fleet:
    """The polling groups of one file."""

    def __init__(
        self, build: Build, lease_of: Callable[[GroupConfig], Lease], give_up: Callable[[GroupConfig], None],
        directory: Path,
    ) -> None:  # fmt: skip
        """Take where the leases of groups are found, and who lets them go."""
        self._build = build
        self._lease_of = lease_of
        self._give_up = give_up
        self._directory = directory
        self._running: dict[str, _Running] = {}
        self._changed = asyncio.Event()

    @property
    def groups(self) -> list[PollingGroup]:
        """The groups of the file, in its order; those that are at their end too."""
        return [running.group for running in self._running.values()]

    @property
    def polled(self) -> list[PollingGroup]:
        """Those of them that no other poller is known to poll."""
        return [running.group for running in self._running.values() if not running.lease.holder]

    def group(self, name: str) -> PollingGroup | None:
        """Return the group of this name; None when there is none, or when another poller polls it."""
        running = self._running.get(name)
        return running.group if running and not running.lease.holder else None

    def start(self, configs: Iterable[GroupConfig], tasks: asyncio.TaskGroup) -> None:
        """Start all groups."""
        for config in configs:
            self._running[config.name] = self._start(*self._make(config), tasks)

    def to_start(self, configs: Iterable[GroupConfig]) -> list[GroupConfig]:
        """Return the groups that are new or other than those at work."""
        before = {name: (running.group.config, running.files) for name, running in self._running.items()}
        return [config for config in configs if before.get(config.name) != (config, self._files(config))]

    async def exchange(self, configs: Iterable[GroupConfig], tasks: asyncio.TaskGroup) -> str:
        """Take over another list of groups: unchanged ones go on as if nothing had happened; say what was done.

        A changed group is stopped and, once it has let go of its source, started anew; so is one that ended with a
        fault, whose cause may be mended by now.
        """
        before, after = self._running, {config.name: config for config in configs}
        failed = {name for name, running in before.items() if running.group.status.state == "failed"}
        new = await asyncio.to_thread(self.to_start, after.values())
        new += [config for config in after.values() if config.name in failed and config not in new]
        # Built before anything is stopped: what can't be built then changes nothing.
        built = {config.name: self._make(config) for config in new}
        same = after.keys() - built.keys()
        ending = [running.task for name, running in before.items() if name not in same]
        changed = [name for name in after if name in before and name not in same]
        added = [name for name in after if name not in before]
        removed = [name for name in before if name not in after]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for config in (running.group.config for running in before.values()):
            if config.name not in after or after[config.name].plc != config.plc:
                self._give_up(config)
        self._running = {name: before[name] if name in same else self._start(*built[name], tasks) for name in after}
        self._changed.set()
        done = {"started": added, "restarted": changed, "stopped": removed}
        return f"{len(same)} unchanged, " + ", ".join(f"{what}: {_listed(names)}" for what, names in done.items())

    async def wait_until_done(self) -> None:
        """Wait until every group is at its end."""
        while not all(running.task.done() for running in self._running.values()):
            self._changed.clear()
            await self._changed.wait()

    def cancel(self) -> None:
        """Stop all groups."""
        for running in self._running.values():
            running.task.cancel()

    def _make(self, config: GroupConfig) -> tuple[PollingGroup, tuple[FileState, ...]]:
        files = self._files(config)
        return self._build(config), files

    def _start(self, group: PollingGroup, files: tuple[FileState, ...], tasks: asyncio.TaskGroup) -> _Running:
        running = _Running(group, files, self._lease_of(group.config))
        running.lease.is_finished = False
        running.task = tasks.create_task(self._poll_in_turn(running), name=f"group {group.config.name}")
        running.task.add_done_callback(lambda _task: self._changed.set())
        return running

    async def _poll_in_turn(self, running: _Running) -> None:
        """Poll while the lease is held; return when the source has nothing more."""
        while True:
            await running.lease.until(is_held=True)
            polling = asyncio.ensure_future(running.group.run())
            losing = asyncio.ensure_future(running.lease.until(is_held=False))
            try:
                await asyncio.wait([polling, losing], return_when=asyncio.FIRST_COMPLETED)
                if polling.done():
                    running.lease.is_finished = running.group.status.state == "finished"
                    return polling.result()
            finally:
                polling.cancel()
                losing.cancel()
                await asyncio.gather(polling, losing, return_exceptions=True)
            running.group = self._build(running.group.config)

    def _files(self, config: GroupConfig) -> tuple[FileState, ...]:
        return tuple(file_state(path) for path in config.source.files(self._directory))


def file_state(path: Path) -> FileState:
    """Return what tells a file from its later self; -1 where there is none.

    A copy with its time, or another one behind a link (a ConfigMap), may be as old and as large.
    """
    try:
        stat = path.stat()
    except OSError:
        return str(path), -1, -1, -1, -1
    return str(path), stat.st_mtime_ns, stat.st_size, stat.st_dev, stat.st_ino


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none"
