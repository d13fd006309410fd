import csv
import fcntl
import os
import resource
import tempfile
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.writer.backup.csv_backup import BackupFailedError, CsvBackup, NoRoomForRejectsError
from services.writer.backup.directory import backup_files, count_rows
from shared.models import TagValue
from shared.records.files import BackupFile
from tests.csv_lines import complete_lines
from tests.fakes import FakeClock, tag_values
from tests.unit.writer.backup.rows import rows

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def backup(
    directory: Path, clock: FakeClock | None = None, entries: list[BackupFile] | None = None, **limits: int
) -> CsvBackup:
    return CsvBackup(
        directory,
        "backup",
        clock or FakeClock(),
        rotate_bytes=limits.get("rotate_bytes", 10**9),
        min_free_bytes=limits.get("min_free_bytes", 0),
        on_change=lambda _path, entry: None if entries is None else entries.append(entry),
    )


@pytest.mark.req("FR-011", "FR-012", "SC-004")
def test_a_file_has_the_name_the_header_and_the_rows_of_the_contract(tmp_path: Path) -> None:
    path = backup(tmp_path).append(rows(tag_values(2)))
    assert path.name == "backup_20260101_001640.csv"
    assert path.read_text("utf-8").splitlines() == [
        "timestamp,plc_code,tag_address,tag_name,tag_value,quality,insertion_attempt_time",
        "2026-01-01 00:00:00.000001,PLC01,D0,PLC01.D0,1.5,GOOD,2026-01-01T00:00:00.000+00:00",
        "2026-01-01 00:00:00.000001,PLC01,D1,PLC01.D1,1.5,GOOD,2026-01-01T00:00:00.000+00:00",
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, st.none() | TEXT.filter(bool)), min_size=1, max_size=5))
def test_every_text_survives_the_file_unchanged(tmp_path: Path, cells: list[tuple[str, str, str | None]]) -> None:
    values = [TagValue(datetime(2026, 1, 1), plc, address, text, "GOOD") for plc, address, text in cells]
    path = backup(tmp_path).append(rows(values))
    back = list(complete_lines(path))[1:]
    assert [(row[1], row[2], row[4] or None) for row in back] == cells


@pytest.mark.parametrize(
    "text", ["a,b", 'say "go"', "two\nlines", "one\rtwo", "온도", "=1+1", "+1", "-1", "@x", " ", "\x00", "\ufeff"]
)
def test_texts_that_other_csv_programs_stumble_over(tmp_path: Path, text: str) -> None:
    path = backup(tmp_path).append(rows([TagValue(datetime(2026, 1, 1), "P", "D", text, "GOOD")]))
    assert list(complete_lines(path))[1][4] == text
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1][4] == text


def test_batches_are_appended_to_one_file_until_it_is_finished(tmp_path: Path) -> None:
    entries: list[BackupFile] = []
    file = backup(tmp_path, entries=entries)
    first = file.append(rows(tag_values(3)))
    assert file.append(rows(tag_values(4))) == first
    file.finish()
    second = file.append(rows(tag_values(1)))
    assert second.name == first.name.replace(".csv", "_2.csv"), "the same second: a name of its own"
    assert [(entry.rows, entry.state) for entry in entries] == [(3, "open"), (7, "open"), (7, "waiting"), (1, "open")]
    assert [count_rows(path) for path in backup_files(tmp_path)] == [7, 1]


def test_a_file_is_rotated_by_size_and_names_stay_in_order_of_age(tmp_path: Path) -> None:
    file = backup(tmp_path, rotate_bytes=2000)
    for _ in range(12):
        file.append(rows(tag_values(30)))
    names = [path.name for path in backup_files(tmp_path)]
    assert len(names) == 12
    assert names[1].endswith("_2.csv")
    assert names[-1].endswith("_12.csv")


def test_two_writers_in_one_directory_never_share_a_file(tmp_path: Path) -> None:
    paths = {backup(tmp_path).append(rows(tag_values(1))) for _ in range(5)}
    assert len(paths) == 5


def test_a_name_that_was_recovered_is_not_given_again(tmp_path: Path) -> None:
    path = backup(tmp_path).append(rows(tag_values(1)))
    (tmp_path / "recovered").mkdir()
    path.rename(tmp_path / "recovered" / path.name)
    assert backup(tmp_path).append(rows(tag_values(1))).name == path.name.replace(".csv", "_2.csv")


