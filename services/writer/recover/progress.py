"""What recovery tells Redis: the counter `recovered`, the files' states, events. Redis away never stops it."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.writer.backup.index import RECOVERED, RECOVERING, WAITING, Manifest, count_rows, created_at
from shared.clock import Clock
from shared.counters import WINDOW_BUCKET_S, WINDOW_KEEP_S, Counter
from shared.errors import PipelineError
from shared.events import Event, EventLog
from shared.keys import Keys
from shared.logs import get_logger
from shared.redis_link import RedisLink

#: Seconds between two tries to reach Redis while it is away: a try may take as long as its timeout.
RETRY_S = 10.0

#: Seconds between two updates of the counter.
INTERVAL_S = 0.5

_log = get_logger()


class RecoveryDiary:
    """Used by one thread."""

    def __init__(self, link: RedisLink, keys: Keys, events: EventLog, manifest: Manifest, clock: Clock) -> None:
        self._link = link
        self._keys = keys
        self.events = events
        self._manifest = manifest
        self._clock = clock
        self._unsaid = 0
        self._next_at = 0.0
        self._is_away = False
        self._rows: dict[str, int] = {}

    def wrote(self, rows: int) -> None:
        """Take note of rows that are in the table now."""
        self._unsaid += rows
        if self._unsaid and self._clock.monotonic() >= self._next_at:
            self._next_at = self._clock.monotonic() + INTERVAL_S
            self._tell(self._count)

    def takes(self, path: Path, size_bytes: int) -> None:
        """Take note that a file is being read."""
        self._file(path, path, RECOVERING, self._rows_in(path), size_bytes)

    def leaves(self, path: Path, size_bytes: int) -> None:
        """Take note that a file stays, to be put back later."""
        self._file(path, path, WAITING, self._rows_in(path), size_bytes)

    def finished(self, path: Path, moved_to: Path, rows: int, size_bytes: int, message: str) -> None:
        """Take note that a file is through."""
        self._file(path, moved_to, RECOVERED, rows, size_bytes)
        self._tell(lambda: self.events.add(Event.RECOVERED, message, file=path.name, rows=rows))

    def flush(self) -> None:
        """Say what is unsaid; what can't be said then stays unsaid."""
        self._next_at = 0.0
        if self._unsaid:
            self._tell(self._count)
        if self._unsaid:
            _log.warning(f"Redis is away: the counter `recovered` is {self._unsaid} rows too low; nothing else is lost")

    def _file(self, path: Path, present: Path, state: str, rows: int, size_bytes: int) -> None:
        self._manifest.set(path, state, rows=rows, size_bytes=size_bytes, created=created_at(present).timestamp())
        self._tell(self._manifest.flush)

    def _rows_in(self, path: Path) -> int:
        """Return how many rows the list says the file holds; counted where it does not say."""
        if path.name not in self._rows:
            known: list[dict[str, Any]] = []

            def ask() -> None:
                entry = self._link.command("HGET", self._keys.backup_files, path.name)
                known.extend([json.loads(entry)] if entry else [])

            self._tell(ask)
            self._rows[path.name] = int(known[0].get("rows", 0)) if known else _count(path)
        return self._rows[path.name]

    def _count(self) -> None:
        seconds = int(self._link.command("TIME")[0])
        window = self._keys.window(seconds // WINDOW_BUCKET_S)
        # A lost answer counts these rows twice: the counter is for people, the ledger does without it.
        self._link.commands(
            ("HINCRBY", self._keys.counters, Counter.RECOVERED, self._unsaid),
            ("HINCRBY", window, Counter.RECOVERED, self._unsaid),
            ("EXPIRE", window, WINDOW_KEEP_S),
        )
        self._unsaid = 0

    def _tell(self, say: Callable[[], None]) -> None:
        """Say something if Redis is there; when it was away, ask again only after a while."""
        if self._is_away and self._clock.monotonic() < self._next_at:
            return
        try:
            self._link.ping()
            say()
        except PipelineError as error:
            if not self._is_away:
                _log.warning(f"Redis at {self._link.address} is not usable ({error}): the monitor learns of this later")
            self._is_away = True
            self._next_at = self._clock.monotonic() + RETRY_S
        else:
            self._is_away = False


def _count(path: Path) -> int:
    try:
        return count_rows(path)
    except (OSError, csv.Error):
        # Bad lines; what can be read of it is found out by reading it, this is for the list only.
        return 0
