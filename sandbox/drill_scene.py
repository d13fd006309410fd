"""The stage of a drill: Redis, the Oracle stand-in, a real consumer and writer, and values of which all is known."""

import fcntl
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from sandbox.harness.oracle import Cells
from sandbox.harness.services import callers_settings
from sandbox.harness.stack import Stack
from sandbox.harness.supervisor import ChildDiedError
from sandbox.pipeline import StoppedEarly
from sandbox.recording import Comparison, Recording, compare
from shared.lifecycle import StopFlag
from shared.queues.data_queue import DataQueue
from shared.records.events import OverflowEpisode
from shared.records.files import BackupFile, FileKind
from shared.records.reading import from_json

#: Tags of one poll at most: a larger installation has several PLCs.
TAGS_IN_A_POLL = 3491

PLC = "DRILL"


class Scene(Stack):
    """Everything of one drill, as a context manager that leaves no process behind."""

    def __init__(self, directory: Path, stop: StopFlag, **settings: object) -> None:
        own = {name.upper(): value for name, value in settings.items()}
        super().__init__(
            directory,
            "drill",
            base=callers_settings(),
            settings={"BACKUP_MIN_FREE_BYTES": 10_000_000, "INSTANCE_NAME": "drill", **own},
            is_durable=True,
        )
        self._stop = stop
        self.pause = self.go_on
        self.queue = DataQueue(self.link, self.keys)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.queue.close()
        super().__exit__(kind, error, trace)

    def go_on(self, wait_s: float) -> None:
        """Let time pass.

        Raises: StoppedEarly: Ctrl+C; ChildDiedError: a process ended by itself.
        """
        if self._stop.wait(wait_s):
            raise StoppedEarly
        fallen = self.supervisor.fallen()
        if fallen is not None:
            raise ChildDiedError(fallen)

    def has_open_files(self) -> bool:
        """Tell whether the writer still writes a backup file: it holds a lock then."""
        for path in self.backup_dir.glob("backup_*.csv"):
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
        return False

    def rows_in_backup(self) -> int:
        """Return how many values the backup files hold, as the monitor shows it."""
        entries = (from_json(BackupFile, entry) for entry in self.link.hash(self.keys.backup_files).values())
        return sum(entry.rows for entry in entries if entry is not None and entry.kind == FileKind.BACKUP)

    def loss_records(self) -> list[OverflowEpisode]:
        """Return the consumer's records of overflow, the oldest first."""
        stored = sorted(self.link.hash(self.keys.overflow_episodes).items())
        return [episode for _, text in stored if (episode := from_json(OverflowEpisode, text)) is not None]

    def compare(self, wanted: Cells) -> Comparison:
        """Compare the table with what it must hold, value by value."""
        recording = Recording(rows=0, tags=0, cells=wanted, left_out=[], restamped=0)
        return compare(recording, self.oracle.rows("tag_data"))


def start_of_polls() -> datetime:
    """Return the time of a drill's first poll: now, as the table shows it."""
    return datetime.now(UTC).replace(tzinfo=None)
