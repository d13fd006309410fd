"""Records of foreign files as values, and the files that hold them."""

from datetime import datetime
from pathlib import Path

import pytest

from services.writer.importing.columns import Columns
from services.writer.importing.foreign_file import ForeignFile
from services.writer.recover.open_file import FileInUseError, UnusableFileError
from shared.disks import is_being_written
from shared.foreign_csv.dialect import Said
from shared.models import TagValue

MOMENT = datetime(2026, 1, 2, 3, 4, 5)
TIME = "2026-01-02 03:04:05"


def columns(separator: str = ".", *, is_ambiguous: bool = False, plc_code: str | None = None, **named: str) -> Columns:
    return Columns(named, separator, is_ambiguous, plc_code)


def read(tmp_path: Path, text: str, of: Columns | None = None) -> tuple[list[TagValue], list[str]]:
    """Return the values of a file and what is wrong with its other rows."""
    path = tmp_path / "f.csv"
    path.write_text(text)
    with ForeignFile(path, Said(), of or columns()) as file:
        batches = [file.reader.read(2) for _ in range(20)]
        assert file.put_away() == path
    values = [value for batch in batches for value in batch.values]
    return values, [line.reason for batch in batches for line in batch.bad_lines]


def test_columns_are_known_by_their_names_in_any_order_others_beside_them(tmp_path: Path) -> None:
    values, bad = read(
        tmp_path, f"site,Quality,TAG_VALUE,tag_address,plc_code,timestamp\nn,bad,7,A.B,P,{TIME}\nn,,8,C,P,{TIME}\n"
    )
    assert values == [TagValue(MOMENT, "P", "A.B", "7", "BAD"), TagValue(MOMENT, "P", "C", "8", "GOOD")]
    assert bad == []


def test_a_file_that_a_program_still_writes_is_left_out_where_its_last_line_has_no_end(tmp_path: Path) -> None:
    """Kind: half of a thing taken for the whole. A logger's buffer ends where it is full: of 12.75 the table had 12.7,
    GOOD, and the right value came as a conflict with the next import.
    """
    path = tmp_path / "log.csv"
    with path.open("w") as logger:
        logger.write(f"timestamp,tag_name,tag_value\n{TIME},P.A,12.7")
        logger.flush()
        with path.open("rb") as half:
            if not is_being_written(half.fileno()):
                pytest.skip("here nobody tells who has a file open")
        # No FileInUseError: of that a run tells no fault, and who imports and then deletes has lost the file.
        with pytest.raises(UnusableFileError, match="its last line has no end"):
            ForeignFile(path, Said(), columns())
        logger.write("5\n")
        logger.flush()
        with ForeignFile(path, Said(), columns()) as file:
            assert [value.tag_value for value in file.reader.read(10).values] == ["12.75"]
    # An editor that ends no last line has closed it; a person is told all the same.
    path.write_text(path.read_text().rstrip("\n"))
    with ForeignFile(path, Said(), columns()) as file:
        assert [value.tag_value for value in file.reader.read(10).values] == ["12.75"]
        assert "its last line has no end" in file.notes[0]


@pytest.mark.parametrize(
    ("name", "of", "tag"),
    [
        ("P.A", columns(), ("P", "A")), ("P.A.B", columns(), ("P", "A.B")), ("P.Q|A", columns("|"), ("P.Q", "A")),
        ("A.B", columns(plc_code="P"), ("P", "A.B")), ("A", columns(plc_code="P"), ("P", "A")),
    ],
)  # fmt: skip
def test_a_tag_name_is_parted_where_the_table_joins_it(
    tmp_path: Path, name: str, of: Columns, tag: tuple[str, str]
) -> None:
    (value,), _ = read(tmp_path, f"timestamp,tag_name,tag_value\n{TIME},{name},1\n", of)
    assert (value.plc_code, value.tag_address) == tag


@pytest.mark.parametrize(
    ("cells", "of", "reason"),
    [
        ("tag_name", columns(), "has no '.' between"), (".A", columns(), "names no PLC"), ("P.", columns(), "is empty"),
        ("P.A.B", columns(is_ambiguous=True), "can be parted in several ways"),
        (f"P.{'x' * 1001}", columns(), "longer than 1000"),
    ],
)  # fmt: skip
def test_a_name_that_is_no_tags_is_its_rows_fault(tmp_path: Path, cells: str, of: Columns, reason: str) -> None:
    values, (told,) = read(tmp_path, f"timestamp,tag_name,tag_value\n{TIME},{cells},1\n{TIME},P.A,2\n", of)
    assert [value.tag_value for value in values] == ["2"]
    assert reason in told


