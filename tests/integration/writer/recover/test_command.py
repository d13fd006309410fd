"""`python -m services.writer recover` as a process: real files, the real driver, real signals."""

import fcntl
import json
import os
import signal
from pathlib import Path

import pytest

from sandbox.harness.waiting import wait_until
from services.writer.backup.label import label_path
from shared.keys import Keys
from shared.models import TagValue
from shared.redis.link import RedisLink
from tests.fakes import tag_values
from tests.integration.writer.recover.place import NOON, Place, expected, numbered

AWKWARD = ["=1+1", "+5", "-5", "@cmd", "온도 센서", 'say "hi"', "a,b", "two\nlines", "a\rb\r\n", "  ", "'", None]


@pytest.mark.req("OPS-2", "FR-018", "SC-004")
def test_every_value_arrives_as_it_was(place: Place) -> None:
    values = numbered(1_200)
    awkward = [
        TagValue(NOON, "PLC02", f"주소-{n}", text, "GOOD" if text is not None else "BAD")
        for n, text in enumerate(AWKWARD)
    ]
    place.write(values)
    place.write(awkward)

    status, output = place.recover()

    assert status == 0, output
    assert place.stored() == expected([*values, *awkward])
    assert place.files("*.csv") == []
    assert len(place.files("recovered/*.csv")) == 2
    assert f"All 2 files: {1_200 + len(AWKWARD)} rows read, {1_200 + len(AWKWARD)} written" in output


@pytest.mark.req("OPS-2")
def test_counter_event_and_state_are_told_to_the_monitor(place: Place, link: RedisLink, keys: Keys) -> None:
    path = place.write(numbered(700))
    place.recover()

    assert link.hash(keys.counters) == {"recovered": "700"}
    entry = json.loads(link.hash(keys.backup_files)[path.name])
    assert (entry["state"], entry["rows"], entry["kind"]) == ("recovered", 700, "backup")
    ((_, event),) = link.command("XRANGE", keys.events, "-", "+")
    assert event[b"kind"] == b"recovered"
    windows = [link.hash(raw.decode()) for raw in link.command("KEYS", f"{keys.window_prefix}*")]
    assert sum(int(window["recovered"]) for window in windows) == 700


@pytest.mark.req("OPS-2", "FR-016")
def test_file_put_back_twice_writes_nothing_twice(place: Place) -> None:
    path = place.write(numbered(600))
    place.recover()
    moved = place.directory / "recovered" / path.name

    status, output = place.recover(str(moved))

    assert status == 0
    assert "600 rows read, 0 written, 600 in the table already" in output
    assert place.count() == 600
    assert moved.exists()


def test_same_key_with_another_value_is_told(place: Place) -> None:
    place.write(numbered(1))
    place.recover()
    place.write([TagValue(NOON, "PLC01", "D0", "999", "GOOD")])

    _, output = place.recover()

    assert "1 there with another value (rejected)" in output
    assert place.stored() == expected(numbered(1))
    (aside,) = place.files("rejected_*.csv")
    row = (place.directory / aside).read_text().splitlines()[1]
    assert "999" in row
    assert ",CONFLICT,the table holds " in row


@pytest.mark.parametrize("rows", [1, 600])
@pytest.mark.parametrize("code", [1400, 14400, 20001, 55555])
def test_what_every_row_is_refused_for_is_no_rows_fault_and_the_file_stays(place: Place, rows: int, code: int) -> None:
    """Kind: `recover` blames rows for what is not theirs, whatever the size of the batch (one row, unknown code)."""
    place.write(numbered(rows))
    place.oracle.control.refuse_rows(code, table="tag_data")

    status, output = place.recover()

    assert status == 1, output
    assert f"ORA-{code:05}" in output
    assert (len(place.files("backup_*.csv")), place.files("rejected_*.csv"), place.count()) == (1, [], 0)

    place.oracle.control.reset()
    assert place.recover()[0] == 0
    assert place.stored() == expected(numbered(rows))