def test_a_file_in_use_is_locked(tmp_path: Path) -> None:
    file = backup(tmp_path)
    path = file.append(rows(tag_values(1)))
    with path.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    file.finish()
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.req("EC-5")
def test_a_directory_that_cant_be_used_is_said_and_nothing_counts_as_saved(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackupFailedError, match=r"File exists|Not a directory"):
        backup(tmp_path / "file").append(rows(tag_values(1)))
    with pytest.raises(BackupFailedError, match="must stay free"):
        backup(tmp_path, min_free_bytes=10**18).append(rows(tag_values(1)))
    assert backup_files(tmp_path) == []


@pytest.mark.req("EC-5")
def test_a_write_that_fails_half_way_leaves_no_half_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = backup(tmp_path)
    path = file.append(rows(tag_values(5)))
    real_write = os.write
    fail = iter([False, True])

    def write(descriptor: int, data: Any) -> int:
        if next(fail, True):
            raise OSError(28, "No space left on device")
        return real_write(descriptor, bytes(data)[: len(data) // 2])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(BackupFailedError, match="No space left"):
        file.append(rows(tag_values(100)))
    monkeypatch.undo()
    assert count_rows(path) == 5
    assert file.append(rows(tag_values(2))) != path, "the old file is left alone for good"


def test_where_each_try_fails_no_file_is_left_of_any(tmp_path: Path) -> None:
    """Kind: what has no bound: a quota, or a limit on a file's size, is met in the middle of a batch, where the disk
    has room. Each try, one a second, left a file without rows, and its label.
    """
    file = backup(tmp_path)
    file.append(rows(tag_values(5)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
    try:
        for _ in range(10):
            with pytest.raises(BackupFailedError, match="File too large"):
                file.append(rows(tag_values(100)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (kept,) = tmp_path.glob("*.csv")
    assert count_rows(kept) == 5
    assert len(list(tmp_path.iterdir())) == 2
    file.append(rows(tag_values(100)))
    file.finish()
    assert sum(map(count_rows, tmp_path.glob("*.csv"))) == 105


def test_a_torn_last_line_is_no_row(tmp_path: Path) -> None:
    path = backup(tmp_path).append(rows(tag_values(5)))
    with path.open("a") as file:
        file.write("2026-01-01 00:00:00.000001,PLC01,D5,PLC")
    assert count_rows(path) == 5


def test_a_directory_in_memory_is_said_to_be_one() -> None:
    """Kind: a place that goes with who writes there. BACKUP_DIR lay in /run, or on no volume: the backup of an outage
    was gone with the restart that was to end it, and nobody had said so.
    """
    memory = Path("/dev/shm")  # noqa: S108 - that it is in memory is the point
    if not memory.is_dir() or not os.access(memory, os.W_OK):
        pytest.skip("no file system in memory here")
    with tempfile.TemporaryDirectory(dir=memory) as name:
        found = backup(Path(name)).check()
        assert any("it is in memory: gone with the machine's next start" in cant for cant in found)
        path = backup(Path(name)).append(rows(tag_values(1)))
        assert path.exists()


def test_rejected_rows_leave_room_for_backups(tmp_path: Path) -> None:
    """Kind: waste crowds out data. One tag that no column takes filled the disk, and in the next outage nothing could
    be backed up."""
    disk = os.statvfs(tmp_path)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    if free < total // 10:
        pytest.skip("the disk of this machine is nearly full")
    files = {
        kind: CsvBackup(tmp_path, kind, FakeClock(), rotate_bytes=10**9, min_free_bytes=free - total // 20)
        for kind in ("rejected", "backup")
    }
    with pytest.raises(NoRoomForRejectsError, match="kept for backups"):
        files["rejected"].append([("a", "row")])
    assert files["backup"].append(rows(tag_values(1))).exists()
    # Where none must stay free, none is kept
    assert CsvBackup(tmp_path, "rejected", FakeClock(), rotate_bytes=10**9, min_free_bytes=0).append([("a",)]).exists()


def test_a_trial_that_hangs_holds_up_no_backup_and_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a side path in the way of the main one. A server that did not answer held the trial, and the trial what a
    stop and each backup wait for."""
    hangs, tried = threading.Event(), threading.Event()

    def hang(_directory: Path) -> list[str]:
        tried.set()
        hangs.wait(30)
        return []

    monkeypatch.setattr("services.writer.backup.csv_backup.try_out", hang)
    file = backup(tmp_path)
    trial = threading.Thread(target=file.check, daemon=True)
    trial.start()
    tried.wait(30)

    def back_up() -> None:
        file.append(rows(tag_values(1)))
        file.finish()

    done = threading.Thread(target=back_up, daemon=True)
    done.start()
    done.join(10)
    assert not done.is_alive()
    assert trial.is_alive()
    hangs.set()
    trial.join(30)
