"""Putting backup files back by itself (BACKUP_AUTO_RECOVER=true): only while nothing else is in need of Oracle."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.writer.backup.csv_backup import BackupFailedError
from services.writer.backup.files import shown
from services.writer.backup.index import backup_files
from services.writer.deliver.breaker import Breaker, State
from services.writer.recover.file_recovery import FileRecovery, Recovery
from services.writer.recover.open_file import FileInUseError, OpenFile, RefusedFileError, UnusableFileError
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError
from shared.backoff import Backoff
from shared.buffer import TagBuffer
from shared.clock import Clock
from shared.errors import RedisUnavailableError
from shared.lifecycle import StopFlag
from shared.logs import get_logger

#: Share of BUFFER_MAX_SIZE below which there is time for backup files.
CALM_SHARE = 0.2

#: Seconds between two looks whether there is time, and whether there is a file.
TIME_LOOK_S, FILES_LOOK_S = 1.0, 5.0

#: First and last seconds of rest after Oracle failed, at most; doubled each time.
FIRST_REST_S, LAST_REST_S = 5.0, 300.0

_log = get_logger()


class AutoRecover:
    """The loop; in a thread of its own."""

    def __init__(
        self, recovery: Recovery, breaker: Breaker, buffer: TagBuffer, settings: WriterSettings, clock: Clock
    ) -> None:
        self._recovery = recovery
        self._breaker = breaker
        self._buffer = buffer
        self._settings = settings
        self._clock = clock
        self._calm_depth = CALM_SHARE * settings.buffer_max_size
        #: Files that are not put back, by when they were changed last: who mends one need not restart the writer.
        self._unusable: dict[Path, int] = {}
        self._backoff = Backoff(FIRST_REST_S, LAST_REST_S)

    def run(self, stop: StopFlag) -> None:
        """Put files back, the oldest first, until stopped."""
        while not stop.is_set():
            if not self.run_once(stop):
                stop.wait(FILES_LOOK_S)

    def run_once(self, stop: StopFlag) -> bool:
        """Put one file back; return whether there was one to put back and time for it."""
        if not self._has_time():
            return False
        for path in backup_files(self._settings.backup_dir):
            if path.name.startswith("backup_") and self._unusable.get(path) != _changed_at(path):
                with self._opened(path) as file:
                    if file is not None:
                        self._put_back(file, stop)
                        return True
        return False

    def _has_time(self) -> bool:
        try:
            return self._breaker.state is State.CLOSED and self._buffer.depth() < self._calm_depth
        except RedisUnavailableError:
            return False

    @contextmanager
    def _opened(self, path: Path) -> Iterator[OpenFile | None]:
        try:
            file = OpenFile(path, self._recovery.sink.target)
        except FileInUseError:
            yield None
            return
        except UnusableFileError as error:
            self._give_up(path, str(error))
            if isinstance(error, RefusedFileError):
                self._recovery.diary.refuses(path, str(error))
            yield None
            return
        with file:
            yield file

    def _put_back(self, file: OpenFile, stop: StopFlag) -> None:
        _log.info(f"Putting {file.name} back into the table ({file.size_bytes} bytes)")
        recovery = self._recovery.begin(file)
        try:
            while not stop.is_set():
                if not self._has_time():
                    stop.wait(TIME_LOOK_S)
                elif not self._step(recovery, stop):
                    moved_to = recovery.finish()
                    _log.info(f"Put back {file.name}: {recovery.tally}; now {shown(moved_to)}")
                    return
            recovery.leave()
        except FileInUseError as error:
            _log.info(str(error))
            recovery.leave()
        except OSError as error:
            self._give_up(file.path, f"{file.name}: {error.strerror}; left where it is")
            recovery.leave()
        finally:
            self._recovery.diary.flush()

    def _step(self, recovery: FileRecovery, stop: StopFlag) -> bool:
        """Deal with one batch; rest after a failure. Returns False when the file is through."""
        try:
            more = recovery.step(self._settings.buffer_batch_size_max, stop)
        except SinkError as error:
            rest_s = self._backoff.next_s()
            _log.warning(f"Putting files back rests for {rest_s:.0f} s: {error}")
            stop.wait(rest_s)
            return True
        except BackupFailedError as error:
            _log.warning(f"Putting files back rests for {LAST_REST_S:.0f} s, refused rows can't be kept: {error}")
            stop.wait(LAST_REST_S)
            return True
        self._backoff.reset()
        return more

    def _give_up(self, path: Path, reason: str) -> None:
        self._unusable[path] = _changed_at(path)
        _log.error(f"Not put back by itself: {reason}")


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
