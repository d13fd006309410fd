import gzip
import os
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.source import SourceError
from services.poller.sources.csv_lines import MAX_LINE_BYTES, Row, parse_cell, read_rows
from shared.disks import is_being_written
from shared.models import Scalar

HEADER = b"timestamp,A,B\n"


def read(tmp_path: Path, raw: bytes) -> tuple[list[Row], list[tuple[int, str]]]:
    """Return the good lines, and the complaints."""
    path = tmp_path / "recording.csv"
    path.write_bytes(raw)
    complaints: list[tuple[int, str]] = []
    rows = list(read_rows(path, lambda line, reason: complaints.append((line, reason))))
    return rows, complaints


@pytest.mark.req("FR-018")
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_keep_their_microseconds_with_any_line_end_and_without_a_last_one(tmp_path: Path, end: bytes) -> None:
    raw = end.join([b"timestamp,A,B", b"2017-10-31 19:30:25.000001,1,2.5", b"2017-10-31 19:30:25.999999,,x"])
    rows, complaints = read(tmp_path, raw)
    assert rows == [
        Row(2, datetime(2017, 10, 31, 19, 30, 25, 1), {"A": 1, "B": 2.5}),
        Row(3, datetime(2017, 10, 31, 19, 30, 25, 999999), {"A": None, "B": "x"}),
    ]
    assert complaints == []


def test_half_a_line_of_a_file_that_is_still_written_is_no_line(tmp_path: Path) -> None:
    """Kind: half of a thing taken for the whole. A logger's buffer ends where it is full: of 12.75 came 12.7, GOOD."""
    path = tmp_path / "recording.csv"
    complaints = []
    with path.open("wb") as logger:
        logger.write(HEADER + b"2026-01-01,1,12.75\n2026-01-02,1,12.7")
        logger.flush()
        with path.open("rb") as half:
            if not is_being_written(half.fileno()):
                pytest.skip("here nobody tells who has a file open")
        rows = [*read_rows(path, lambda line, reason: complaints.append((line, reason)))]
    assert [row.values["B"] for row in rows] == [12.75]
    assert complaints == [(3, "it has no end, and a program still writes the file: is it whole?")]
    # An editor that ends no last line is done with it.
    assert [row.values["B"] for row in read_rows(path, lambda *_: None)] == [12.75, 12.7]


def test_a_file_that_becomes_shorter_while_it_is_read_has_not_come_to_its_end(tmp_path: Path) -> None:
    """Kind: no more taken for all. A log rotation that copies and truncates, or the next recording written over this
    one: the group was said to be at the end of its source, and what came after the cut was not read.
    """
    path = tmp_path / "recording.csv"
    path.write_bytes(HEADER + b"".join(b"2026-01-01T%02d:00:00,1,2\n" % (number % 24) for number in range(50_000)))
    rows = read_rows(path, lambda *_: None)
    next(rows)
    path.write_bytes(HEADER + b"2026-01-02,3,4\n")
    with pytest.raises(SourceError, match="became shorter while it was read"):
        all(rows)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"2017-01-01 00:00:01,1", "2 columns where the header has 3"),
        (b"2017-01-01 00:00:01,1,2,3", "4 columns where the header has 3"),
        (b"yesterday,1,2", "'yesterday' is not a time (ISO 8601)"),
        (b",1,2", "'' is not a time (ISO 8601)"),
        (b'2017-01-01 00:00:01,"1,2', "unexpected end of data"),
        (b"2017-01-01 00:00:01,\x00,2", "holds a NUL byte"),
        (b"0001-01-01T00:00:00+09:00,1,2", "date value out of range"),
    ],
)
def test_a_damaged_line_is_told_with_its_number_and_costs_only_itself(tmp_path: Path, line: bytes, reason: str) -> None:
    raw = HEADER + b"2017-01-01 00:00:00,1,2\n" + line + b"\n2017-01-01 00:00:02,5,6\n"
    rows, complaints = read(tmp_path, raw)
    assert [row.line for row in rows] == [2, 4]
    assert complaints == [(3, reason)]


def test_a_cell_that_is_not_utf_8_costs_no_other_cell(tmp_path: Path) -> None:
    """Kind: one tag's text takes all tags of its poll with it."""
    rows, complaints = read(tmp_path, HEADER + b"2017-01-01 00:00:00,caf\xe9,2\n")
    assert [row.values for row in rows] == [{"A": "caf\udce9", "B": 2}]
    assert complaints == []


