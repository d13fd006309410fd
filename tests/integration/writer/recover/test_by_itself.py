"""A writer recovers files by itself, where it is told to: only while nothing else is in need of Oracle."""

import os

import pytest

from sandbox.harness.waiting import wait_until
from shared.keys import Keys
from shared.models import TagValue
from shared.redis.link import RedisLink
from tests.integration.writer.recover.place import NOON, Place, expected, numbered


@pytest.mark.req("OPS-2")
def test_writer_puts_files_back_by_itself_where_it_is_told_to(place: Place, link: RedisLink, keys: Keys) -> None:
    bad = place.directory / "backup_20250101_000000.csv"
    bad.write_text("not a backup\n")
    os.utime(bad, (0, 0))  # nobody copies it here any more
    place.write(numbered(3_000))
    process = place.start_writer(BACKUP_AUTO_RECOVER="true")
    try:
        wait_until(lambda: place.files("recovered/*.csv"), what="the file in recovered/")
    finally:
        process.terminate()
        output = process.output(10)

    assert process.returncode == 0, output
    assert place.stored() == expected(numbered(3_000))
    assert link.hash(keys.counters)["recovered"] == "3000"
    assert output.count("Not recovered by itself") == 1
    assert place.files("*.csv") == [bad.name]


def test_writer_puts_files_back_by_the_same_rule_as_it_writes(place: Place, link: RedisLink, keys: Keys) -> None:
    """Kind: one rule in two places. Conflicts are kept, and no row is blamed for what every row is refused for."""
    place.write(numbered(3))
    place.recover()
    path = place.write([TagValue(NOON, "PLC01", "D0", "999", "GOOD"), *numbered(3, first=1)])
    place.oracle.control.refuse_rows(1400, table="tag_data")
    rollbacks_before = place.oracle.control.status().rollbacks
    process = place.start_writer(BACKUP_AUTO_RECOVER="true", ORACLE_PROBE_INTERVAL="0.2")
    try:
        # Given: rows of the file that are new are refused for the table's fault, which is found out once at least
        wait_until(lambda: place.oracle.control.status().rollbacks > rollbacks_before, what="a sample")
        assert path.exists()
        assert place.files("rejected_*.csv") == []
    finally:
        process.terminate()
        process.output(10)
    assert link.hash(keys.counters).get("recovered", "0") == "3"
    place.oracle.control.reset()
    process = place.start_writer(BACKUP_AUTO_RECOVER="true", ORACLE_PROBE_INTERVAL="0.2")
    try:
        wait_until(lambda: not path.exists(), what="the file in recovered/")
    finally:
        process.terminate()
        process.output(10)
    (aside,) = place.files("rejected_*.csv")
    assert "CONFLICT" in (place.directory / aside).read_text()
    assert place.count() == 4


def test_writer_leaves_files_alone_while_the_buffer_fills(place: Place, link: RedisLink, keys: Keys) -> None:
    # Given: a buffer above 20 % that nobody drains, since all its tables' inserts are held up
    place.write(numbered(10))
    raws = [f'[1,"2026-01-01T00:00:00.{n:06}","PLC09","D1","1","GOOD"]' for n in range(50)]
    link.command("RPUSH", keys.buffer, *raws)
    place.oracle.control.hang_calls("before")
    process = place.start_writer(
        BACKUP_AUTO_RECOVER="true", BUFFER_MAX_SIZE="100", BUFFER_BATCH_SIZE_MAX="1", BUFFER_BATCH_THRESHOLD="1",
        WRITER_CONCURRENCY="1",
    )  # fmt: skip
    try:
        # If: it runs for a while
        wait_until(lambda: link.hash(keys.counters).get("removed"), what="a claimed batch")
        # Expect: the file waits; and goes as soon as the buffer is drained
        assert len(place.files("backup_*.csv")) == 1
        place.oracle.control.release()
        wait_until(lambda: place.files("recovered/*.csv"), what="the file in recovered/")
    finally:
        process.terminate()
        output = process.output(10)
    assert "Recovering" in output
    assert place.count() == 60