def test_a_name_that_is_not_its_plc_and_address_is_its_rows_fault(tmp_path: Path) -> None:
    header = "timestamp,plc_code,tag_address,tag_name,tag_value"
    values, bad = read(tmp_path, f"{header}\n{TIME},P,A,P.A,1\n{TIME},P,A,P.B,2\n")
    assert ([value.tag_value for value in values], len(bad)) == (["1"], 1)
    assert "is not plc_code" in bad[0]


@pytest.mark.parametrize(
    ("cells", "stored"),
    [
        ("12.50,Good", ("12.50", "GOOD")), (",Good", (None, "BAD")), ("NaN,Good", (None, "BAD")),
        ("-inf,", (None, "BAD")), ("x,Uncertain", ("x", "UNCERTAIN")), ("x,192", ("x", "UNCERTAIN")),
        ("NULL,BAD", ("NULL", "BAD")), (" x ,BadSensor", (" x ", "BAD")),
    ],
)  # fmt: skip
def test_a_value_is_stored_as_by_every_other_way_in(tmp_path: Path, cells: str, stored: tuple[str | None, str]) -> None:
    (value,), _ = read(tmp_path, f"timestamp,tag_name,tag_value,quality\n{TIME},P.A,{cells}\n")
    assert (value.tag_value, value.quality) == stored


def test_a_file_that_grows_while_it_is_read_is_not_told_as_done(tmp_path: Path) -> None:
    """Kind: half a file that counts as a whole one."""
    path = tmp_path / "f.csv"
    path.write_text(f"timestamp,tag_name,tag_value\n{TIME},P.A,1\n")
    with ForeignFile(path, Said(), columns()) as file:
        with path.open("a") as more:
            more.write(f"{TIME},P.B,1\n")
        with pytest.raises(FileInUseError, match="import it again, what is there is skipped"):
            file.put_away()


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "away.csv"):
        with pytest.raises(UnusableFileError, match="can't be read"):
            ForeignFile(path, Said(), columns())


@pytest.mark.parametrize(
    "header", ["timestamp,tag_name,tag_value,TAG_VALUE", "timestamp,tag_name,tag_value, tag_name "]
)
def test_a_column_that_is_there_twice_is_not_guessed(tmp_path: Path, header: str) -> None:
    """Kind: a guess where two readings are possible. The first one was taken, raw or scaled, without a word."""
    with pytest.raises(UnusableFileError, match="--column"):
        read(tmp_path, f"{header}\n{TIME},P.A,1,P.B\n")
    # If: a person says which, by a name that is there once
    renamed = header.replace("TAG_VALUE", "scaled").replace(" tag_name ", "scaled")
    values, _ = read(tmp_path, f"{renamed}\n{TIME},P.A,1,2\n", columns(tag_value="scaled"))
    assert [value.tag_value for value in values] == ["2"]


@pytest.mark.parametrize("cell", ["#N/A", "#DIV/0!", "#VALUE!", "#NV", "#NULL!", " #N/A ", "#N/A N/A"])
def test_what_a_spreadsheet_says_in_the_place_of_a_value_is_none(tmp_path: Path, cell: str) -> None:
    """Kind: a sign that there is no value taken for one: `#N/A` was stored, GOOD."""
    values, bad = read(tmp_path, f"timestamp,tag_name,tag_value\n{TIME},P.A,{cell}\n{TIME},P.B,#1 pump\n")
    assert [(value.tag_value, value.quality) for value in values] == [(None, "BAD"), ("#1 pump", "GOOD")]
    assert bad == []


@pytest.mark.parametrize(
    ("begins", "said"), [(b"PK\x03\x04\x14\0\x06\0", "workbook of Excel"), (b"\x1f\x8b\x08\0", "gunzip it")]
)
def test_a_file_that_is_packed_is_called_so(tmp_path: Path, begins: bytes, said: str) -> None:
    """Kind: a symptom with several causes. A workbook was said to be in an encoding that is not known."""
    path = tmp_path / "history.csv"
    path.write_bytes(begins + bytes(range(256)) * 40)
    with pytest.raises(UnusableFileError, match=said):
        ForeignFile(path, Said(), columns())
