"""Recovering one backup file: read, insert, set aside what the table does not take, move the file.

Idempotent: the table's key tells which rows are there already, so it may be interrupted anywhere and begun again. One
loop for whoever wants it, the command or the writer by itself; what differs between them is asked of the requester:
when the next batch may go, and whether a failure ends it for this file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol, TypeAlias

from services.writer.backup.csv_backup import BackupFailedError, CsvBackup
from services.writer.backup.files import shown
from services.writer.backup.format import rejected_row
from services.writer.backup.reader import ReadBatch
from services.writer.deliver.insertion import Insertion, insert_with_retries
from services.writer.deliver.report import tell_conflicts
from services.writer.recover.open_file import FileInUseError, OpenFile, RefusedFileError, RowsFile, UnusableFileError
from services.writer.recover.progress import RecoveryProgress
from services.writer.sink import CONFLICT, RowError, Sink, SinkError, Target
from shared.clock import Clock
from shared.errors import TransientError
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.models import TagValue
from shared.records.files import FileStage

#: Bad lines of one file that are logged one by one.
BAD_LINES_NAMED = 10

#: What ends a batch for now: the sink does not take it, or what it refused can't be set aside.
Failure: TypeAlias = SinkError | BackupFailedError

_log = get_logger()


@dataclass
class Tally:
    """What became of the rows of one file, or of several. Unit: rows."""

    read: int = 0
    written: int = 0
    duplicates: int = 0  #: in the table already
    conflicts: int = 0  #: the table holds another value or quality under the same key: in a rejected_*.csv
    rejected: int = 0  #: the table can't hold them: in a rejected_*.csv
    bad_lines: int = 0  #: no values: in a rejected_*.csv
    torn: int = 0  #: torn last lines
    kept: int = 0  #: not taken now, though others were: their file stays

    @property
    def set_aside(self) -> int:
        """Rows that are in a rejected_*.csv now: recovered again, they would be there twice."""
        return self.conflicts + self.rejected + self.bad_lines

    @classmethod
    def of_all(cls, tallies: Sequence["Tally"]) -> "Tally":
        """Return the sums over several files."""
        return cls(*(sum(getattr(tally, figure.name) for tally in tallies) for figure in fields(cls)))

    def __str__(self) -> str:
        parts = [f"{self.read} rows read, {self.written} written, {self.duplicates} in the table already"]
        parts += [f"{self.conflicts} there with another value (rejected)"] if self.conflicts else []
        parts += [f"{self.rejected} rejected"] if self.rejected else []
        parts += [f"{self.bad_lines} bad lines"] if self.bad_lines else []
        parts += [f"{self.kept} not taken now"] if self.kept else []
        parts += ["last line torn" if self.torn == 1 else f"{self.torn} torn last lines"] if self.torn else []
        return ", ".join(parts)


class RowsKeptError(TransientError):
    """The table does not take rows of a file now, though it takes others: the file stays, to be recovered again."""


class Opens(Protocol):
    """Opens a file for one table. Raises: FileInUseError, UnusableFileError."""

    def __call__(self, path: Path, here: Target | None, /, *, anyway: bool) -> RowsFile:
        """Return the file."""


class Requester(Protocol):
    """Who wants a file recovered."""

    def begins(self, file: RowsFile) -> None:
        """Hear that a file is begun with."""

    def wait_for_turn(self, tally: Tally, stop: StopFlag) -> None:
        """Wait until the next batch may go, or until stopped."""

    def went_well(self, file: RowsFile, tally: Tally) -> None:
        """Hear that a batch is dealt with."""

    def goes_on_after(self, failure: Failure, stop: StopFlag) -> bool:
        """Wait as long as it takes to try the same batch again; False where that ends it."""


@dataclass(frozen=True)
class Ended:
    """How it ended with a file: it is through, or stays where it is for `error`, or because of a stop."""

    path: Path
    moved_to: Path | None = None
    error: Exception | None = None
    tally: Tally | None = None  #: None where it was not begun with


@dataclass(frozen=True)
class Recovery:
    """Recovers files, one batch at a time."""

    sink: Sink
    rejects: CsvBackup
    progress: RecoveryProgress
    clock: Clock
    retry_delays_s: Sequence[float]
    opens: Opens = OpenFile

    def recover(
        self, path: Path, requester: Requester, stop: StopFlag, *, max_rows: int, anyway: bool = False
    ) -> Ended:
        """Put the rows of a file into the table, `max_rows` at a time.

        anyway: also one that was meant for another table, or was changed since it was written.
        """
        try:
            with self.opens(path, self.sink.target, anyway=anyway) as file:
                return _FileRecovery(self, file).run(requester, stop, max_rows)
        except (FileInUseError, UnusableFileError) as error:
            if isinstance(error, RefusedFileError):
                self.progress.refuses(path, str(error))
            return Ended(path, error=error)


class _FileRecovery:
    """One file on its way into the table."""

    def __init__(self, recovery: Recovery, file: RowsFile) -> None:
        self._all = recovery
        self._file = file
        self._batch: ReadBatch | None = None
        self._insert = Insertion(())
        self._first_conflict: tuple[TagValue, RowError] | None = None
        #: Why rows were not taken while others were, by code.
        self._kept: dict[str, SinkError] = {}
        self._tally = Tally()

    def run(self, requester: Requester, stop: StopFlag, max_rows: int) -> Ended:
        """Deal with the file until it is through, stays, or all is stopped."""
        path, error = self._file.path, None
        self._all.progress.stays(path, FileStage.RECOVERING, self._file.size_bytes)
        requester.begins(self._file)
        try:
            while not stop.is_set():
                requester.wait_for_turn(self._tally, stop)
                if stop.is_set():
                    break
                try:
                    goes_on = self._step(max_rows, stop)
                except (SinkError, BackupFailedError) as failure:
                    if requester.goes_on_after(failure, stop):
                        continue
                    raise
                if not goes_on:
                    return Ended(path, self._finish(), tally=self._tally)
                requester.went_well(self._file, self._tally)
        except (SinkError, BackupFailedError, FileInUseError, RowsKeptError, OSError) as why:
            error = why
        self._leave()
        return Ended(path, error=error, tally=self._tally)

    def _step(self, max_rows: int, stop: StopFlag) -> bool:
        """Deal with the next batch; return False when there is none.

        Raises: SinkError, BackupFailedError: call it again to go on where it stands; OSError: the file.
        """
        if self._batch is None:
            self._batch = self._file.reader.read(max_rows)
            self._insert = Insertion(self._batch.values)
        batch, insert = self._batch, self._insert
        if not batch.rows:
            return False
        written_before = insert.written
        try:
            if insert.pending:
                delays_s = self._all.retry_delays_s
                error = insert_with_retries(insert, self._all.sink, delays_s, stop, known=self._kept)
                if error is not None:
                    if stop.is_set() or not insert.is_alone:
                        raise error
                    # One month that takes nothing holds up no other.
                    self._kept.setdefault(error.code, error)
        finally:
            self._all.progress.wrote(insert.written - written_before)
        self._set_aside(batch, insert)
        self._batch = None
        self._count(batch, insert)
        return True

    def _finish(self) -> Path:
        """Put the file, which is through, away; return where it is now.

        Raises: RowsKeptError: it stays, with rows that the table does not take now. OSError: it stays; recovered again,
            all its rows are duplicates. FileInUseError: a writer wrote to it meanwhile, on a mount that has no locks;
            it stays, too.
        """
        if self._kept:
            reasons = "; ".join(map(str, self._kept.values()))
            raise RowsKeptError(
                f"{self._file.name}: stays, the table does not take {self._tally.kept} of its rows now, while it takes "
                f"others: {reasons}. Recover it again once that is mended: what is there is skipped"
            )
        self._tally.torn = int(self._file.reader.torn_line is not None)
        if self._tally.torn:
            _log.warning(
                f"{self._file.name}: line {self._file.reader.torn_line} is torn and left out; the writer that was "
                "killed while writing it had settled none of that batch"
            )
        path = self._file.path
        moved_to = self._file.put_away()
        if self._first_conflict is not None:
            tell_conflicts(self._all.progress.events, self._tally.conflicts, *self._first_conflict)
        told = f"{shown(Path(path.name))}: {self._tally}"
        self._all.progress.finished(path, moved_to, self._tally.read, self._file.size_bytes, told)
        return moved_to

    def _leave(self) -> None:
        """Say that the file stays where it is; what is in the table of the batch begun last counts."""
        if self._batch is not None:
            self._tally.read += self._insert.written + len(self._insert.duplicates)
            self._tally.written += self._insert.written
            self._tally.duplicates += len(self._insert.duplicates)
            self._batch = None
        self._all.progress.stays(self._file.path, FileStage.WAITING, self._file.size_bytes)

    def _set_aside(self, batch: ReadBatch, insert: Insertion) -> None:
        attempted_at = self._all.clock.now().isoformat(timespec="milliseconds")
        name = shown(Path(self._file.path.name))
        rows: list[tuple[object, ...]] = [line.rejected_row(name, attempted_at) for line in batch.bad_lines]
        rows += [rejected_row(value, attempted_at, error) for value, error in insert.rejected]
        if not rows:
            return
        aside = self._all.rejects.append(rows)
        self._all.progress.rejected(rows, aside)
        for line in batch.bad_lines[: max(0, BAD_LINES_NAMED - self._tally.bad_lines)]:
            _log.warning(f"{self._file.name} line {line.line}: {line.reason}; set aside in {aside}")
        if insert.rejected:
            value, error = insert.rejected[0]
            _log.warning(
                f"{self._file.name}: {len(insert.rejected)} rows rejected, set aside in {aside}; "
                f"first: {value.tag_name} at {value.timestamp}: {error.message}"
            )

    def _count(self, batch: ReadBatch, insert: Insertion) -> None:
        self._tally.read += batch.rows
        self._tally.written += insert.written
        self._tally.duplicates += len(insert.duplicates)
        self._tally.kept += len(insert.pending)
        conflicts = [(value, error) for value, error in insert.rejected if error.code == CONFLICT]
        self._first_conflict = self._first_conflict or next(iter(conflicts), None)
        self._tally.conflicts += len(conflicts)
        self._tally.rejected += len(insert.rejected) - len(conflicts)
        self._tally.bad_lines += len(batch.bad_lines)
