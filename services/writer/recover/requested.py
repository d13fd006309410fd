"""Recovering files because somebody asked through the monitor: what the command does, told to the action."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from services.writer.backup.csv_backup import BackupFailedError, CsvBackup
from services.writer.backup.directory import backup_files, count_rows
from services.writer.backup.files import shown
from services.writer.backup.index import Manifest
from services.writer.recover.console import DONE, INTERRUPTED, LEFT, Listener
from services.writer.recover.dry_run import DryRun
from services.writer.recover.file_recovery import Recovery, Tally
from services.writer.recover.run import Run, find_files
from services.writer.settings import WriterSettings
from shared.acting.actor import Duty, Job, Outcome
from shared.errors import RejectedError
from shared.records.actions import Action, ActionKind, ActionState

#: Lines that an outcome repeats.
_LINES = 3

_STATES = {DONE: ActionState.DONE, INTERRUPTED: ActionState.STOPPED}


class WrongRequestError(RejectedError):
    """What is asked for can't be done by this writer, now or later; the text says why."""


class RequestedRecovery:
    """Carries out `recover`, one action at a time."""

    def __init__(self, recovery: Recovery, backup: CsvBackup, manifest: Manifest, settings: WriterSettings) -> None:
        self._recovery = recovery
        self._backup = backup
        self._manifest = manifest
        self._settings = settings

    @property
    def duty(self) -> Duty:
        """What the actor needs to know of it."""
        return Duty(ActionKind.RECOVER, self.carry_out, self.is_mine, lane="files")

    def is_mine(self, action: Action) -> bool:
        """Tell whether the files that an action is about lie in this writer's directory."""
        return action.place is None or self._manifest.is_here(action.place)

    def carry_out(self, job: Job) -> Outcome:
        """Recover what is asked for; return what came of it. Raises: WrongRequestError."""
        # Else its own file would be left out as one that is still written.
        with suppress(BackupFailedError):
            self._backup.finish()
        return self.recover(job, self._files(job.action.target))

    def recover(self, job: Job, files: Sequence[Path]) -> Outcome:
        """Recover these files as an action's options say; return what came of it. Raises: WrongRequestError."""
        options = job.action.options
        rate = options.get("rate")
        if rate is not None and (isinstance(rate, bool | str) or rate <= 0):
            raise WrongRequestError(f"rate {rate!r} is no number of rows a second")
        told = _Told(job)
        job.unit, job.total, job.done = "rows", sum(map(_rows, files)), 0
        if options.get("dry_run") is True:
            most = self._settings.buffer_batch_size_max
            status = DryRun(self._recovery.sink, told, job.stop, most).run(files)
        else:
            anyway = options.get("anyway") is True
            run = Run(self._settings, self._recovery, told, job.stop, max_rows_per_s=rate, anyway=anyway)
            status = run.recover(files)
            self._recovery.progress.flush()
            if status == DONE and files and not told.files:
                status = LEFT
        return Outcome(_STATES.get(status, ActionState.FAILED), told.outcome)

    def _files(self, target: str | None) -> list[Path]:
        """Return the files of this directory that are meant: whoever asks names no other path."""
        directory = self._settings.backup_dir
        if target is None:
            return find_files((), directory)
        try:
            files = [path for path in backup_files(directory) if path.name == target]
        except OSError as error:
            raise WrongRequestError(f"{shown(directory)} can't be listed: {error.strerror}") from error
        if not files:
            raise WrongRequestError(f"no file {target!r} waits in {directory}: it may be recovered already")
        return files


class _Told(Listener):
    """Hears how far it is, for the action."""

    def __init__(self, job: Job) -> None:
        self._job = job
        #: Files that were begun with.
        self.files = 0
        self._before = 0  #: rows of the files before
        self._lines: list[str] = []
        self._errors: list[str] = []

    @property
    def outcome(self) -> str:
        """What came of it: what went wrong first."""
        lines = self._errors or self._lines
        further = f"; and {len(lines) - _LINES} lines more" if len(lines) > _LINES else ""
        return "; ".join(lines[-_LINES:]) + further

    def say(self, text: str) -> None:
        """Keep it for the outcome."""
        self._lines.append(text)

    def error(self, text: str) -> None:
        """Keep it, in front of all else."""
        self._errors.append(text)

    def begins(self, path: Path, size_bytes: int) -> None:
        """Count on from what is done."""
        del path, size_bytes
        self.files += 1
        self._before = self._job.done or 0

    def progresses(self, path: Path, position: int, size_bytes: int, rows: int) -> None:
        """Say how many rows are done."""
        del path, position, size_bytes
        self._job.done = self._before + rows

    ends = say

    def summary(self, tallies: Sequence[Tally], seconds: float) -> None:
        """Keep the sum of several files."""
        del seconds
        if len(tallies) > 1:
            self._lines.append(f"all {len(tallies)} files: {Tally.of_all(tallies)}")


def _rows(path: Path) -> int:
    try:
        return count_rows(path)
    except OSError:
        return 0
