"""`python -m services.writer recover` as a process: real files, the real driver, real signals."""

import fcntl
import json
from pathlib import Path

import pytest

from services.writer.backup.label import label_path
from shared.keys import Keys
from shared.models import TagValue
from shared.redis.link import RedisLink
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


def test_a_file_that_can_not_be_moved_or_read_to_its_end_holds_up_no_other(place: Place) -> None:
    """Kind: one's fault costs all. A bad sector, or a `recovered` that may not be written, in the first of many files,
    and the others were not tried."""
    place.write(numbered(600))
    place.write(numbered(600, first=600))
    (place.directory / "recovered").write_text("in the way")

    status, output = place.recover()

    assert (status, place.count()) == (1, 1_200), output
    assert output.count("left where it is after 600 rows read, 600 written") == 2
    (place.directory / "recovered").unlink()
    assert place.recover()[0] == 0
    assert place.files("backup_*.csv") == []


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


def test_rows_that_the_table_does_not_take_now_hold_up_neither_their_file_nor_the_next(place: Place) -> None:
    """Kind: one's fault costs all. A row of a read-only partition ended the command at the first file."""
    values = numbered(1_200)
    first = place.write(values[:600])
    place.write(values[600:])
    place.oracle.control.refuse_rows(372, containing="PLC01.D3", table="tag_data")
    status, output = place.recover()
    assert status == 1
    late = [value for value in values if value.tag_address == "D3"]
    assert place.stored() == expected([value for value in values if value not in late])
    assert len(place.files("backup_*.csv")) == 2
    assert f"does not take {len([v for v in late if v in values[:600]])} of its rows now" in output
    assert first.name in output
    assert "ORA-00372" in output
    place.oracle.control.reset()
    status, output = place.recover()
    assert status == 0, output
    assert place.stored() == expected(values)
    assert place.files("backup_*.csv") == []


def test_a_table_without_its_key_takes_no_file_unless_it_is_told_to(place: Place) -> None:
    """Kind: what makes a repetition safe, taken for granted. The command was interrupted and run again, as it says one
    may: half of the file was there twice.
    """
    place.sql(
        "CREATE TABLE keyless (tag_name VARCHAR2(100) NOT NULL, tag_value VARCHAR2(255) NOT NULL, "
        "timestamp TIMESTAMP(6) NOT NULL, quality VARCHAR2(20) NOT NULL)"
    )
    place.write(numbered(5))
    status, output = place.recover(ORACLE_TABLE="keyless")
    assert status == 1
    assert "KEYLESS has no key on (tag_name, timestamp)" in output
    assert (len(place.files("backup_*.csv")), place.sql("SELECT COUNT(*) FROM keyless")) == (1, [(0,)])
    status, output = place.recover("--anyway", ORACLE_TABLE="keyless")
    assert status == 0, output
    assert (place.files("backup_*.csv"), place.sql("SELECT COUNT(*) FROM keyless")) == ([], [(5,)])
    place.sql("DROP TABLE keyless")
