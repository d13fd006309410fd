"""What people ask of a writer about a file of rejected rows: to retry it, or to set it aside, all of it or some rows.

Some rows are taken out into a file of their own first, whose name has the action's id in it: whoever goes on after a
writer that was killed finds how far it came. What a retry is refused again is in another rejected file with its reason.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.writer.backup.directory import backup_files, count_rows, created_at, file_entry
from services.writer.backup.files import SET_ASIDE_DIRECTORY, move_beside, places, shown
from services.writer.backup.format import refused_at, row_example, row_id
from services.writer.backup.label import move_label
from services.writer.backup.locks import is_in_use
from services.writer.recover.open_file import FileInUseError, UnusableFileError
from services.writer.recover.requested import RequestedRecovery, WrongRequestError
from services.writer.recover.take_out import TakenOut, take_out
from shared.acting.actor import Duty, Job, Outcome
from shared.errors import PipelineError
from shared.journal.rejected_examples import MAX_KEPT, RejectedExamples
from shared.records.actions import ActionKind, ActionState
from shared.records.files import REJECTED_HEADER, FileKind, FileStage
from shared.records.rejected import Rejected

#: Bytes of a file's name at most: the action's id follows it in that of a part, and more in a draft's.
_MAX_NAME = 200

#: Where the code stands among a row's cells.
_CODE = REJECTED_HEADER.index("error_code")


@dataclass(frozen=True)
class RequestedRejects:
    """Carries out `retry_rejected_file` and `set_aside_rejected_file`, one at a time."""

    requested: RequestedRecovery
    examples: RejectedExamples

    @property
    def duties(self) -> list[Duty]:
        """What the actor needs to know of it."""
        is_mine, lane = self.requested.is_mine, self.requested.duty.lane
        return [
            Duty(ActionKind.RETRY_REJECTED_FILE, self.retry, is_mine, lane),
            Duty(ActionKind.SET_ASIDE_REJECTED_FILE, self.set_aside, is_mine, lane),
        ]

    def retry(self, job: Job) -> Outcome:
        """Put rows into the table. Raises: PipelineError: what is not there is in a file."""
        with self._failing_as_ours(job):
            path = self._file_of(job)
            return self._already(path) or self.requested.recover(job, [path])

    def set_aside(self, job: Job) -> Outcome:
        """Move rows to `set_aside/`, where they wait for nobody. Raises: PipelineError: they are in a file."""
        with self._failing_as_ours(job):
            path = self._file_of(job)
            if (already := self._already(path)) is not None:
                return already
            rows = count_rows(path)
            moved_to = move_beside(path, SET_ASIDE_DIRECTORY)
            move_label(path, moved_to)
        self.requested.manifest.forget(path)
        self.requested.manifest.flush()
        self.examples.forget_file(path.name, self.requested.manifest.place)
        job.unit, job.done, job.total = "rows", rows, rows
        return Outcome(ActionState.DONE, f"{rows} rows are in {shown(moved_to)}; they stay counted as rejected")

    @contextmanager
    def _failing_as_ours(self, job: Job) -> Iterator[None]:
        """Make an error of ours of what the file system says, with where the rows are now."""
        try:
            yield
        except OSError as error:
            part = self._part_of(job)
            where = f"they wait in {part.name} now" if part.exists() else "its rows are where they were"
            raise UnusableFileError(f"{job.action.target}: {error.strerror or error}; {where}") from error

    def _path_of(self, job: Job) -> Path:
        # Who writes to Redis may name anything; nothing else that lies there is moved or read for it.
        name = job.action.target or ""
        if (
            Path(name).name != name
            or len(os.fsencode(name)) > _MAX_NAME
            or not (FileKind.REJECTED.is_of(name) and name.endswith(".csv"))
        ):
            raise WrongRequestError(f"{name!r} is no file of rejected rows")
        return self.requested.settings.backup_dir / name

    def _part_of(self, job: Job) -> Path:
        path = self._path_of(job)
        return path.with_name(f"{path.stem}_{job.action.id}.csv")

    def _already(self, path: Path) -> Outcome | None:
        """Return what came of it where an earlier attempt did it; None where the file is there."""
        if path.exists():
            return None
        for place in places(path.parent):
            if (place / path.name).exists():
                return Outcome(ActionState.DONE, f"done already: it is {shown(place / path.name)}")
        raise WrongRequestError(f"no file {path.name!r} waits in {self.requested.settings.backup_dir}")

    def _file_of(self, job: Job) -> Path:
        """Return the file that holds what is meant and nothing else, whether it is there or not.

        Raises: WrongRequestError; FileInUseError.
        """
        path = self._path_of(job)
        ids, codes = (frozenset(str(job.action.options.get(name, "")).split()) for name in ("ids", "codes"))
        # A writer's own file is closed for it; that of another one is by itself, 10 s after its last row.
        self.requested.recovery.rejects.finish()
        is_there = path in backup_files(self.requested.settings.backup_dir)
        if is_there and is_in_use(path):
            raise FileInUseError(f"{shown(path)}: a writer still writes it; it closes it 10 s after its last row")
        if not ids and not codes:
            return path
        part = self._part_of(job)
        if is_there:

            def is_chosen(cells: Sequence[str]) -> bool:
                by_code = len(cells) == len(REJECTED_HEADER) and cells[_CODE] in codes
                return (not codes or by_code) and (not ids or row_id(cells) in ids)

            taken = take_out(path, part, is_chosen, MAX_KEPT)
            if taken.rows:
                self._tell(path, part, taken)
        if not is_there or not (taken.rows or part.exists()):
            self._nothing_unless_done(path, part)
        return part

    def _nothing_unless_done(self, path: Path, part: Path) -> None:
        if not any((place / part.name).exists() for place in places(part.parent)):
            raise WrongRequestError(
                f"none of these rows is in {shown(path)}: retried, set aside or edited since, or taken out into "
                "another file by an action that failed; /api/rejections says where they are"
            )

    def _tell(self, path: Path, part: Path, taken: TakenOut) -> None:
        """Say where the rows are now; that it can't be said costs nothing but that."""
        for file, rows in ((part, taken.rows), (path, taken.left)):
            if file.exists():
                size, created = file.stat().st_size, created_at(file)
                waiting = file_entry(file, FileStage.WAITING, rows=rows, size_bytes=size, created=created)
                self.requested.manifest.note(file, waiting)
            else:
                self.requested.manifest.forget(file)
        self.requested.manifest.flush()
        try:
            for code in {cells[_CODE] for cells in taken.cells if len(cells) > _CODE}:
                ids = [row_id(cells) for cells in taken.cells if len(cells) > _CODE and cells[_CODE] == code]
                self.examples.forget(Rejected.ROW, code, ids)
        except PipelineError:
            return
        for cells in taken.cells:
            at = refused_at(cells)
            if at is not None:
                self.examples.note(
                    Rejected.ROW, cells[_CODE], at, row_example(cells, at, part.name, self.requested.manifest.place)
                )
        self.examples.flush()