@pytest.mark.parametrize("rows", [1, 600])
def test_a_row_that_alone_is_refused_holds_up_nobody(place: Place, rows: int) -> None:
    """Kind: a poison row blocks the living. Where a sample is taken, an unknown code is the row's."""
    place.write(numbered(rows))
    place.oracle.control.refuse_rows(55555, containing="D0", table="tag_data")

    status, output = place.recover()

    assert status == 0, output
    assert (place.files("backup_*.csv"), len(place.files("rejected_*.csv"))) == ([], 1)
    refused = sum("D0" in value.tag_address for value in numbered(rows))
    assert place.count() == rows - refused


def test_a_look_up_that_fails_leaves_the_file_where_it_was(place: Place) -> None:
    """Kind: an answer that could not be asked for taken for a good one."""
    place.write(numbered(10))
    place.recover()
    path = place.write(numbered(10))
    place.oracle.control.fail_next(None, ora_code=1653, verb="SELECT")
    # The first SELECT learns the table; the writer has done that before in a plant.
    status, output = place.recover()
    assert status == 1, output
    assert path.exists()
    place.oracle.control.reset()
    assert "10 in the table already" in place.recover()[1]


def test_second_layout_is_filled(place: Place) -> None:
    values = [*numbered(10), TagValue(NOON, "PLC02", "D1", None, "BAD")]
    place.write(values)

    status, output = place.recover(ORACLE_TABLE="tag_values", ORACLE_TABLE_LAYOUT="tag_values")

    rows = place.sql("SELECT plc_code, tag_address, timestamp, tag_value, quality FROM tag_values")
    assert status == 0, output
    assert set(rows) == {(v.plc_code, v.tag_address, v.timestamp, v.tag_value or "NULL", v.quality) for v in values}


@pytest.mark.req("FR-013")
def test_number_column_gets_numbers_and_refuses_text(place: Place) -> None:
    place.sql(
        "CREATE TABLE numbers (tag_name VARCHAR2(100), tag_value NUMBER, timestamp TIMESTAMP(6), "
        "quality VARCHAR2(20) NOT NULL, PRIMARY KEY (tag_name, timestamp))"
    )
    texts = ["12.5", "-3", None, "running"]
    place.write([TagValue(NOON, "P", f"D{n}", text, "GOOD") for n, text in enumerate(texts)])

    status, output = place.recover(ORACLE_TABLE="numbers")

    assert status == 0, output
    assert place.sql("SELECT tag_name, tag_value FROM numbers ORDER BY tag_name") == [
        ("P.D0", 12.5),
        ("P.D1", -3),
        ("P.D2", None),
    ]
    ((rejected),) = place.files("rejected_*.csv")
    assert "NOT_A_NUMBER" in (place.directory / rejected).read_text()


@pytest.mark.req("EC-6")
def test_row_too_long_costs_no_other_row_and_can_be_put_right(place: Place) -> None:
    values = numbered(20)
    values[7] = TagValue(NOON, "PLC01", "LONG", "x" * 300, "GOOD")
    place.write(values)

    status, output = place.recover()

    assert status == 0
    assert "20 rows read, 19 written, 0 in the table already, 1 rejected" in output
    (rejected,) = place.files("rejected_*.csv")
    path = place.directory / rejected
    assert "TOO_LONG" in path.read_text()
    path.write_text(path.read_text().replace("x" * 300, "x" * 200))
    assert place.recover(rejected)[0] == 0
    assert place.stored()["PLC01.LONG", NOON] == ("x" * 200, "GOOD")
    assert place.files("rejected_*.csv") == []


@pytest.mark.req("OPS-2", "SC-004")
def test_torn_and_bad_lines_cost_no_value_and_are_accounted_for(place: Place) -> None:
    path = place.write(numbered(30))
    lines = path.read_text().splitlines(keepends=True)
    lines.insert(11, 'a stray "quote\n')
    lines[-1] = lines[-1][:20]
    path.write_text("".join(lines))
    label_path(path).unlink()

    status, output = place.recover()

    assert status == 0
    assert place.stored() == expected(numbered(29))
    assert "30 rows read, 29 written, 0 in the table already, 1 bad lines, last line torn" in output
    assert f"{path} line 12: " in output
    assert f"{path}: line 32 is torn" in output
    (rejected,) = place.files("rejected_*.csv")
    assert 'a stray ""quote' in (place.directory / rejected).read_text()


