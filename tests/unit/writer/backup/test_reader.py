import io
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.format import backup_row
from services.writer.backup.reader import BackupReader, ReadBatch, WrongHeaderError
from shared.clock import SystemClock
from shared.models import TagValue
from shared.records.files import HEADER, REJECTED_HEADER

NOON = datetime(2025, 11, 2, 12, 0, 0, 123456)
HEAD = (",".join(HEADER) + "\n").encode()


def row(address: str = "D1", value: str = "12.5") -> bytes:
    return f"2025-11-02 12:00:00.123456,PLC01,{address},PLC01.{address},{value},GOOD,2025-11-02T12:00:01\n".encode()


def read(raw: bytes) -> tuple[ReadBatch, BackupReader]:
    reader = BackupReader(io.BytesIO(raw))
    everything = ReadBatch()
    while (batch := reader.read(2)).rows:
        everything.values += batch.values
        everything.bad_lines += batch.bad_lines
    return everything, reader


def test_rows_become_the_values_they_were() -> None:
    batch, reader = read(HEAD + row() + row("D2", ""))

    assert batch.values == [TagValue(NOON, "PLC01", "D1", "12.5", "GOOD"), TagValue(NOON, "PLC01", "D2", None, "GOOD")]
    assert batch.bad_lines == []
    assert reader.torn_line is None
    assert reader.position == len(HEAD + row() + row("D2", ""))


AWKWARD = ["=1+1", "+5", "-5", "@x", "온도 센서", 'say "hi"', "a,b", "two\nlines", "a\rb", "\t ", "x" * 200_000]

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts, st.none() | texts), max_size=5))
def test_whatever_was_written_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str, str | None]]
) -> None:
    values = [TagValue(NOON, plc, address, value, "UNCERTAIN") for plc, address, value in cells]
    backup = CsvBackup(tmp_path_factory.mktemp("b"), "backup", SystemClock(), rotate_bytes=10**9, min_free_bytes=0)
    path = backup.append([backup_row(value, "now") for value in values])
    backup.finish()

    batch, reader = read(path.read_bytes())

    assert batch.values == values
    assert batch.bad_lines == []
    assert reader.torn_line is None


@pytest.mark.parametrize("value", AWKWARD)
def test_awkward_text_reads_back_the_same(value: str, tmp_path: Path) -> None:
    backup = CsvBackup(tmp_path, "backup", SystemClock(), rotate_bytes=10**9, min_free_bytes=0)
    path = backup.append([backup_row(TagValue(NOON, "PLC01", "D1", value, "GOOD"), "now")])
    backup.finish()

    batch, _ = read(path.read_bytes())

    assert [v.tag_value for v in batch.values] == [value]


@pytest.mark.parametrize("cut", range(1, len(row())))
def test_torn_last_line_is_left_out_and_reported(cut: int) -> None:
    batch, reader = read(HEAD + row("D1") + row("D2")[:cut])

    assert [v.tag_address for v in batch.values] == ["D1"]
    assert batch.bad_lines == []
    assert reader.torn_line == 3


@pytest.mark.parametrize("tail", [b"two\nlines", b"two\nlines\n", b'""\n\n'])
def test_last_line_torn_inside_quotes_is_one_torn_line(tail: bytes) -> None:
    batch, reader = read(HEAD + row("D1") + b'2025-11-02 12:00:00.123456,PLC01,D2,PLC01.D2,"' + tail)

    assert [v.tag_address for v in batch.values] == ["D1"]
    assert batch.bad_lines == []
    assert reader.torn_line == 3


def test_bad_line_in_the_middle_costs_no_other_line() -> None:
    batch, reader = read(HEAD + row("D1") + b"half a l\n" + row("D2"))

    assert [v.tag_address for v in batch.values] == ["D1", "D2"]
    assert [(bad.line, bad.text, bad.reason) for bad in batch.bad_lines] == [(3, "half a l", "1 cells instead of 7")]
    assert reader.torn_line is None


def test_stray_quote_costs_no_line_but_its_own() -> None:
    batch, reader = read(HEAD + row("D1") + b'oh "no\n' + row("D2") + row("D3") + row("D4"))

    assert [v.tag_address for v in batch.values] == ["D1", "D2", "D3", "D4"]
    assert [(bad.line, bad.text) for bad in batch.bad_lines] == [(3, 'oh "no')]
    assert reader.torn_line is None


def test_two_stray_quotes_cost_no_line_between_them() -> None:
    batch, _ = read(HEAD + b'x"\n' + row("D1") + b'y"\n' + row("D2"))

    assert [v.tag_address for v in batch.values] == ["D1", "D2"]
    assert [(bad.line, bad.text) for bad in batch.bad_lines] == [(2, 'x"'), (4, 'y"')]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"yesterday,P,D,P.D,1,GOOD,x\n", "'yesterday' is no timestamp"),
        (b"2025-11-02 12:00:00,P,D,OTHER.D,1,GOOD,x\n", "tag_name 'OTHER.D' is not plc_code, dot, tag_address"),
        (b"2025-11-02 12:00:00,P,D,P.D,\xff,GOOD,x\n", "not UTF-8 at byte 29"),
        (b"2025-11-02 12:00:00,P,D,P.D,1,GOOD\n", "6 cells instead of 7"),
        (b'2025-11-02 12:00:00,P,D,P.D,"1"2,GOOD,x\n', "',' expected after '\"'"),
    ],
)
def test_what_is_no_value_says_why(line: bytes, reason: str) -> None:
    batch, _ = read(HEAD + row("D1") + line + row("D2"))

    assert [bad.reason for bad in batch.bad_lines] == [reason]
    assert len(batch.values) == 2


def test_line_ends_and_byte_order_mark_of_other_programs_are_understood() -> None:
    raw = b"\xef\xbb\xbf" + (HEAD + row()).replace(b"\n", b"\r\n")

    assert [v.tag_value for v in read(raw)[0].values] == ["12.5"]


def test_rejected_file_is_read_by_its_own_header() -> None:
    line = row().rstrip(b"\n") + b",ORA-12899,value too large\n"
    raw = (",".join(REJECTED_HEADER) + "\n").encode() + line

    assert [v.tag_name for v in read(raw)[0].values] == ["PLC01.D1"]


def test_line_that_was_set_aside_before_is_set_aside_unchanged() -> None:
    bad = read(HEAD + b"nonsense\n")[0].bad_lines[0].rejected_row("backup_1.csv", "now")
    again = read((",".join(REJECTED_HEADER) + "\n" + ",".join(bad) + "\n").encode())[0].bad_lines[0]

    assert again.rejected_row("rejected_1.csv", "now") == bad


@pytest.mark.parametrize("raw", [b"", b"time", HEAD[:-1]])
def test_file_killed_at_its_birth_is_empty(raw: bytes) -> None:
    assert read(raw)[0].rows == 0


@pytest.mark.parametrize("raw", [b"a,b\n", b"PK\x03\x04 zip", b"\n"])
def test_other_files_are_refused(raw: bytes) -> None:
    with pytest.raises(WrongHeaderError, match="line 1 is"):
        read(raw)
