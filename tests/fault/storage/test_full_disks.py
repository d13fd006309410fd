"""Disks that fill up and directories that can't be made: values wait, and nothing is lost."""

import resource
import subprocess

import pytest

from sandbox.harness.waiting import wait_until
from shared.queues.snapshot import Snapshot
from tests.fault.disks import mounted
from tests.fault.ledger import assert_nothing_lost_nothing_twice, drain, events
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline, in_csv


def held(ledger: Snapshot) -> int:
    return ledger.in_buffer + ledger.in_flight


@pytest.mark.req("EC-5")
def test_a_backup_directory_that_cant_be_made(pipeline: Pipeline, oracle: OracleTarget) -> None:
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    # Given: a file where the directory should be, and Oracle away
    pipeline.backup_dir.write_text("in the way")
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    oracle.control.stop_listening(cut="rst")
    expected = pipeline.put(polls=4, tags=500)
    # Expect: everything stays in Redis, nothing is acknowledged, and it is said
    wait_until(lambda: "nothing is acknowledged" in pipeline.log("writer"), what="a batch that goes nowhere")
    assert "backup_failed" in events(pipeline)
    wait_until(lambda: held(pipeline.snapshot()) == len(expected), what="all values to be held")
    # And when it is mended it goes on
    pipeline.backup_dir.unlink()
    drain(pipeline)
    assert in_csv(pipeline.csv_rows()) == expected
    assert "backup_works" in events(pipeline)


@pytest.mark.req("EC-5")
def test_a_disk_that_fills_up_in_the_middle_of_a_file(pipeline: Pipeline, oracle: OracleTarget) -> None:
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    # Given: no file of the writer's may grow beyond 100 kB, which ends a write in the middle of a row
    writer = pipeline.start_and_wait("writer", WRITER_CONCURRENCY="1")
    pipeline.start_and_wait("consumer")
    limits = resource.prlimit(writer.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, (100_000, limits[1]))
    oracle.control.stop_listening(cut="rst")
    expected = pipeline.put(polls=10, tags=500)
    drain(pipeline)
    oracle.control.listen()
    # Expect: several files, each with whole rows, together everything and nothing twice
    assert len(list(pipeline.backup_dir.glob("backup_*.csv"))) > 1
    assert_nothing_lost_nothing_twice(pipeline, expected)


@pytest.mark.req("EC-5")
def test_a_disk_that_is_full(pipeline: Pipeline, oracle: OracleTarget) -> None:
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    with mounted(pipeline.backup_dir, "64k"):
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer")
        oracle.control.stop_listening(cut="rst")
        expected = pipeline.put(polls=10, tags=500)
        said = "values stay in Redis and nothing is acknowledged"
        wait_until(lambda: said in pipeline.log("writer"), what="a batch that goes nowhere")
        assert "backup_failed" in events(pipeline)
        subprocess.run(["mount", "-o", "remount,size=10m", str(pipeline.backup_dir)], check=True)
        drain(pipeline)
        oracle.control.listen()
        assert_nothing_lost_nothing_twice(pipeline, expected)


@pytest.mark.req("EC-5")
def test_the_reserve_of_free_disk_is_kept(pipeline: Pipeline, oracle: OracleTarget) -> None:
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer", BACKUP_MIN_FREE_BYTES=str(10**18))
    oracle.control.stop_listening(cut="rst")
    expected = pipeline.put(polls=2, tags=500)
    wait_until(lambda: "BACKUP_MIN_FREE_BYTES" in pipeline.log("writer"), what="the log line")
    assert pipeline.csv_rows() == []
    assert pipeline.stop(writer) == 0
    oracle.control.listen()
    pipeline.start_and_wait("writer")
    drain(pipeline)
    assert pipeline.table_rows() == expected