def test_blank_lines_and_a_byte_order_mark_are_no_faults(tmp_path: Path) -> None:
    rows, complaints = read(tmp_path, b"\xef\xbb\xbf" + HEADER + b"\n2017-01-01 00:00:00,1,2\n\r\n\n")
    assert [row.values for row in rows] == [{"A": 1, "B": 2}]
    assert complaints == []


def test_columns_without_a_name_or_with_a_repeated_one_are_left_out_and_told(tmp_path: Path) -> None:
    rows, complaints = read(tmp_path, b"timestamp,A,,A,B\n2017-01-01 00:00:00,1,2,3,4\n")
    assert [row.values for row in rows] == [{"A": 1, "B": 4}]
    assert complaints == [
        (1, "column 3 has no name: it is left out"),
        (1, "column 4 repeats the name 'A': it is left out"),
    ]


def test_an_aware_time_is_read_as_utc(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, HEADER + b"2017-01-01T09:00:00.5+09:00,1,2\n")
    assert rows[0].timestamp == datetime(2017, 1, 1, 0, 0, 0, 500000)


def test_quoted_cells_hold_commas_and_quotes(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, HEADER + b'2017-01-01 00:00:00,"a,b","say ""hi"""\n')
    assert rows[0].values == {"A": "a,b", "B": 'say "hi"'}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "line 1: the first column is '', not 'timestamp'"),
        (b"time,A\n", "line 1: the first column is 'time', not 'timestamp'"),
        (b"timestamp;A\n", "with commas"),
        (b"timestamp\n", "line 1: the header names no tag"),
        (b"timestamp,\xff\n", "line 1: not UTF-8"),
        # Kind: a symptom with several causes. What is packed was said to be not UTF-8, or to hold a NUL.
        (gzip.compress(b"timestamp,A\n2017-01-01T00:00:00,1\n", mtime=0), "line 1: packed by gzip: gunzip it"),
        (b"PK\x03\x04\x14\0\x06\0", "line 1: a workbook of Excel, or a zip archive: save the sheet as CSV (UTF-8)"),
        ("\ufefftimestamp,A\n".encode("utf-16-le"), "line 1: UTF-16: save it as UTF-8"),
    ],
)
def test_a_header_that_is_none_ends_the_source(tmp_path: Path, raw: bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=r"recording\.csv: ") as caught:
        read(tmp_path, raw)
    assert reason in str(caught.value)


def test_a_file_that_can_not_be_read_ends_the_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv: can't be read: No such file or directory"):
        list(read_rows(tmp_path / "nowhere.csv", lambda _line, _reason: None))
    with pytest.raises(SourceError, match="can't be read: not a regular file"):
        list(read_rows(tmp_path, lambda _line, _reason: None))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7), ("-12", -12), ("+5", 5), (" 8 ", 8), ("007", 7),
        ("1.335972e+07", 13359720.0), ("0.000000e+00", 0.0), (".5", 0.5), ("2.", 2.0), ("1E3", 1000.0),
        ("9223372036854775807", 9223372036854775807), ("9223372036854775808", "9223372036854775808"),
        ("1e999", None), ("-1e999", None), ("1_000", "1_000"), ("١٢", "١٢"), ("0x1F", "0x1F"), ("1,5", "1,5"),
        ("", None), ("  ", None), ("NaN", None), ("-nan", None), ("inf", None), ("-Infinity", None),
        ("True", "True"), ("open ", "open "), ("정지", "정지"),
    ],
)  # fmt: skip
def test_a_cell_is_an_integer_a_number_nothing_or_text(text: str, value: Scalar) -> None:
    parsed = parse_cell(text)
    assert (parsed, type(parsed)) == (value, type(value))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_as_it_was_written(number: float) -> None:
    assert parse_cell(repr(number)) == number


@given(st.text())
def test_any_cell_has_a_value(text: str) -> None:
    assert isinstance(parse_cell(text), int | float | str | None)


def test_a_line_that_is_too_long_costs_itself_and_no_memory(tmp_path: Path) -> None:
    """Kind: a file of one line is read whole."""
    long = b"2026-01-01T00:00:02," + b"x" * (3 * MAX_LINE_BYTES) + b"\n"
    raw = b"timestamp,a\n2026-01-01T00:00:01,1\n" + long + b"2026-01-01T00:00:03,3\n"
    rows, complaints = read(tmp_path, raw)
    assert [row.values for row in rows] == [{"a": 1}, {"a": 3}]
    assert complaints == [(3, f"has more than {MAX_LINE_BYTES} bytes")]


def test_a_pipe_is_no_recording(tmp_path: Path) -> None:
    """Kind: a file that never begins makes all groups wait."""
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SourceError, match="can't be read: not a regular file"):
        list(read_rows(tmp_path / "pipe.csv", lambda _line, _reason: None))