def test_file_that_is_no_backup_is_left_and_the_others_go_on(place: Place) -> None:
    wrong = place.directory / "backup_20250101_000000.csv"
    wrong.write_text("time,value\n1,2\n")
    place.write(numbered(5))

    status, output = place.recover()

    assert status == 1
    assert f"{wrong}: line 1 is 'time,value'" in output
    assert place.files("*.csv") == [wrong.name]
    assert place.count() == 5


def test_file_that_a_writer_still_writes_is_left_out(place: Place) -> None:
    path = place.write(numbered(5))
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        status, output = place.recover()

    assert status == 0
    assert "still being written by a writer" in output
    assert place.count() == 0
    assert path.exists()
    assert place.recover()[0] == 0
    assert place.count() == 5


def test_dry_run_writes_nothing(place: Place, link: RedisLink, keys: Keys) -> None:
    place.write(numbered(300))
    place.recover()
    place.write(numbered(900, first=100))

    status, output = place.recover("--dry-run")

    assert status == 0
    assert "900 rows, 0 bad lines; of 200 looked up " in output
    assert "of 200 looked up 0 are" not in output
    assert place.count() == 300
    assert len(place.files("*.csv")) == 1
    assert link.hash(keys.counters) == {"recovered": "300"}


def test_dry_run_needs_no_oracle(place: Place) -> None:
    place.write(numbered(3))
    status, output = place.recover("--dry-run", ORACLE_DSN="127.0.0.1:1/X", ORACLE_POOL_TIMEOUT="1")

    assert status == 0
    assert "3 rows" in output
    assert "not looked up" in output


def test_nothing_to_do_is_said(place: Place) -> None:
    assert place.recover() == (0, f"Nothing to recover: no backup_*.csv in {place.directory}\n")


def test_a_directory_that_is_not_there_is_no_empty_one(place: Place, tmp_path: Path) -> None:
    """Kind: what can't be read taken for empty. "Nothing to recover", status 0, by a mistyped BACKUP_DIR."""
    status, output = place.recover(BACKUP_DIR=str(tmp_path / "mistyped"))
    assert (status, "no such directory" in output) == (1, True), output


def test_oracle_away_is_retried_then_the_file_stays(place: Place) -> None:
    place.write(numbered(5))
    place.oracle.control.fail_next(None, ora_code=12570, verb="INSERT")

    status, output = place.recover()

    assert status == 1
    assert output.count("Retrying in ") == 3
    assert "ORA-12570" in output
    assert len(place.files("backup_*.csv")) == 1
    place.oracle.control.reset()
    assert place.recover()[0] == 0
    assert place.count() == 5


@pytest.mark.req("EC-3")
def test_lost_reply_after_the_commit_stores_nothing_twice(place: Place) -> None:
    place.write(numbered(1_500))
    place.oracle.control.lose_reply_after_commit(1)

    status, output = place.recover()

    assert status == 0, output
    assert place.stored() == expected(numbered(1_500))
    assert "1500 rows read, 1000 written, 500 in the table already" in output


def test_redis_away_does_not_stop_it(place: Place) -> None:
    place.write(numbered(1_100))
    status, output = place.recover(REDIS_URL="redis://127.0.0.1:1/0")

    assert status == 0
    assert place.count() == 1_100
    assert output.count("is not usable") == 1
    assert "1100 rows too low" in output


