from datetime import datetime
from pathlib import Path

import pytest

from sandbox.harness.oracle import Row
from sandbox.plan import PlanError
from sandbox.recording import compare, read_recording, stored_cell

_T1, _T2 = datetime(2025, 11, 2, 14, 30, 52, 123456), datetime(2025, 11, 2, 14, 30, 53)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Two rows of two tags, CRLF, an empty cell, no final newline."""
    path = tmp_path / "PLC07_x.csv"
    path.write_bytes(b"timestamp,P,Q\r\n2025-11-02 14:30:52.123456,1.335972e+07,\r\n2025-11-02 14:30:53,7,open")
    return path


@pytest.mark.parametrize(
    ("cell", "stored"),
    [
        ("1.335972e+07", ("13359720.0", "GOOD")),
        ("0", ("0", "GOOD")),
        ("-007", ("-7", "GOOD")),
        ("0.1", ("0.1", "GOOD")),
        ("-0.0", ("-0.0", "GOOD")),
        ("99999999999999999999999", ("99999999999999999999999", "GOOD")),
        ("1e999", ("NULL", "BAD")),
        ("inf", ("NULL", "BAD")),
        ("1_000", ("1_000", "GOOD")),
        (" open ", (" open ", "GOOD")),
        ("", ("NULL", "BAD")),
        ("  ", ("NULL", "BAD")),
        ("NaN", ("NULL", "BAD")),
    ],
)
def test_cell_is_stored_as(cell: str, stored: tuple[str, str]) -> None:
    assert stored_cell(cell) == stored


def test_every_cell_has_its_place_in_the_table(csv: Path) -> None:
    recording = read_recording(csv, "PLC07")
    assert (recording.rows, recording.tags, recording.left_out, recording.restamped) == (2, 2, [], 0)
    assert recording.cells == {
        ("PLC07.P", _T1): ("13359720.0", "GOOD"),
        ("PLC07.Q", _T1): ("NULL", "BAD"),
        ("PLC07.P", _T2): ("7", "GOOD"),
        ("PLC07.Q", _T2): ("open", "GOOD"),
    }


def test_time_that_repeats_is_stored_a_microsecond_later(csv: Path) -> None:
    csv.write_text("timestamp,P\n2025-11-02T14:30:53,1\n2025-11-02T14:30:53,2\n2025-11-02T14:30:52.123456,3\n")
    recording = read_recording(csv, "PLC07")
    assert recording.restamped == 2
    assert [moment.microsecond for _, moment in recording.cells] == [0, 1, 2]


def test_aware_time_is_stored_as_utc(csv: Path) -> None:
    csv.write_text("timestamp,P\n2025-11-02T23:30:53+09:00,1\n")
    assert list(read_recording(csv, "PLC07").cells) == [("PLC07.P", _T2)]


def test_line_that_cannot_be_read_is_named_and_left_out(csv: Path) -> None:
    csv.write_bytes(
        b"\xef\xbb\xbftimestamp,P\nyesterday,1\n\n2025-11-02 14:30:53,1,2\n"
        b"2025-11-02 14:30:53,\xff\n2025-11-02 14:30:53,4\n"
    )
    recording = read_recording(csv, "PLC07")
    assert recording.cells == {("PLC07.P", _T2): ("4", "GOOD")}
    assert [line.partition(":")[0] for line in recording.left_out] == ["line 2", "line 4", "line 5"]


def test_columns_without_a_name_or_with_one_that_stands_before_are_nobodys(csv: Path) -> None:
    csv.write_text("timestamp,P,,P\n2025-11-02 14:30:53,1,2,3\n")
    assert read_recording(csv, "PLC07").cells == {("PLC07.P", _T2): ("1", "GOOD")}


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "timestamp\n2025-11-02\n", "timestamp,P\n", "timestamp,P\nyesterday,1\n"]
)
def test_file_without_anything_to_replay_is_refused(csv: Path, text: str) -> None:
    csv.write_text(text)
    with pytest.raises(PlanError, match=r"PLC07_x\.csv: "):
        read_recording(csv, "PLC07")


def _table(csv: Path) -> dict[tuple[str, datetime], Row]:
    return {
        (name, moment): (name, text, moment, quality)
        for (name, moment), (text, quality) in read_recording(csv, "PLC07").cells.items()
    }


def test_table_that_holds_the_file_is_equal(csv: Path) -> None:
    result = compare(read_recording(csv, "PLC07"), _table(csv).values())
    assert (result.equal, result.different, result.unexpected, result.missing) == (4, 0, 0, 0)
    assert result.examples == []


def test_each_way_to_differ_is_counted_and_shown(csv: Path) -> None:
    # Given: one value wrong, one time off by a microsecond (unexpected, and its own missing), one row missing
    table = _table(csv)
    table["PLC07.P", _T1] = ("PLC07.P", "13359720", _T1, "GOOD")
    del table["PLC07.Q", _T2]
    table["PLC07.P", _T2] = ("PLC07.P", "7", _T2.replace(microsecond=1), "GOOD")
    # If: it is compared with the file
    result = compare(read_recording(csv, "PLC07"), table.values())
    # Expect: every cell falls under one heading, and each difference has an example
    assert (result.equal, result.different, result.unexpected, result.missing) == (1, 1, 1, 2)
    assert len(result.examples) == 4
    assert "'13359720' GOOD in the table, '13359720.0' GOOD in the file" in result.examples[0]


def test_wrong_quality_is_a_difference(csv: Path) -> None:
    table = _table(csv)
    table["PLC07.Q", _T1] = ("PLC07.Q", "NULL", _T1, "GOOD")
    assert compare(read_recording(csv, "PLC07"), table.values()).different == 1
