"""What recovery tells Redis: the counter `recovered`, the files' states, events. Redis away never stops it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.writer.backup.directory import created_at, file_entry, rows_in
from services.writer.backup.files import shown
from services.writer.backup.format import row_example
from services.writer.backup.index import Manifest
from services.writer.deliver.report import count
from shared.clock import Clock
from shared.counters import Counter
from shared.errors import PipelineError
from shared.journal.events import EventLog
from shared.journal.rejected_examples import RejectedExamples
from shared.keys import Keys
from shared.logs import get_logger
from shared.records.events import Event, FileNamed, RowsRecovered
from shared.records.files import FileKind, FileStage
from shared.records.rejected import Rejected
from shared.redis.link import RedisLink

#: Seconds between two tries to reach Redis while it is away: a try may take as long as its timeout.
RETRY_S = 10.0

#: Seconds between two updates of the counter.
INTERVAL_S = 0.5

_log = get_logger()


@dataclass
class RecoveryProgress:
    """Used by one thread."""

    link: RedisLink
    keys: Keys
    events: EventLog
    manifest: Manifest
    clock: Clock

    #: What counts the rows that are in the table now, and the event that tells of a file that is through.
    counter, through = Counter.RECOVERED, Event.RECOVERED

    def __post_init__(self) -> None:
        self._unsaid = 0
        self._next_at = 0.0
        self._is_away = False
        self._rows: dict[Path, int] = {}
        self._examples = RejectedExamples(self.link, self.keys)

    def wrote(self, rows: int) -> None:
        """Take note of rows that are in the table now."""
        self._unsaid += rows
        if self._unsaid and self.clock.monotonic() >= self._next_at:
            self._next_at = self.clock.monotonic() + INTERVAL_S
            self._tell(self._count)

    def rejected(self, rows: Sequence[Sequence[Any]], aside: Path) -> None:
        """Take note of rows of a file that are in another one now, each with its reason."""
        at, place = self.clock.now().timestamp(), self.manifest.place
        for row in rows:
            self._examples.note(Rejected.ROW, str(row[-2]), at, row_example(row, at, aside.name, place), again=1)
        self._tell(self._examples.flush)

    def stays(self, path: Path, stage: FileStage, size_bytes: int) -> None:
        """Take note that a file is where it was: it is being read, or waits to be recovered later."""
        self._file(path, path, stage, None, size_bytes)

    def refuses(self, path: Path, message: str) -> None:
        """Take note that a file is not recovered, and why."""
        self._tell(lambda: self.events.add(Event.RECOVERY_REFUSED, message, FileNamed(file=shown(Path(path.name)))))

    def finished(self, path: Path, moved_to: Path, rows: int, size_bytes: int, told: str) -> None:
        """Take note that a file is through; `told` is its name and what became of it."""
        if FileKind.REJECTED.is_of(path.name):
            self._tell(lambda: self._examples.forget_file(path.name, self.manifest.place))
        self._file(path, moved_to, FileStage.RECOVERED, rows, size_bytes)
        message, details = f"{self.through.capitalize()} {told}", RowsRecovered(file=shown(Path(path.name)), rows=rows)
        self._tell(lambda: self.events.add(self.through, message, details))

    def flush(self) -> None:
        """Say what is unsaid; what can't be said then stays unsaid."""
        self._next_at = 0.0
        if self._unsaid:
            self._tell(self._count)
        if self._unsaid:
            _log.warning(
                f"Redis is away: the counter `{self.counter}` is {self._unsaid} rows too low; nothing else is lost"
            )

    def _file(self, path: Path, present: Path, stage: FileStage, rows: int | None, size_bytes: int) -> None:
        """Say where a file stands; without `rows` they are counted, once."""
        if rows is None:
            # What can be read of it is found out by reading it; this is for the list only.
            rows = self._rows[path] = self._rows.get(path) or rows_in(path) or 0
        created = created_at(present)
        self.manifest.note(path, file_entry(path, stage, rows=rows, size_bytes=size_bytes, created=created))
        self._tell(self.manifest.flush)

    def _count(self) -> None:
        count(self.link, self.keys, self.counter, self._unsaid)
        self._unsaid = 0

    def _tell(self, say: Callable[[], None]) -> None:
        """Say something if Redis is there; when it was away, ask again only after a while."""
        if self._is_away and self.clock.monotonic() < self._next_at:
            return
        try:
            self.link.ping()
            say()
        except PipelineError as error:
            if not self._is_away:
                _log.warning(f"Redis at {self.link.address} is not usable ({error}): the monitor learns of this later")
            self._is_away = True
            self._next_at = self.clock.monotonic() + RETRY_S
        else:
            self._is_away = False
