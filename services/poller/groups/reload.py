"""A changed file of polling groups: noticed, checked as a whole, and only then taken over.

A file with a mistake changes nothing and is said so.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

from services.poller.groups.config import load_groups
from services.poller.groups.fleet import FileState, Fleet, file_state
from services.poller.news import Tell
from shared.errors import SettingsError
from shared.logs import get_logger
from shared.records.events import Event

#: Seconds between two looks at the files. A change is taken over when they look the same twice.
CHECK_S = 1.0

_log = get_logger()


class Reload:
    """Keeps the fleet as the file says."""

    def __init__(self, path: Path, partitions: int, fleet: Fleet, tell: Tell) -> None:
        self._path = path
        self._partitions = partitions
        self._fleet = fleet
        self._tell = tell
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Look now (SIGHUP)."""
        self._asked.set()

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """Take over every change, until cancelled."""
        applied = seen = await self._states()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), CHECK_S)
            asked = self._asked.is_set()
            self._asked.clear()
            before, seen = seen, await self._states()
            # A file that is still being written looks different from one moment to the next.
            if asked or (seen != applied and seen == before):
                await self._take_over(tasks, asked=asked)
                # The groups may have other files now; what changed meanwhile is still to come.
                latest = await self._states()
                applied, seen = (latest, latest) if latest[0] == seen[0] else (seen, latest)

    async def _states(self) -> list[FileState]:
        of_sources = [file for group in self._fleet.groups for file in group.config.source.files(self._path.parent)]
        # In a thread: on a mount that hangs it takes as long as that does.
        return await asyncio.to_thread(lambda: [file_state(path) for path in (self._path, *of_sources)])

    async def _take_over(self, tasks: asyncio.TaskGroup, *, asked: bool) -> None:
        running = {group.config.name: group.config.group_id or 0 for group in self._fleet.groups}
        why = "SIGHUP" if asked else "the file has changed"
        try:
            configs = await asyncio.to_thread(load_groups, self._path, running, self._partitions)
            new = await asyncio.to_thread(self._fleet.to_start, configs)
            problems = [one for config in new for one in await asyncio.to_thread(config.problems, self._path)]
        except SettingsError as error:
            problems = error.problems
        if problems:
            for problem in problems:
                _log.error(problem, kind=None)
            message = f"{self._path.name}: {why}, but it holds a mistake: all groups go on as they were"
            _log.error(message)
            self._tell(Event.GROUPS_REFUSED, f"{message}: {problems[0]}")
            return
        message = f"{self._path.name}: {why}: {await self._fleet.exchange(configs, tasks)}"
        _log.info(message)
        self._tell(Event.GROUPS_CHANGED, message)
