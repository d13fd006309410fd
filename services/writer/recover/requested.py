"""Recovering files because somebody asked through the monitor: what the command does, told to the action."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from services.writer.backup.csv_backup import BackupFailedError, CsvBackup
from services.writer.backup.directory import backup_files, rows_in
from services.writer.backup.files import shown
from services.writer.backup.index import Manifest
from services.writer.recover.console import DONE, INTERRUPTED, LEFT, Listener
from services.writer.recover.file_recovery import Recovery, Tally
from services.writer.recover.open_file import RowsFile
from services.writer.recover.run import Run, Wish, find_files
from services.writer.settings import WriterSettings
from shared.acting.actor import Duty, Job, Outcome
from shared.errors import RejectedError
from shared.records.actions import Action, ActionKind, ActionState

#: Lines that an outcome repeats.
_LINES = 3

_STATES = {DONE: ActionState.DONE, INTERRUPTED: ActionState.STOPPED}


class WrongRequestError(RejectedError):
    """What is asked for can't be done by this writer, now or later; the text says why."""


@dataclass(frozen=True)
class RequestedRecovery:
    """Carries out `recover`, one action at a time."""

    recovery: Recovery
    backup: CsvBackup
    manifest: Manifest
    settings: WriterSettings

    @property
    def duty(self) -> Duty:
        """What the actor needs to know of it."""
        return Duty(ActionKind.RECOVER, self.carry_out, self.is_mine, lane="files")

    def is_mine(self, action: Action) -> bool:
        """Tell whether the files that an action is about lie in this writer's directory."""
        return action.place is None or self.manifest.is_here(action.place)

    def carry_out(self, job: Job) -> Outcome:
        """Recover what is asked for; return what came of it. Raises: WrongRequestError."""
        # Else its own file would be left out as one that is still written.
        with suppress(BackupFailedError):
            self.backup.finish()
        return self.recover(job, self._files(job.action.target))

    def recover(self, job: Job, files: Sequence[Path]) -> Outcome:
        """Recover these files as an action's options say; return what came of it. Raises: WrongRequestError."""
        options = job.action.options
        rate = options.get("rate")
        if rate is not None and (isinstance(rate, bool | str) or rate <= 0):
            raise WrongRequestError(f"rate {rate!r} is no number of rows a second")
        wish = Wish(options.get("dry_run") is True, rate, options.get("anyway") is True)
        told = _Told(job)
        job.unit, job.total, job.done = "rows", sum(rows_in(path) or 0 for path in files), 0
        status = Run(self.settings, self.recovery, told, job.stop, wish).over(files)
        self.recovery.progress.flush()
        if status == DONE and files and not told.files and not wish.dry_run:
            status = LEFT
        return Outcome(_STATES.get(status, ActionState.FAILED), told.outcome)

    def _files(self, target: str | None) -> list[Path]:
        """Return the files of this directory that are meant: whoever asks names no other path."""
        directory = self.settings.backup_dir
        if target is None:
            return find_files((), directory)
        try:
            files = [path for path in backup_files(directory) if path.name == target]
        except OSError as error:
            raise WrongRequestError(f"{shown(directory)} can't be listed: {error.strerror}") from error
        if not files:
            raise WrongRequestError(f"no file {target!r} waits in {directory}: it may be recovered already")
        return files


@dataclass
class _Told(Listener):
    """Hears how far it is, for the action."""

    job: Job
    files: int = 0  #: that were begun with
    rows_before: int = 0  #: of the files before
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """What came of it: what went wrong first."""
        lines = self.errors or self.lines
        further = f"; and {len(lines) - _LINES} lines more" if len(lines) > _LINES else ""
        return "; ".join(lines[-_LINES:]) + further

    def say(self, text: str) -> None:
        """Keep it for the outcome."""
        self.lines.append(text)

    def error(self, text: str) -> None:
        """Keep it, in front of all else."""
        self.errors.append(text)

    def begins(self, _file: RowsFile) -> None:
        """Count on from what is done."""
        self.files += 1
        self.rows_before = self.job.done or 0

    def progresses(self, _file: RowsFile, rows: int) -> None:
        """Say how many rows are done."""
        self.job.done = self.rows_before + rows

    ends = say

    def summary(self, tallies: Sequence[Tally], _seconds: float) -> None:
        """Keep the sum of several files."""
        if len(tallies) > 1:
            self.lines.append(f"all {len(tallies)} files: {Tally.of_all(tallies)}")