@pytest.mark.req("OPS-2")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_after_the_batch_and_the_next_run_goes_on(place: Place, signum: signal.Signals) -> None:
    path = place.write(numbered(3_000))
    process = place.start("--rate", "1000")
    wait_until(lambda: place.count() > 0, what="the first rows")
    process.send_signal(signum)
    output = process.output(10)

    written = place.count()
    assert process.returncode == 130, output
    assert 0 < written < 3_000
    assert f"interrupted after {written} rows read, {written} written" in output
    assert path.exists()
    status, output = place.recover()
    assert status == 0
    assert f"{3_000 - written} written, {written} in the table already" in output
    assert place.stored() == expected(numbered(3_000))


@pytest.mark.req("OPS-2")
def test_kill_in_the_middle_loses_and_doubles_nothing(place: Place) -> None:
    place.write(numbered(20_000))
    for wanted in (1, 3_000):
        process = place.start()
        wait_until(lambda least=wanted: place.count() >= least, what="rows")  # type: ignore[misc]
        process.kill()
        process.output(10)

    status, output = place.recover()

    assert status == 0, output
    assert place.stored() == expected(numbered(20_000))
    assert len(place.files("recovered/*.csv")) + len(place.files("backup_*.csv")) == 1


@pytest.mark.req("FR-003")
def test_two_at_once_share_the_files(place: Place) -> None:
    for first in range(0, 8_000, 2_000):
        place.write(numbered(2_000, first))
    processes = [place.start() for _ in range(2)]
    outputs = [process.output(60) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], outputs
    assert place.stored() == expected(numbered(8_000))
    assert len(place.files("recovered/*.csv")) == 4
    assert place.files("*.csv") == []


def test_progress_is_shown_in_plain_lines_without_a_terminal(place: Place) -> None:
    path = place.write(numbered(10))
    output = place.recover()[1]

    assert f"{path}: {(place.directory / 'recovered' / path.name).stat().st_size:,} bytes\n" in output
    assert "\x1b" not in output


@pytest.mark.req("OPS-2")
def test_file_named_that_is_not_there_fails(place: Place) -> None:
    status, output = place.recover("backup_19700101_000000.csv")

    assert status == 1
    assert "there is no such file" in output


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


REJECTED_CELLS = ",TOO_LONG,tag_name holds 100 bytes"


def as_rejected(path: Path, *, last: str = "") -> Path:
    """Make a file of rejected rows of a backup file, as an editor saves it that ends no last line."""
    header, *rows = path.read_text().splitlines()
    rejected = path.with_name(path.name.replace("backup", "rejected"))
    lines = [f"{header},error_code,error_message", *(row + REJECTED_CELLS for row in rows), *filter(None, [last])]
    path.write_text("\n".join(lines))
    label_path(path).rename(label_path(rejected))
    return path.rename(rejected)


@pytest.mark.parametrize("is_labelled", [True, False])
def test_the_last_row_of_a_file_that_an_editor_saved_is_not_torn(place: Place, is_labelled: bool) -> None:
    """Kind: what a crash leaves taken for the only way to come about. The row that a person put right was left out."""
    path = as_rejected(place.write(tag_values(5)))
    if not is_labelled:
        label_path(path).unlink()
    status, output = place.recover(str(path))
    assert (status, place.count()) == (0, 5), output
    assert "torn" not in output


def test_a_last_line_that_is_no_row_is_kept_where_no_writer_died(place: Place) -> None:
    """Kind: as above: half a line that a person left goes where a person finds it, and is not left out."""
    path = as_rejected(place.write(tag_values(3)), last="2026-01-01 00:00:00,PLC01")
    status, output = place.recover(str(path))
    assert (status, place.count()) == (0, 3), output
    assert "1 bad lines" in output
    (rejected,) = place.files("rejected_*.csv")
    assert "2026-01-01 00:00:00,PLC01" in (place.directory / rejected).read_text()


def test_the_last_row_of_a_changed_file_that_is_recovered_anyway_is_not_torn(place: Place) -> None:
    path = place.write(tag_values(5))
    path.write_text(path.read_text().rstrip("\n"))
    assert place.recover(str(path))[0] == 1
    assert place.recover("--anyway", str(path))[0] == 0
    assert place.count() == 5
