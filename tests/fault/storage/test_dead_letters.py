"""Rows that nobody can store, and a disk that can't keep them either: the others go on."""

import pytest

from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from tests.fault.disks import mounted
from tests.fault.ledger import events
from tests.pipeline import Pipeline


def test_a_tag_too_long_and_a_full_disk_stop_nobody_else(pipeline: Pipeline) -> None:
    """Kind: a dead letter blocks the living. (24,800 values overflowed in 45 s while Oracle was well.)"""
    with mounted(pipeline.backup_dir, "64k"):
        # Given: no room for a single file
        filler = pipeline.backup_dir / "filler"
        with filler.open("wb") as file, pytest.raises(OSError, match="No space"):
            file.write(b"x" * 200_000)
        pipeline.start_and_wait("consumer")
        writer = pipeline.start_and_wait("writer")
        # If: one tag of each poll has a name that no column takes
        sound = pipeline.put(polls=10, tags=50)
        pipeline.put(polls=10, tags=1, plc_code="X" * 190)
        snapshot = pipeline.wait_until_idle()
        # Expect: everything else is in the table; the rest is settled, waits in Redis, and it is said
        assert pipeline.table_rows() == sound
        assert (snapshot[Counter.REJECTED], snapshot.rejected_rows_waiting) == (10, 10)
        assert "backup_failed" in events(pipeline)
        assert "rejected rows wait in Redis" in pipeline.log("writer")
        # And a new writer puts the rows into its file as soon as there is room
        pipeline.kill(writer)
        filler.unlink()
        writer = pipeline.start_and_wait("writer")
        wait_until(lambda: pipeline.snapshot().rejected_rows_waiting == 0, what="the rows to be in a file")
        assert pipeline.snapshot()[Counter.REJECTED] == 10
        rows = pipeline.csv_rows("rejected")
        assert len(rows) == 10
        assert {row["error_code"] for row in rows} == {"TOO_LONG"}
        assert pipeline.stop(writer) == 0


def test_what_is_no_row_of_ours_does_not_hold_up_those_behind_it(pipeline: Pipeline) -> None:
    """Kind: one element that can't be read ends a side path for ever."""
    pipeline.link.command("RPUSH", pipeline.keys.rejected_rows, b"\xff{", '["a", 1', '["x", {}]')
    pipeline.start_and_wait("writer")
    wait_until(lambda: pipeline.snapshot().rejected_rows_waiting == 0, what="the rows to be in a file")
    assert [row["error_code"] for row in pipeline.csv_rows("rejected")] == ["NOT_A_VALUE"] * 3
