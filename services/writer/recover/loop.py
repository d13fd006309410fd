"""The one loop that recovers a file, whoever wants it: the command, or the writer by itself.

What differs between them is asked of them: when the next batch may go, and whether a failure ends it for this file.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from services.writer.backup.csv_backup import BackupFailedError
from services.writer.recover.file_recovery import FileRecovery, Recovery, RowsKeptError, Tally
from services.writer.recover.open_file import FileInUseError, RefusedFileError, RowsFile, UnusableFileError
from services.writer.sink import SinkError
from shared.lifecycle import StopFlag

#: What ends a batch for now: the sink does not take it, or what it refused can't be set aside.
Failure: TypeAlias = SinkError | BackupFailedError


class Requester(Protocol):
    """Who wants a file recovered."""

    def begins(self, file: RowsFile) -> None:
        """Hear that a file is begun with."""

    def wait_for_turn(self, recovery: FileRecovery, stop: StopFlag) -> None:
        """Wait until the next batch may go, or until stopped."""

    def went_well(self, file: RowsFile, recovery: FileRecovery) -> None:
        """Hear that a batch is dealt with."""

    def goes_on_after(self, failure: Failure, stop: StopFlag) -> bool:
        """Wait as long as it takes to try the same batch again; False where that ends it."""


@dataclass(frozen=True)
class Ended:
    """How it ended with a file: it is through, or stays where it is for `error`, or because of a stop."""

    path: Path
    moved_to: Path | None = None
    error: Exception | None = None
    #: None where it was not begun with.
    tally: Tally | None = field(default=None)


def recover_file(
    path: Path, recovery: Recovery, requester: Requester, stop: StopFlag, *, max_rows: int, anyway: bool = False
) -> Ended:
    """Put the rows of a file into the table, `max_rows` at a time.

    anyway: also one that was meant for another table, or was changed since it was written.
    """
    try:
        with recovery.opens(path, recovery.sink.target, anyway=anyway) as file:
            return _recover(file, recovery.begin(file), requester, stop, max_rows)
    except (FileInUseError, UnusableFileError) as error:
        if isinstance(error, RefusedFileError):
            recovery.progress.refuses(path, str(error))
        return Ended(path, error=error)


def _recover(file: RowsFile, recovery: FileRecovery, requester: Requester, stop: StopFlag, max_rows: int) -> Ended:
    requester.begins(file)
    try:
        while not stop.is_set():
            requester.wait_for_turn(recovery, stop)
            if stop.is_set():
                break
            try:
                goes_on = recovery.step(max_rows, stop)
            except (SinkError, BackupFailedError) as failure:
                if requester.goes_on_after(failure, stop):
                    continue
                raise
            if not goes_on:
                return Ended(file.path, recovery.finish(), tally=recovery.tally)
            requester.went_well(file, recovery)
    except (SinkError, BackupFailedError, FileInUseError, RowsKeptError, OSError) as error:
        recovery.leave()
        return Ended(file.path, error=error, tally=recovery.tally)
    recovery.leave()
    return Ended(file.path, tally=recovery.tally)
