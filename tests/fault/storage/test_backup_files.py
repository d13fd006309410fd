"""Backup files that somebody deletes, moves, cuts or changes while a real writer writes them in an outage."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.harness.oracle import Cells
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.writer.backup.csv_backup import BackupFailedError, CsvBackup
from shared.clock import SystemClock
from shared.counters import Counter
from shared.records.files import HEADER
from tests.fault.disks import mounted, take_away
from tests.fault.ledger import events
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline, in_csv

pytestmark = pytest.mark.usefixtures("redis_server")


@contextmanager
def outage(pipeline: Pipeline, oracle: OracleTarget) -> Iterator[None]:
    """Run consumer and writer without Oracle."""
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    pipeline.start_and_wait("consumer")
    oracle.control.stop_listening(cut="rst")
    pipeline.start_and_wait("writer")
    yield
    oracle.control.listen()


def backed_up(pipeline: Pipeline, polls: int) -> Cells:
    """Put polls of 100 values and wait until all are settled as backed up."""
    before = pipeline.snapshot()[Counter.BACKED_UP]
    rows = pipeline.put(polls=polls, tags=100)
    wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] == before + len(rows), what="the rows to be settled")
    return rows


def open_file(pipeline: Pipeline) -> Path:
    return max(pipeline.backup_dir.glob("backup_*.csv"), key=lambda path: path.stat().st_mtime_ns)


def said(pipeline: Pipeline) -> bool:
    return "backup_lost" in events(pipeline)


def delete(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("taken_by_somebody"))


def replace_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("old"))
    path.parent.mkdir()


def remove_directory(path: Path) -> None:
    shutil.rmtree(path.parent)


def edit_by_copy(path: Path) -> None:
    """As most editors save: a new file under the old name."""
    text = path.read_text().replace(".", ",")
    draft = path.with_name("draft")
    draft.write_text(text)
    draft.replace(path)


def append_line(path: Path) -> None:
    with path.open("a") as file:
        file.write("a note of somebody\n")


@pytest.mark.parametrize("meddle", [delete, move, replace_directory, remove_directory, edit_by_copy, append_line])
def test_no_row_is_lost_with_a_file_that_somebody_takes_away(
    pipeline: Pipeline, oracle: OracleTarget, meddle: Callable[[Path], None]
) -> None:
    """Kind: a backup file is trusted, not proven. (6,200 rows were synced into an unlinked file and settled.)"""
    with outage(pipeline, oracle):
        expected = backed_up(pipeline, 3)
        path = open_file(pipeline)
        meddle(path)
        # If: rows come, and go on coming, after it
        expected |= backed_up(pipeline, 3)
        # Expect: all rows, those settled before too, are in files that a recovery finds
        kept = {
            key: value
            for candidate in pipeline.backup_dir.glob("backup_*.csv")
            if candidate != path
            for key, value in in_csv(rows_of(candidate)).items()
        }
        assert kept == expected
        wait_until(lambda: said(pipeline), what="the event")
        assert pipeline.snapshot()[Counter.BACKUP_LOST] == 0


def change_a_digit(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(b".5,GOOD"))
        file.write(b".7")


def save_in_place(path: Path) -> None:
    """As an editor that keeps the file, with decimals as its country writes them."""
    path.write_text(path.read_text().replace(".5,GOOD", '",5",GOOD'))


@pytest.mark.parametrize("meddle", [change_a_digit, save_in_place])
def test_values_that_somebody_changes_in_an_open_file_are_not_taken_for_those_that_were_written(
    pipeline: Pipeline, oracle: OracleTarget, meddle: Callable[[Path], None]
) -> None:
    """Kind: values change without a word. What the open file held was carried into a new one as if it were whole."""
    with outage(pipeline, oracle):
        before = backed_up(pipeline, 2)
        path = open_file(pipeline)
        meddle(path)
        changed = path.read_bytes()
        after = backed_up(pipeline, 2)
        wait_until(lambda: said(pipeline), what="the event")
        # Expect: what comes is in a file of its own; the changed one stays, and is on the list of files
        assert path.read_bytes() == changed
        (new,) = [other for other in pipeline.backup_dir.glob("backup_*.csv") if other != path]
        assert in_csv(rows_of(new)) == after
        wait_until(lambda: len(pipeline.link.hash(pipeline.keys.backup_files)) == 2, what="both files on the list")
        (writer,) = (child.process for child in [pipeline.supervisor.child("writer")] if child)
        assert pipeline.stop(writer) == 0
    # And: recover puts the one back and leaves the other, whose rows a person must see to
    assert pipeline.start("writer", "recover").wait(30) == 1
    assert "its label says" in pipeline.log("writer")
    assert pipeline.table_rows() == after
    assert path.read_bytes() == changed
    assert f"Its {len(before)} rows stay in it as they are now" in pipeline.log("writer")


def rows_of(path: Path) -> list[dict[str, str]]:
    import csv  # noqa: PLC0415 - as a person would read it

    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_deleted_while_nothing_comes_any_more_is_noticed_all_the_same(
    pipeline: Pipeline, oracle: OracleTarget
) -> None:
    """Kind: what is looked at only by the next write is never looked at when there is none."""
    with outage(pipeline, oracle):
        expected = backed_up(pipeline, 2)
        open_file(pipeline).unlink()
        wait_until(lambda: in_csv(pipeline.csv_rows()) == expected, what="the rows to be back in a file")
        wait_until(lambda: said(pipeline), what="the event")


def test_rows_of_a_file_that_was_cut_are_counted_as_lost(pipeline: Pipeline, oracle: OracleTarget) -> None:
    """Kind: values that can't be saved any more vanish while the ledger balances."""
    with outage(pipeline, oracle):
        backed_up(pipeline, 3)
        path = open_file(pipeline)
        lines = path.read_bytes().splitlines(keepends=True)
        os.truncate(path, sum(map(len, lines[:101])) + 10)
        later = backed_up(pipeline, 1)
        # Expect: what was left and what came later is in a new file, the rest is counted
        new = open_file(pipeline)
        assert new != path
        rows = in_csv(rows_of(new))
        assert later.items() <= rows.items()
        assert len(rows) == 200
        wait_until(lambda: pipeline.snapshot()[Counter.BACKUP_LOST] == 200, what="the counter")
        assert "200 rows could not be saved and are LOST" in pipeline.log("writer")
        # And what was cut says so by its label, and where its rows are
        label = json.loads((path.parent / f"{path.name}.json").read_text())
        assert (label["rows"], label["moved_to"]) == (300, new.name)


