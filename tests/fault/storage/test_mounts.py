"""BACKUP_DIR on mounts that can do less than a local disk: a real writer and a real `recover` on each."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.harness.waiting import wait_until
from services.writer.backup.files import open_to_read
from shared.counters import Counter
from tests.fault.disks import mounted
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline, in_csv

POOR = ["nolock", "nfslock", "nodirsync", "exdev", "norename", "nostat"]


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes a mount of any directory which can do little."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here to build the mount's faults")
    library = tmp_path_factory.mktemp("shim") / "poor_mount.so"
    source = Path(__file__).with_name("poor_mount.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def recover(pipeline: Pipeline, *arguments: str, **settings: str) -> tuple[int, str]:
    process = pipeline.start("writer", "recover", *arguments, **settings)
    status = process.wait(60)
    return status, pipeline.log("writer")


@pytest.mark.parametrize("poor", [*POOR, "nolock nodirsync exdev nostat"])
def test_what_a_mount_cant_do_stops_no_backup_that_it_can_take(
    pipeline: Pipeline, oracle: OracleTarget, shim: Path, poor: str
) -> None:
    """Kind: a mount's lack taken for a fault. (flock on NFS, `recovered/` on another mount: never put back.)"""
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    settings = {"LD_PRELOAD": str(shim), "POOR_MOUNT": poor, "POOR_DIRECTORY": str(pipeline.backup_dir)}
    pipeline.start_and_wait("consumer")
    oracle.control.stop_listening(cut="rst")
    writer = pipeline.start_and_wait("writer", **settings)
    expected = pipeline.put(polls=3, tags=100)
    wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] == 300, what="the rows in a file")
    assert pipeline.stop(writer) == 0
    oracle.control.listen()

    status, output = recover(pipeline, **settings)

    assert pipeline.table_rows() == expected
    if poor == "norename":
        # All is in the table; the file stays, says why, and is all duplicates the next time.
        assert status == 1
        assert "No space left on device" in output
        assert recover(pipeline, LD_PRELOAD="")[0] == 0
    else:
        assert status == 0, output
    assert list(pipeline.backup_dir.glob("*.csv")) == []
    (path,) = (pipeline.backup_dir / "recovered").glob("*.csv")
    assert len(path.read_text().splitlines()) == 301


def test_check_names_what_the_mount_cant_do(pipeline: Pipeline, shim: Path) -> None:
    settings = {"LD_PRELOAD": str(shim), "POOR_DIRECTORY": str(pipeline.backup_dir)}
    pipeline.start("writer", "check", **settings, POOR_MOUNT="nolock nodirsync norename").wait(60)
    output = pipeline.log("writer")
    for said in ("lock a file (No locks available)", "sync a directory (Invalid", "rename a file (No space left"):
        assert said in output
    assert os.listdir(pipeline.backup_dir) == []  # noqa: PTH208 - nothing of the trial is left


def test_a_file_that_a_writer_holds_is_left_alone_on_nfs_too(pipeline: Pipeline, shim: Path, tmp_path: Path) -> None:
    """Kind: what can't be locked exclusively is not locked at all."""
    path = tmp_path / "backup_20260101_000000.csv"
    path.write_text("")
    script = (
        "import sys, os, pathlib\n"
        "from services.writer.backup.files import open_regular\n"
        "from services.writer.backup.locks import lock\n"
        "print(lock(open_regular(pathlib.Path(sys.argv[1]))))\n"
    )
    environment = {
        **os.environ, "LD_PRELOAD": str(shim), "POOR_MOUNT": "nfslock", "POOR_DIRECTORY": str(tmp_path),
        "PYTHONPATH": pipeline.environment["PYTHONPATH"],
    }  # fmt: skip

    def is_locked_by_another() -> bool:
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip() == "False"

    assert not is_locked_by_another()
    with open(open_to_read(path)) as held:  # noqa: PTH123 - of a descriptor
        fcntl.flock(held, fcntl.LOCK_EX)
        assert is_locked_by_another()


def test_a_stale_handle_costs_its_file_and_no_backup_that_follows(
    pipeline: Pipeline, oracle: OracleTarget, shim: Path
) -> None:
    """Kind: what is out of reach holds up what comes. (ESTALE on EFS: mtail looped on the old handle, jj failed.)"""
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    settings = {"LD_PRELOAD": str(shim), "POOR_DIRECTORY": str(pipeline.backup_dir)}
    pipeline.start_and_wait("consumer")
    oracle.control.stop_listening(cut="rst")
    pipeline.start_and_wait("writer", **settings)
    pipeline.put(polls=2, tags=100)
    wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] == 200, what="the rows in a file")
    (path,) = pipeline.backup_dir.glob("backup_*.csv")
    # If: another client of the server deletes the file
    (pipeline.backup_dir.parent / "stale").write_text(path.name)
    path.unlink()
    later = pipeline.put(polls=2, tags=100)
    # Expect: what comes is saved; what can't be read any more is counted as lost
    wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] == 400, what="the rows in a file")
    wait_until(lambda: pipeline.snapshot()[Counter.BACKUP_LOST] == 200, what="the loss to be counted")
    assert in_csv(pipeline.csv_rows()) == later


def test_recovered_on_another_mount_takes_a_copy(pipeline: Pipeline, oracle: OracleTarget) -> None:
    """Kind: a rename that can't cross mounts. (The file was never put back, again and again.)"""
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    recovered = pipeline.backup_dir / "recovered"
    recovered.mkdir(parents=True)
    with mounted(recovered):
        pipeline.start_and_wait("consumer")
        oracle.control.stop_listening(cut="rst")
        writer = pipeline.start_and_wait("writer")
        expected = pipeline.put(polls=3, tags=100)
        wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] == 300, what="the rows in a file")
        pipeline.stop(writer)
        oracle.control.listen()
        status, output = recover(pipeline)
        assert status == 0, output
        assert pipeline.table_rows() == expected
        assert sorted(path.suffix for path in recovered.iterdir()) == [".csv", ".json"]
        assert list(pipeline.backup_dir.glob("*.csv*")) == []


def test_a_writer_notices_that_its_file_was_put_back_where_nothing_can_be_locked(
    pipeline: Pipeline, oracle: OracleTarget, shim: Path
) -> None:
    """Kind: without locks a file is moved to recovered/ while its writer goes on writing to it."""
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    settings = {"LD_PRELOAD": str(shim), "POOR_MOUNT": "nolock", "POOR_DIRECTORY": str(pipeline.backup_dir)}
    pipeline.start_and_wait("consumer")
    oracle.control.stop_listening(cut="rst")
    # Given: a writer whose breaker stays open for the whole test
    writer = pipeline.start_and_wait("writer", ORACLE_PROBE_INTERVAL="600", **settings)
    expected = pipeline.put(polls=2, tags=100)
    wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] == 200, what="the rows in a file")
    oracle.control.listen()
    # If: the file is put back under its hands, and more rows come
    status, output = recover(pipeline, **settings)
    assert (status, "a writer may still write it" in output) == (0, True)
    (path,) = pipeline.backup_dir.glob("backup_*.csv")
    os.utime(path, (0, 0))
    assert recover(pipeline, **settings)[0] == 0
    expected |= pipeline.put(polls=2, tags=100)
    wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] == 400, what="the rows in a file")
    assert pipeline.stop(writer) == 0
    # Expect: those rows are in a file again, and nothing is lost
    assert recover(pipeline, **settings)[0] == 0
    assert pipeline.table_rows() == expected
