"""A disk that fills with files which are through, until there is no room for values that are in no other place."""

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.harness.waiting import wait_until
from services.writer.backup.csv_backup import BackupFailedError, CsvBackup
from services.writer.backup.label import label_path
from shared.counters import Counter
from tests.fakes import FakeClock
from tests.fault.disks import mounted
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline, in_csv

ROWS = [("a row of some length", "x" * 200)] * 100


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB with three files of 200,000 bytes in recovered/, one with its label, and one of a person."""
    with mounted(tmp_path / "disk", size="1m"):
        recovered = tmp_path / "disk" / "recovered"
        recovered.mkdir()
        for day in (1, 2, 3):
            (recovered / f"backup_2026010{day}_000000.csv").write_bytes(b"x" * 200_000)
        label_path(recovered / "backup_20260101_000000.csv").write_text("{}")
        (recovered / "rejected_20260101_000000.csv").write_text("a row that a person put right")
        yield tmp_path / "disk"


def left(disk: Path) -> list[str]:
    return sorted(path.name for path in (disk / "recovered").iterdir())


def backup(disk: Path, kind: str = "backup", min_free_bytes: int = 100_000) -> CsvBackup:
    return CsvBackup(disk, kind, FakeClock(), rotate_bytes=10**9, min_free_bytes=min_free_bytes)


def test_what_is_in_the_table_gives_way_to_what_is_in_no_other_place(disk: Path) -> None:
    """Kind: what has no bound in bytes. After years of outages recovered/ had filled the disk, and the next outage
    found no room."""
    filled = disk / "another program's"
    filled.write_bytes(b"x" * 320_000)
    files = backup(disk)
    files.check()
    assert files.free_bytes is not None
    assert files.free_bytes > 400_000, "what would give way is room, too"
    assert len(left(disk)) == 5, "who only asks removes nothing"
    path = files.append(ROWS)
    assert path.exists()
    assert left(disk) == ["backup_20260102_000000.csv", "backup_20260103_000000.csv", "rejected_20260101_000000.csv"]
    # As long as there is room nothing goes.
    files.append(ROWS)
    assert len(left(disk)) == 3


def test_a_file_that_is_being_recovered_once_more_stays(disk: Path) -> None:
    (disk / "another program's").write_bytes(b"x" * 320_000)
    with (disk / "recovered" / "backup_20260101_000000.csv").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        backup(disk).append(ROWS)
    assert "backup_20260101_000000.csv" in left(disk)
    assert "backup_20260102_000000.csv" not in left(disk)


def test_where_nothing_can_give_way_it_is_said_as_ever(disk: Path) -> None:
    (disk / "another program's").write_bytes(b"x" * 320_000)
    with pytest.raises(BackupFailedError, match="must stay free"):
        backup(disk, min_free_bytes=10**9).append(ROWS)
    assert len(left(disk)) == 5, "nothing goes in vain"


def test_a_recovered_directory_on_a_disk_of_its_own_gives_no_room(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    with mounted(tmp_path / "disk", size="256k"):
        (tmp_path / "disk" / "recovered").mkdir()
        with mounted(tmp_path / "disk" / "recovered", size="1m"):
            (tmp_path / "disk" / "recovered" / "backup_20260101_000000.csv").write_bytes(b"x" * 200_000)
            with pytest.raises(BackupFailedError):
                backup(tmp_path / "disk", min_free_bytes=10**6).append(ROWS)
            assert left(tmp_path / "disk") == ["backup_20260101_000000.csv"]


def test_no_inode_is_left_and_a_recovered_file_gives_one(tmp_path: Path) -> None:
    """Kind: one code of two causes. What the disk says of its bytes is not what it is short of."""
    with mounted(tmp_path / "disk", inodes=6):
        (tmp_path / "disk" / "recovered").mkdir()
        for day in (1, 2):
            (tmp_path / "disk" / "recovered" / f"backup_2026010{day}_000000.csv").write_bytes(b"x" * 1000)
        for name in ("one", "two"):
            (tmp_path / "disk" / name).touch()
        files = backup(tmp_path / "disk", min_free_bytes=0)
        with pytest.raises(BackupFailedError):
            files.append(ROWS)
        assert files.append(ROWS).exists()


def test_an_outage_on_a_full_disk_loses_nothing(pipeline: Pipeline, oracle: OracleTarget) -> None:
    """The whole of it: a real writer, whose disk is full of what is in the table."""
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    pipeline.backup_dir.mkdir(exist_ok=True)
    with mounted(pipeline.backup_dir, size="1m"):
        (pipeline.backup_dir / "recovered").mkdir()
        old = pipeline.backup_dir / "recovered" / "backup_20250101_000000.csv"
        old.write_bytes(b"x" * 940_000)
        oracle.control.stop_listening(cut="rst")
        pipeline.start_and_wait("consumer")
        writer = pipeline.start_and_wait("writer", BACKUP_MIN_FREE_BYTES="100000")
        rows = pipeline.put(polls=2, tags=100)
        wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] == len(rows), what="the rows to be backed up")
        assert in_csv(pipeline.csv_rows()) == rows
        assert not old.exists()
        assert "is removed to make room for backups" in pipeline.log("writer")
        oracle.control.listen()
        assert pipeline.stop(writer) == 0
