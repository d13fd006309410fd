"""Files put into the table because a person wants it, at the terminal or through the monitor: one after the other.

Or only looked into (--dry-run): what is in them, and how much of it the table holds already.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from services.writer.backup.csv_backup import BackupFailedError
from services.writer.backup.directory import backup_files
from services.writer.backup.files import in_directory, shown
from services.writer.recover.console import DONE, INTERRUPTED, LEFT, Listener
from services.writer.recover.file_recovery import BAD_LINES_NAMED, Ended, Failure, Recovery, Tally
from services.writer.recover.open_file import FileInUseError, RowsFile, UnusableFileError
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError
from shared.lifecycle import StopFlag
from shared.models import TagValue
from shared.records.files import FileKind

#: Rows of a file that a dry run looks up in the table: one query.
ROWS_LOOKED_UP = 200


def find_files(names: Sequence[Path], directory: Path) -> list[Path]:
    """Return the files to recover: those named, where they are or in `directory`; else all backups, oldest first.

    Raises: UnusableFileError: the directory is not there, or can't be listed.
    """
    if names:
        return [in_directory(name, directory) for name in names]
    try:
        files = backup_files(directory, FileKind.BACKUP)
    except OSError as error:
        raise UnusableFileError(f"{shown(directory)} can't be listed: {error.strerror}") from error
    if not files and not directory.is_dir():
        raise UnusableFileError(f"{shown(directory)}: no such directory. BACKUP_DIR is the writer's, on its host")
    return files


class Wish(NamedTuple):
    """How a person wants it."""

    dry_run: bool  #: read, count and look up; write nothing
    max_rows_per_s: float | None
    anyway: bool  #: files too that were meant for another table, or were changed since they were written


@dataclass
class Run:
    """One run over files, for a person; it is who requests each file."""

    settings: WriterSettings
    recovery: Recovery
    console: Listener
    stop: StopFlag
    wish: Wish
    command: str = "recover"  #: that a person repeats after a failure

    def __post_init__(self) -> None:
        self._batch_rows = self.settings.buffer_batch_size_max
        if self.wish.max_rows_per_s is not None:
            # A slow pace in small steps: live values shall not wait for a large batch either.
            self._batch_rows = max(1, min(self._batch_rows, round(self.wish.max_rows_per_s)))
        self._tallies: list[Tally] = []
        self._status = DONE
        self._began_at = 0.0

    def over(self, files: Sequence[Path]) -> int:
        """Put files into the table one after the other; return the exit status."""
        if self.wish.dry_run:
            return self._look_into(files)
        if not files:
            self.console.say(f"Nothing to recover: no backup_*.csv in {self.settings.backup_dir}")
        elif not self._reaches_database():
            return self._status
        began_at = monotonic()
        for path in files:
            ended = self.recovery.recover(path, self, self.stop, max_rows=self._batch_rows, anyway=self.wish.anyway)
            if not self._goes_on_with_next(ended):
                break
        self.console.summary(self._tallies, monotonic() - began_at)
        return self._status

    def _reaches_database(self) -> bool:
        """Ask the database its name: files know whose they are. False when a person must act first."""
        sink = self.recovery.sink
        try:
            sink.probe()
            sink.inspect()
        except SinkError as error:
            if error.needs_a_person:
                self._fail(f"Oracle: {error}. All files stay where they are; `check` finds the cause")
                return False
            # It may be back when the first file is through with its retries.
        if sink.table_warning is not None and not self.wish.anyway:
            self._fail(f"{sink.table_warning}. All files stay where they are; --anyway puts them in all the same, once")
            return False
        if sink.table_warning is not None:
            self.console.say(f"anyway: {sink.table_warning}")
        return True

    def begins(self, file: RowsFile) -> None:
        """Say what is begun with, and how far it can be trusted."""
        for note in file.notes:
            self.console.say(note)
        self.console.begins(file)
        self._began_at = monotonic()

    def wait_for_turn(self, tally: Tally, stop: StopFlag) -> None:
        """Keep to the rate."""
        if self.wish.max_rows_per_s is not None:
            stop.wait(self._began_at + tally.read / self.wish.max_rows_per_s - monotonic())

    def went_well(self, file: RowsFile, tally: Tally) -> None:
        """Show how far it is."""
        self.console.progresses(file, tally.read)

    def goes_on_after(self, _failure: Failure, _stop: StopFlag) -> bool:
        """End with the file: its retries are used up, and a person waits."""
        return False

    def _goes_on_with_next(self, ended: Ended) -> bool:
        """Say how it ended with a file; return whether to go on with the next."""
        name, error, tally = shown(ended.path), ended.error, ended.tally
        if tally is None:
            self._pass_over(error)
            return True
        self._tallies.append(tally)
        if ended.moved_to is not None:
            place = "" if ended.moved_to == ended.path else f"; now {shown(ended.moved_to)}"
            self.console.ends(f"{name}: {tally}{place}")
            return True
        if error is None:
            self.console.ends(f"{name}: interrupted after {tally}. Run it again: what is there is skipped")
            self._status = INTERRUPTED
            return False
        self.console.ends(f"{name}: left where it is after {tally}")
        if not isinstance(error, SinkError):
            self._fail(f"{name}: {error.strerror}" if isinstance(error, OSError) else str(error))
            # What ails this file need not ail the next; that refused rows can't be set aside does.
            return not isinstance(error, BackupFailedError)
        if self.stop.is_set():
            self._status = INTERRUPTED
        else:
            self._fail(f"Oracle: {error}. When it is available, run `{self.command}` again; `check` finds the cause")
        return False

    def _look_into(self, files: Sequence[Path]) -> int:
        """Say what is in each file; write and move nothing."""
        read = list[Tally]()
        for path in files:
            try:
                # What would be refused is read all the same: it is what somebody wants to know who asks.
                with self.recovery.opens(path, self.recovery.sink.target, anyway=True) as file:
                    if file.warning is not None:
                        self._fail(f"would be refused without --anyway: {file.warning}")
                    tally, sample = self._read_through(file)
            except (FileInUseError, UnusableFileError, OSError) as error:
                self._pass_over(error)
                continue
            read.append(tally)
            torn = ", last line torn" if tally.torn else ""
            self.console.say(
                f"{shown(path)}: {tally.read:,} rows, {tally.bad_lines} bad lines{torn}; {self._look_up(sample)}"
            )
            if self.stop.is_set():
                return INTERRUPTED
        rows = sum(tally.read for tally in read)
        self.console.say(f"Dry run: {len(read)} files, {rows:,} rows; nothing was written or moved")
        return self._status

    def _read_through(self, file: RowsFile) -> tuple[Tally, list[TagValue]]:
        """Return what is in a file, and rows of it chosen evenly at random."""
        tally, sample = Tally(), list[TagValue]()
        chooser = random.Random(0)
        while not self.stop.is_set() and (batch := file.reader.read(self.settings.buffer_batch_size_max)).rows:
            for line in batch.bad_lines[: max(0, BAD_LINES_NAMED - tally.bad_lines)]:
                self.console.say(f"{file.name} line {line.line}: {line.reason}")
            tally.bad_lines += len(batch.bad_lines)
            for seen, value in enumerate(batch.values, tally.read - tally.bad_lines):
                place = len(sample) if len(sample) < ROWS_LOOKED_UP else chooser.randrange(seen + 1)
                if place < ROWS_LOOKED_UP:
                    sample[place : place + 1] = [value]
            tally.read += batch.rows
        tally.torn = int(file.reader.torn_line is not None)
        return tally, sample

    def _look_up(self, sample: list[TagValue]) -> str:
        if not sample:
            return "nothing to look up"
        try:
            found = sum(stored is not None for stored in self.recovery.sink.lookup(sample))
        except SinkError as error:
            return f"not looked up in the table ({error})"
        return f"of {len(sample)} looked up {found} are in the table already"

    def _pass_over(self, error: Exception | None) -> None:
        """Say why a file was not begun with; one that is in use is left for later, and no fault."""
        if isinstance(error, FileInUseError):
            self.console.say(str(error))
        else:
            self._fail(str(error))

    def _fail(self, text: str) -> None:
        self.console.error(text)
        self._status = LEFT
