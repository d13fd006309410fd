"""Files beside the batches: closed, proven, listed, whatever a disk or Redis does."""

from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any

import pytest

from services.writer.backup.csv_backup import IDLE_S, BackupFailedError, CsvBackup, NoRoomForRejectsError
from services.writer.backup.index import Manifest
from services.writer.backup.label import Label, read_label
from services.writer.backup.waiting_rows import waiting_row
from services.writer.deliver.housekeeping import CHECK_INTERVAL_S, MANIFEST_INTERVAL_S, TICK_S, Housekeeping
from services.writer.sink import SinkError, Target, Verdict
from shared.life.faults import Faults
from shared.records.events import Event
from tests.fakes import FakeStop, tag_values
from tests.unit.writer.backup.rows import rows
from tests.unit.writer.deliver.stages import KEYS, LoopStage
from tests.unit.writer.fakes import FakeFile

LOST = SinkError("LOST", "the other side closed the connection", Verdict.CONNECTION_LOST)


class ProvenFile(FakeFile):
    """A file that can be proven; `fault` is what is wrong with it."""

    fault: str | None = None
    #: What is wrong with its directory.
    trouble: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.checks = 0
        self.full = False
        #: How often it was proven, and after how many idle seconds it was to be closed.
        self.proofs: list[float] = []

    def prove(self, *, close_after_s: float) -> None:
        if self.fault:
            raise BackupFailedError(self.fault)
        self.proofs.append(close_after_s)

    def append(self, rows: Sequence[Sequence[Any]]) -> Path:
        if self.full:
            raise NoRoomForRejectsError("the room is kept")
        return super().append(rows)

    def check(self) -> list[str]:
        self.checks += 1
        if self.trouble:
            raise BackupFailedError(self.trouble)
        return []


class Waiting:
    """Rows that wait in memory."""

    def __init__(self, rejects: FakeFile, *raws: bytes) -> None:
        self._file = rejects
        self.raws = list(raws)

    def __call__(self) -> tuple[Path, int] | None:
        if not self.raws:
            return None
        path = self._file.append([[raw] for raw in self.raws])
        count, self.raws = len(self.raws), []
        return path, count


class CountedManifest(Manifest):
    """A list of files that counts how often it is made anew."""

    rebuilds = 0

    def rebuild(self) -> None:
        self.rebuilds += 1
        super().rebuild()


class Stage(LoopStage):
    """Housekeeping over fakes."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.open, self.aside = ProvenFile(), ProvenFile()
        self.waiting = Waiting(self.aside)
        self.manifest = CountedManifest(self.link, KEYS, directory)
        self.keep(self.open)

    def keep(self, backup: CsvBackup) -> None:
        """Keep house over this backup."""
        self.housekeeping = Housekeeping(
            backup=backup, rejects=self.aside, file_waiting_rows=self.waiting, manifest=self.manifest,
            breaker=self.breaker, report=self.report, clock=self.clock,
            faults=Faults(self.events, self.clock, "housekeeping", ends_the_process=False),
        )  # fmt: skip

    def run_for(self, turns: int) -> None:
        self.housekeeping.run(FakeStop(self.clock, after=turns))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_while_oracle_takes_values_the_backup_is_closed_for_who_recovers_it(stage: Stage) -> None:
    stage.run_for(1)
    assert stage.open.proofs[-1] < stage.aside.proofs[-1] == IDLE_S


def test_what_is_spilled_while_oracle_takes_values_goes_into_one_file_and_not_into_one_a_second(
    stage: Stage, tmp_path: Path
) -> None:
    """Kind: a thing for each turn of a loop: 3,600 files an hour while Oracle is too slow."""
    backup = CsvBackup(tmp_path, "backup", stage.clock, rotate_bytes=10**9, min_free_bytes=0)
    stage.keep(backup)
    for _ in range(10):
        backup.append(rows(tag_values(3)))
        stage.run_for(1)
    (path,) = tmp_path.glob("backup_*.csv")
    assert read_label(path) == Label(Target())
    # Expect it to be closed soon after the last of it
    stage.run_for(5)
    assert (label := read_label(path)) is not None
    assert label.rows == 30


def test_in_an_outage_the_backup_stays_open_and_is_proven(stage: Stage) -> None:
    stage.breaker.failed(LOST, stage.clock.monotonic(), last=True)
    stage.run_for(3)
    assert (stage.open.is_finished, stage.open.proofs, stage.aside.proofs) == (False, [inf] * 3, [IDLE_S] * 3)
    stage.breaker.probe_succeeded(stage.clock.monotonic())
    stage.run_for(1)
    assert stage.open.proofs[-1] == IDLE_S, "it may be over: an idle one is closed"


def test_rows_that_waited_for_a_file_are_written(stage: Stage) -> None:
    stage.waiting.raws = [waiting_row(["2026-01-01", "P"])] * 3
    stage.run_for(1)
    assert (len(stage.aside.rows), stage.waiting.raws) == (3, [])


def test_a_file_that_is_not_where_it_was_is_told_once_and_so_is_its_end(stage: Stage) -> None:
    stage.open.fault = "moved away"
    stage.run_for(5)
    assert (stage.events.kinds, stage.report.backup_failure) == ([Event.BACKUP_FAILED], "moved away")
    stage.open.fault = None
    stage.run_for(2)
    assert (stage.events.kinds, stage.report.backup_failure) == ([Event.BACKUP_FAILED, Event.BACKUP_WORKS], None)


def test_the_list_is_made_anew_at_intervals_and_not_at_each_turn(stage: Stage) -> None:
    stage.run_for(int(2.5 * MANIFEST_INTERVAL_S / TICK_S))
    assert stage.manifest.rebuilds == 3


def test_redis_away_keeps_no_file_from_being_seen_to(stage: Stage) -> None:
    stage.link.is_away = True
    stage.run_for(4)
    assert (len(stage.open.proofs), Event.FAULT in stage.events.kinds) == (4, False)


def test_a_directory_that_takes_no_backup_is_told_before_an_outage_needs_it(stage: Stage) -> None:
    """Kind: what is needed on the bad day alone is tried on that day. A full or read-only disk was found out by the
    first batch of an outage, when the buffer had seconds left."""
    stage.run_for(int(2.5 * CHECK_INTERVAL_S / TICK_S))
    assert (stage.open.checks, stage.events.kinds) == (3, [])
    stage.open.trouble = "disk full"
    stage.run_for(int(CHECK_INTERVAL_S / TICK_S))
    assert (stage.events.kinds, stage.report.backup_failure) == ([Event.BACKUP_FAILED], "disk full")
    # And as soon as there is room again it is told, too
    stage.open.trouble = None
    stage.run_for(2)
    assert (stage.events.kinds[1:], stage.report.backup_failure) == ([Event.BACKUP_WORKS], None)


def test_rows_that_wait_since_the_room_is_kept_for_backups_are_no_failure_of_these(stage: Stage) -> None:
    stage.waiting.raws = [waiting_row(["2026-01-01", "P"])] * 3
    stage.aside.full = True
    stage.run_for(3)
    assert (len(stage.waiting.raws), stage.events.kinds, stage.report.backup_failure) == (3, [], None)
    stage.aside.full = False
    stage.run_for(1)
    assert (len(stage.aside.rows), stage.waiting.raws) == (3, [])