def test_no_row_is_lost_with_a_mount_that_goes(pipeline: Pipeline, oracle: OracleTarget) -> None:
    """Kind: the mount is gone, and its mount point takes what comes without a word."""
    with mounted(pipeline.backup_dir, "10m"), outage(pipeline, oracle):
        expected = backed_up(pipeline, 2)
        take_away(pipeline.backup_dir)
        expected |= backed_up(pipeline, 2)
        assert in_csv(pipeline.csv_rows()) == expected
        wait_until(lambda: said(pipeline), what="the event")


def test_a_file_that_waited_and_is_gone_is_told(pipeline: Pipeline, oracle: OracleTarget) -> None:
    """Kind: closed files that wait for recovery vanish without a word."""
    with outage(pipeline, oracle):
        backed_up(pipeline, 1)
    # Once Oracle takes values the file is closed soon; without any it would be open for longer.
    wait_until(lambda: "half-open" in pipeline.log("writer"), what="Oracle to be back")
    pipeline.put(polls=1, tags=1)
    wait_until(lambda: not in_use(pipeline), 40, "the file to be closed: Oracle takes values again")
    open_file(pipeline).unlink()
    # The list is compared with the directory every 30 s, and by a writer that starts.
    pipeline.start_and_wait("writer")
    wait_until(lambda: "waited for recovery and is gone" in pipeline.log("writer"), what="the log line")


def in_use(pipeline: Pipeline) -> bool:
    entries = pipeline.link.hash(pipeline.keys.backup_files).values()
    return any(json.loads(entry)["state"] == "open" for entry in entries) or not entries


def test_the_reject_file_of_a_living_writer_is_closed_when_idle(
    pipeline: Pipeline, redis_server: EmbeddedRedis
) -> None:
    """Kind: what can only be mended after a restart."""
    assert redis_server.url
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer")
    pipeline.put(polls=1, tags=1, plc_code="X" * 190)
    wait_until(lambda: pipeline.csv_rows("rejected"), what="the rejected row")
    (path,) = pipeline.backup_dir.glob("rejected_*.csv")
    closed = path.with_name(f"{path.name}.json")
    wait_until(lambda: json.loads(closed.read_text())["rows"] == 1, 30, "the label of a closed file")
    recovery = pipeline.start("writer", "recover", str(path))
    assert recovery.wait(30) == 0, pipeline.log("writer")
    assert writer.poll() is None
    assert not path.exists()


def test_whatever_lies_in_the_backup_directory_a_writer_works_and_puts_the_rest_back(
    pipeline: Pipeline, redis_server: EmbeddedRedis
) -> None:
    """Kind: the list of files ends the data path, or blocks it: a FIFO, a name that is no text, 10 GB of nothing."""
    assert redis_server.url
    directory = pipeline.backup_dir
    directory.mkdir()
    os.mkfifo(directory / "backup_20250101_000000.csv")
    (directory / "backup_20250101_000001.csv").mkdir()
    (directory / "backup_20250101_000002.csv").symlink_to("backup_20250101_000002.csv")
    (directory / os.fsdecode(b"backup_\xff.csv")).write_text("x")
    (directory / "backup_a\nb.csv").write_text("x")
    with (directory / "backup_20250101_000003.csv").open("wb") as file:
        file.truncate(10_000_000_000)
    (directory / "backup_20250101_000003.csv.json").write_text("[" * 100_000)
    os.mkfifo(directory / "backup_20250101_000004.csv.json")
    row = b"2025-11-02 12:00:00.123456,PLC01,D1,PLC01.D1,1,GOOD,x\n"
    (directory / "backup_20250101_000004.csv").write_bytes((",".join(HEADER) + "\n").encode() + row)
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer", BACKUP_AUTO_RECOVER="true")
    expected = pipeline.put(polls=3, tags=100)
    pipeline.wait_until_idle()
    wait_until(lambda: len(pipeline.table_rows()) == len(expected) + 1, what="the one good file in the table")
    assert pipeline.stop(writer) == 0
    assert "Traceback" not in pipeline.log("writer")
    assert "met what it did not foresee" not in pipeline.log("writer")


