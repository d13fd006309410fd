"""Recovering files by itself (BACKUP_AUTO_RECOVER=true): only while nothing else is in need of Oracle."""

import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.writer.backup.csv_backup import BackupFailedError
from services.writer.backup.directory import backup_files
from services.writer.backup.files import shown
from services.writer.backup.label import label_path
from services.writer.deliver.breaker import Breaker
from services.writer.recover.file_recovery import Ended, Failure, Recovery, RowsKeptError, Tally
from services.writer.recover.open_file import FileInUseError, RefusedFileError, RowsFile, was_just_written
from services.writer.settings import WriterSettings
from shared.acting.pausing import Pause
from shared.backoff import Backoff, doubled_s
from shared.errors import RedisUnavailableError
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.queues.buffer import TagBuffer
from shared.records.files import FileKind
from shared.records.heartbeats import BreakerState

#: Share of BUFFER_MAX_SIZE below which there is time for backup files.
CALM_SHARE = 0.2

#: Seconds between two times that it asks whether there is time, and whether there is a file. The first is no multiple
#: of the intervals at which plants poll: looks a second apart would meet the burst of each second again and again.
TIME_TICK_S, FILES_TICK_S = 0.07, 5.0

#: Seconds of the first and the last pause after Oracle failed, at most; doubled each time.
FIRST_PAUSE_S, LAST_PAUSE_S = 5.0, 300.0

#: Seconds after which a file is tried again that can't be read or moved, at most: it is read whole each time.
LONGEST_PAUSE_S = 3600.0

_log = get_logger()


@dataclass(frozen=True)
class _Left:
    """Why a file is left, and until when: a monotonic time, or until somebody changes it or its label."""

    changed: tuple[int, ...]
    reason: str
    until: float
    tries: int


@dataclass
class AutoRecover:
    """The loop; in a thread of its own."""

    recovery: Recovery
    breaker: Breaker
    buffer: TagBuffer
    settings: WriterSettings
    pause: Pause

    def __post_init__(self) -> None:
        self._left: dict[Path, _Left] = {}
        self._backoff = Backoff(FIRST_PAUSE_S, LAST_PAUSE_S)

    def run(self, stop: StopFlag) -> None:
        """Recover files, the oldest first, until stopped."""
        while not stop.is_set():
            if not self._has_time():
                stop.wait(TIME_TICK_S)
            elif not self.run_once(stop):
                stop.wait(FILES_TICK_S)

    def run_once(self, stop: StopFlag) -> bool:
        """Recover one file; return whether there was one."""
        for path in self._files():
            if not self._is_left(path) and not _may_still_be_copied(path):
                most = self.settings.buffer_batch_size_max
                ended = self.recovery.recover(path, self, stop, max_rows=most)
                self._say(ended)
                if ended.tally is not None:
                    self.recovery.progress.flush()
                    return True
        return False

    def _files(self) -> list[Path]:
        try:
            return backup_files(self.settings.backup_dir, FileKind.BACKUP)
        except OSError:
            return []  # It can't be listed now: who keeps the list of files says so.

    def _is_left(self, path: Path) -> bool:
        left = self._left.get(path)
        return left is not None and left.changed == _changes(path) and self.recovery.clock.monotonic() < left.until

    def _has_time(self) -> bool:
        state = self.breaker.state
        if self.pause.is_on() or state not in (BreakerState.CLOSED, BreakerState.HALF_OPEN):
            return False
        if self.recovery.sink.table_warning is not None:
            # What is there already would be there twice.
            return False
        try:
            depth = self.buffer.depth()
        except RedisUnavailableError:
            return False
        # Oracle answers again, and nothing comes that could try it: a plant at rest. A file is the trial then.
        return depth == 0 if state is BreakerState.HALF_OPEN else depth < CALM_SHARE * self.settings.buffer_max_size

    def begins(self, file: RowsFile) -> None:
        """Say that a file is begun with."""
        _log.info(f"Recovering {file.name} ({file.size_bytes} bytes)")

    def wait_for_turn(self, _tally: Tally, stop: StopFlag) -> None:
        """Wait until nothing else is in need of Oracle."""
        while not self._has_time() and not stop.wait(TIME_TICK_S):
            pass

    def went_well(self, _file: RowsFile, tally: Tally) -> None:
        """Forget the failures before; Oracle takes what it is given."""
        self._backoff.reset()
        if (tally.written or tally.duplicates) and self.breaker.state is BreakerState.HALF_OPEN:
            self.breaker.succeeded(self.recovery.clock.monotonic())

    def goes_on_after(self, failure: Failure, stop: StopFlag) -> bool:
        """Pause; the file is gone on with, however often it fails."""
        if isinstance(failure, BackupFailedError):
            pause_s, what = LAST_PAUSE_S, f"refused rows can't be set aside: {failure}"
        else:
            pause_s, what = self._backoff.next_s(), str(failure)
        _log.warning(f"Recovering pauses for {pause_s:.0f} s: {what}")
        stop.wait(pause_s)
        return True

    def _say(self, ended: Ended) -> None:
        name, error = shown(ended.path), ended.error
        if ended.moved_to is not None:
            _log.info(f"Recovered {name}: {ended.tally}; now {shown(ended.moved_to)}")
        elif isinstance(error, FileInUseError):
            if ended.tally is not None:
                _log.info(str(error))
        elif error is not None:
            reason = f"{name}: {error.strerror}; left where it is" if isinstance(error, OSError) else str(error)
            _log.error(f"Not recovered by itself: {reason}")
            before = self._left.get(ended.path)
            if not isinstance(error, RefusedFileError) and (before is None or before.reason != reason):
                self.recovery.progress.refuses(ended.path, reason)
            # What the file system says may pass: an NFS server that is away, a right that is missing. So may what keeps
            # rows from the table; but what was set aside would be so again each time.
            tries = before.tries + 1 if before is not None else 1
            is_repeatable = ended.tally is not None and not ended.tally.set_aside
            may_pass = isinstance(error, OSError) or isinstance(error.__cause__, OSError)
            may_pass = may_pass or (isinstance(error, RowsKeptError) and is_repeatable)
            wait_s = doubled_s(LAST_PAUSE_S, tries, LONGEST_PAUSE_S) if may_pass else math.inf
            until = self.recovery.clock.monotonic() + wait_s
            self._left[ended.path] = _Left(_changes(ended.path), reason, until, tries)


def _may_still_be_copied(path: Path) -> bool:
    """Tell whether somebody may be copying a file here: it has no label yet, and was written to just now.

    Half of it would go into the table, and the file to recovered/, where the other half is written.
    """
    with suppress(OSError):
        return not label_path(path).exists() and was_just_written(path.stat())
    return False


def _changes(path: Path) -> tuple[int, ...]:
    """Return what is another once somebody mended a file, its rights or its label: nobody need restart the writer."""
    found: list[int] = []
    for name in (path, label_path(path)):
        with suppress(OSError):
            status = name.stat()
            found += [status.st_mtime_ns, status.st_ctime_ns]
    return tuple(found)
