"""What is to be done about files beside the batches, in a thread of its own: a disk may take as long as it likes."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

from services.writer.backup.csv_backup import IDLE_S, BackupFailedError, CsvBackup, NoRoomForRejectsError
from services.writer.backup.index import Manifest
from services.writer.deliver.breaker import Breaker
from services.writer.deliver.report import Report
from shared.clock import Clock
from shared.errors import RedisUnavailableError
from shared.life.faults import Faults
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.records.heartbeats import BreakerState

_log = get_logger()

#: Seconds between two times that the open files are proven.
TICK_S = 1.0

#: Seconds without a new row after which a backup file is closed, where it is not IDLE_S. In an outage more will come.
#: While Oracle takes values none should keep its file from `recover`; but where it takes too few, and the spill saves
#: the others, to close it at once would be a file a second.
_CLOSE_AFTER_S = {BreakerState.CLOSED: 3.0, BreakerState.OPEN: inf}

#: Seconds between two comparisons of the backup directory with its list in Redis.
MANIFEST_INTERVAL_S = 30.0

#: Seconds between two times that a file is tried in the backup directory, while nothing is wrong there.
CHECK_INTERVAL_S = 60.0


@dataclass(kw_only=True)
class Housekeeping:
    """Closes files that are done with, writes rows that waited for a file, keeps the list of files true."""

    backup: CsvBackup
    rejects: CsvBackup
    file_waiting_rows: Callable[[], tuple[Path, int] | None]  #: as backup/waiting_rows.py does
    manifest: Manifest
    breaker: Breaker
    report: Report
    clock: Clock
    faults: Faults

    def __post_init__(self) -> None:
        self._next_rebuild = self._next_check = 0.0
        self._failure: str | None = None
        self._cant: list[str] = []

    def run(self, stop: StopFlag) -> None:
        """Go on until stopped, whatever happens."""
        while not stop.is_set():
            try:
                self.run_once(stop)
            except RedisUnavailableError:
                pass  # Others say so; the files were seen to, the others come with the next turn.
            except Exception as error:  # noqa: BLE001 - a side path never ends the main one
                self.faults.met(error, stop)
            stop.wait(TICK_S)

    def run_once(self, stop: StopFlag) -> None:
        """See to the files, then to what Redis knows of them.

        Raises: RedisUnavailableError.
        """
        try:
            self._see_to_files()
            with suppress(NoRoomForRejectsError):
                while not stop.is_set() and (written := self.file_waiting_rows()) is not None:
                    self.report.wrote(*written)
        except BackupFailedError as error:
            self._failure = str(error)
            is_needed = self.breaker.state is not BreakerState.CLOSED
            self.report.backup_failed(error, is_needed=is_needed)
        else:
            if self._failure is not None:
                self.report.files_available(self._failure)
            self._failure = None
        if self.clock.monotonic() >= self._next_rebuild:
            self._next_rebuild = self.clock.monotonic() + MANIFEST_INTERVAL_S
            self.manifest.rebuild()

    def _see_to_files(self) -> None:
        self.backup.prove(close_after_s=_CLOSE_AFTER_S.get(self.breaker.state, IDLE_S))
        self.rejects.prove(close_after_s=IDLE_S)
        # Whether a backup can be written is not to be found out in the outage that needs it.
        if self._failure is not None or self.clock.monotonic() >= self._next_check:
            self._next_check = self.clock.monotonic() + CHECK_INTERVAL_S
            before, self._cant = self._cant, self.backup.check()
            if self._cant and self._cant != before:
                _log.warning(f"BACKUP_DIR: its mount can't {', '.join(self._cant)}")