def test_a_writers_file_says_what_it_was_meant_for_and_no_other_writer_puts_it_back(
    pipeline: Pipeline, oracle: OracleTarget
) -> None:
    """Kind: a wrong target, by a writer that puts files back by itself. (A trial's files on the plant's volume.)"""
    with outage(pipeline, oracle):
        backed_up(pipeline, 1)
        path = open_file(pipeline)
        label = json.loads(path.with_name(f"{path.name}.json").read_text())
        assert label["target"]["table"] == f"{oracle.user}.{pipeline.table}".upper()
        assert label["target"]["dsn"] == oracle.dsn
        assert oracle.password not in str({**label, "target": {**label["target"], "table": "", "dsn": ""}})
        (name,) = [name.split(":", 1)[1] for name in pipeline.living() if name.startswith("writer:")]
        os.kill(int(pipeline.link.hash(pipeline.keys.service("writer", name))["pid"]), 9)
    with oracle.table() as other:
        # If: a writer of another table finds the file
        writer = pipeline.start_and_wait("writer", ORACLE_TABLE=other, BACKUP_AUTO_RECOVER="true")
        wait_until(lambda: "Not recovered by itself" in pipeline.log("writer"), 40, "the refusal")
        # Expect: it leaves it, names both, and says so to the monitor
        assert f"it was meant for {label['target']['table']}" in pipeline.log("writer")
        assert f"this is {oracle.user}.{other}".upper() in pipeline.log("writer").upper()
        wait_until(lambda: "recovery_refused" in events(pipeline), what="the event")
        assert pipeline.stop(writer) == 0
        assert oracle.count(other) == 0
    assert path.exists()


def test_a_directory_that_was_away_for_a_while_is_no_failure_for_ever(pipeline: Pipeline, oracle: OracleTarget) -> None:
    """Kind: a state that only the next write can end, when no write comes."""
    with outage(pipeline, oracle):
        expected = backed_up(pipeline, 2)
        aside = pipeline.backup_dir.with_name("aside")
        pipeline.backup_dir.rename(aside)
        pipeline.backup_dir.write_text("in the way")
        wait_until(lambda: "backup_failed" in events(pipeline), what="the event")
        pipeline.backup_dir.unlink()
        aside.rename(pipeline.backup_dir)
        wait_until(lambda: "backup_works" in events(pipeline), what="the event that it works")
        assert in_csv(pipeline.csv_rows()) == expected
        assert len(list(pipeline.backup_dir.glob("backup_*.csv"))) == 1


def test_rows_that_a_writer_ends_with_and_could_save_nowhere_are_counted(
    pipeline: Pipeline, oracle: OracleTarget
) -> None:
    """Kind: the end of a process takes along what counts as saved, without a word."""
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    pipeline.start_and_wait("consumer")
    oracle.control.stop_listening(cut="rst")
    writer = pipeline.start_and_wait("writer")
    backed_up(pipeline, 2)
    shutil.rmtree(pipeline.backup_dir)
    pipeline.backup_dir.write_text("in the way")
    assert pipeline.stop(writer) == 0
    assert "200 rows are LOST" in pipeline.log("writer")
    assert pipeline.snapshot()[Counter.BACKUP_LOST] == 200
    assert "backup_lost" in events(pipeline)


def test_a_backup_directory_that_takes_nothing_is_told_while_oracle_works(pipeline: Pipeline) -> None:
    """Kind: what is needed on the bad day alone is tried on that day. The outage would have found it, with the buffer
    full some seconds later; health was good until then."""
    shutil.rmtree(pipeline.backup_dir, ignore_errors=True)
    pipeline.backup_dir.write_text("a file in its place")
    pipeline.start_and_wait("writer")
    wait_until(lambda: "backup_failed" in events(pipeline), what="the event")
    pipeline.backup_dir.unlink()
    wait_until(lambda: "backup_works" in events(pipeline), what="the event that it is over")


def test_a_disk_that_holds_no_more_files_is_not_said_to_be_full(tmp_path: Path) -> None:
    """Kind: one code of two causes. ENOSPC beside 90 % of room, and nobody looks at inodes at 3 in the morning."""
    with mounted(tmp_path / "disk", inodes=4):
        backup = CsvBackup(tmp_path / "disk", "backup", SystemClock(), rotate_bytes=10**9, min_free_bytes=0)
        backup.append([("a", "row")])
        backup.finish()
        (tmp_path / "disk" / "a file of another").touch()
        with pytest.raises(BackupFailedError, match="no inode is left there"):
            backup.append([("a", "row")])
        next((tmp_path / "disk").glob("*.json")).unlink()
        assert backup.append([("a", "row")]).exists()
