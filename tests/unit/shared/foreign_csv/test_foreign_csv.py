"""CSV files of other programs: read as they were meant, or refused with what must be said of them."""

import io
from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.foreign_csv.dialect import Dialect, DialectError, Said, find_dialect
from shared.foreign_csv.lines import MAX_RECORD, Record, Records
from shared.foreign_csv.times import UNIX_FORMATS, Times
from shared.zones import zone_of

HEADER = "시각;온도;압력"
ROWS = ["2026-01-02 03:04:05;12,5;7", "2026-01-02 03:04:06;-0,25;1000"]


def fits(header: Sequence[str], _rows: Sequence[Sequence[str]]) -> bool:
    return len(header) > 1


def values_from(header: Sequence[str]) -> range:
    return range(1, len(header))


def dialect_of(raw: bytes, said: Said | None = None) -> Dialect:
    return find_dialect(io.BytesIO(raw), said or Said(), fits, values_from)


def records(raw: bytes, said: Said | None = None) -> list[Record]:
    return list(Records(io.BytesIO(raw), dialect_of(raw, said)))


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"), ("utf-32", "utf-32"), ("cp949", "cp949"),
    ],
)  # fmt: skip
def test_an_encoding_is_found_where_it_is_certain(encoding: str, found: str) -> None:
    # In UTF-16 without a mark the first characters must be ASCII to be known.
    header = HEADER if "16-" not in encoding else f"time{HEADER}"
    raw = "\r\n".join([header, *ROWS, ""]).encode(encoding)
    dialect = dialect_of(raw)
    assert (dialect.encoding, dialect.delimiter, dialect.decimal) == (found, ";", "comma")
    assert dialect.header == tuple(header.split(";"))
    assert [record.cells[1] for record in records(raw)] == ["12,5", "-0,25"]


@pytest.mark.parametrize(
    "header", ["Zeit;Temperatur °C;Außen", "Zeit;Größe;Übertrag", "时间;温度;压力", "時刻;温度;圧力"]
)
@pytest.mark.parametrize("encoding", ["cp1252", "gbk", "shift_jis"])
def test_what_may_be_another_alphabet_is_refused_and_read_where_it_is_said(header: str, encoding: str) -> None:
    """Kind: a text read as another: a degree sign and a C are Hangul in CP949."""
    try:
        raw = "\n".join([header, *ROWS]).encode(encoding)
    except UnicodeEncodeError:
        return
    with pytest.raises(DialectError) as refused:
        dialect_of(raw)
    assert refused.value.option == "encoding"
    assert dialect_of(raw, Said(encoding=encoding)).header == tuple(header.split(";"))


@pytest.mark.parametrize(
    ("lines", "delimiter", "decimal"),
    [
        (["t,a,b", "x,1.5,2"], ",", "point"), (["t;a", "x;1,5"], ";", "comma"),
        (["t\ta", "x\t1,5"], "\t", "comma"),
        (["t|a", "x|1.5"], "|", "point"), (["t,a", 'x,"12,5"'], ",", "comma"),
        (["t;a, b", "x;1,5", "x;7"], ";", "comma"),
        (["t,a;b", "x,1.5"], ",", "point"), (["t;a", "x;1,234,5"], ";", "point"),
        (["t;a", "x;text, text"], ";", "point"),
    ],
)  # fmt: skip
def test_delimiter_and_decimal_sign_are_found(lines: list[str], delimiter: str, decimal: str) -> None:
    dialect = dialect_of("\n".join(lines).encode())
    assert (dialect.delimiter, dialect.decimal) == (delimiter, decimal)


@pytest.mark.parametrize(
    ("lines", "option"),
    [
        (["t;a", "x;1,234"], "decimal"), (["t;a,b", "x;1,5"], "delimiter"), (["t a", "x 1"], "delimiter"),
        (["t;a", "x;1,234.5"], "decimal"), (["t;a", "x;1,5", "x;1.5"], "decimal"), ([""], None),
    ],
)  # fmt: skip
def test_what_may_be_read_in_two_ways_is_refused_with_what_must_be_said(lines: list[str], option: str | None) -> None:
    with pytest.raises(DialectError) as refused:
        dialect_of("\n".join(lines).encode())
    assert refused.value.option == option


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_a_first_line_that_tells_the_delimiter_is_no_header(first: str) -> None:
    """Kind: a line for one reader that another takes for data."""
    raw = f"{first}\r\nt;a,b\r\nx;1,5\r\ny;2\r\n".encode()
    dialect = dialect_of(raw)
    assert (dialect.delimiter, dialect.header, dialect.decimal) == (";", ("t", "a,b"), "comma")
    assert [(record.line, record.cells) for record in records(raw)] == [(3, ("x", "1,5")), (4, ("y", "2"))]
    assert dialect_of(b"sep=a,t\nx,1\n").header == ("sep=a", "t")


def test_a_number_of_the_other_kind_is_no_value() -> None:
    """Kind: a number that becomes another, a thousand times as large, further down in the file."""
    comma = dialect_of(b"t;a\nx;1,5\n")
    assert [comma.value(cell) for cell in ("1,5", " -3,25e2", "7", "open", "a,b", "10.0.0.1", "")] == [
        "1.5", "-3.25e2", "7", "open", "a,b", "10.0.0.1", "",
    ]  # fmt: skip
    for cell in ("1.5", "1.234", "1.234,5", "-.5"):
        with pytest.raises(ValueError, match="has a point in a file of decimal commas"):
            comma.value(cell)
    point = dialect_of(b"t;a\nx;1.5\n")
    assert [point.value(cell) for cell in ("1.5", "a,b", "1,2,3")] == ["1.5", "a,b", "1,2,3"]
    for cell in ("1,5", "1,234", "1,234.5"):
        with pytest.raises(ValueError, match="has a comma in a file without decimal commas"):
            point.value(cell)
    assert dialect_of(b"t;a\nx;1.5\n", Said(decimal="point")).value("1,5") == "1,5"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05.678901", datetime(2026, 1, 2, 3, 4, 5, 678901)),
        ("2026-01-02 03:04", datetime(2026, 1, 2, 3, 4)), ("2026-1-2 3:04", datetime(2026, 1, 2, 3, 4)),
        ("2026/01/02 03:04:05,5", datetime(2026, 1, 2, 3, 4, 5, 500000)),
        ("2026.01.02 03:04:05", datetime(2026, 1, 2, 3, 4, 5)), ("20260102T030405", datetime(2026, 1, 2, 3, 4, 5)),
        ("02.01.2026 03:04:05", datetime(2026, 1, 2, 3, 4, 5)), ("2. 1. 2026 3:04", None),
        ("2026-01-02 오후 3:04:05", datetime(2026, 1, 2, 15, 4, 5)),
        ("2026. 1. 2. 오전 12:04", datetime(2026, 1, 2, 0, 4)),
        ("2026-01-02 12:04:05 PM", datetime(2026, 1, 2, 12, 4, 5)), ("2026-01-02 13:04:05 PM", None),
        ("2026-01-02 03:04:05 +09:00", datetime(2026, 1, 1, 18, 4, 5)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02 03:04:05.123456789+0900", datetime(2026, 1, 1, 18, 4, 5, 123456)),
        ("2026-01-02", None), ("02.01.2026", None), ("01/02/2026 03:04", None), ("1767322800", None), ("", None),
        ("2026-12-31 24:00", datetime(2027, 1, 1)), ("31.12.2026 24:00:00,0", datetime(2027, 1, 1)),
        ("2026-12-31T24:00Z", datetime(2027, 1, 1)), ("2026-12-31 24:00:01", None), ("2026-12-31 24:30", None),
        ("03:04:05", None), ("2026-13-02 03:04", None), ("2026-01-02 25:04", None), ("class", None),
    ],
)  # fmt: skip
def test_a_time_is_read_where_it_can_mean_one_thing(text: str, moment: datetime | None) -> None:
    if moment is not None:
        assert Times().read(f" {text} ") == moment
        return
    with pytest.raises(ValueError, match=r"no time|time of day|month|since 1970|hour|AM|PM"):
        Times().read(text)


def test_what_is_said_of_times_counts() -> None:
    assert Times("%d/%m/%Y %H:%M").read("01/02/2026 03:04") == datetime(2026, 2, 1, 3, 4)
    assert Times("unix").read("1767322800.5") == Times("unix_ms").read("1767322800500")
    seoul = Times(zone=zone_of("Asia/Seoul"))
    assert seoul.read("2026-01-02 09:00:00") == datetime(2026, 1, 2)
    assert seoul.read("2026-01-02 09:00:00Z") == datetime(2026, 1, 2, 9)
    with pytest.raises(ValueError, match="no time zone of the name 'Korea time'"):
        Times(zone=zone_of("Korea time"))
    berlin = Times(zone=zone_of("Europe/Berlin"))
    for shown in ("2026-10-25 02:30:00", "2026-03-29 02:30:00"):
        with pytest.raises(ValueError, match="shown twice, or never"):
            berlin.read(shown)
    assert berlin.read("2026-10-25 03:30:00") == datetime(2026, 10, 25, 2, 30)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("1767322800.5", "unix"), ("1767322800500", "unix_ms"), ("1767322800500000", "unix_us"),
        ("1767322800500000999", "unix_ns"), ("1.7673228005E9", "unix"),
    ],
)  # fmt: skip
def test_a_number_of_a_unit_is_exact_and_one_of_another_is_told_apart(text: str, unit: str) -> None:
    """Kind: one unit taken for another: seconds read as milliseconds were imported into January 1970, all GOOD."""
    assert Times(unit).read(text) == datetime(2026, 1, 2, 3, 0, 0, 500_000)
    for other in UNIX_FORMATS.keys() - {unit}:
        with pytest.raises(ValueError, match=f"is no time from 1980 to 2100: say --time-format {unit}$"):
            Times(other).read(text)


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "-Infinity", "1e999999", "0", "0.25", "-1767322800"])
def test_what_is_no_moment_since_1970_is_none(text: str) -> None:
    for unit in UNIX_FORMATS:
        with pytest.raises(ValueError, match=r"is no number|is no time from 1980"):
            Times(unit).read(text)


def test_a_damaged_record_costs_nothing_but_itself() -> None:
    good = [f'2026-01-02 03:04:{n:02},{n},"a ""b"", c"' for n in range(60)]
    lines = ["t,a,b", *good, "", 'x,"1', "x,2,3", "x,1", f"x,1,{'y' * 2 * MAX_RECORD}", 'x,"two\nlines",1', "x,9,9"]
    raw = "\n".join(lines).encode() + b"\nx,\xff,1\n"
    found = records(raw)
    assert [record.cells for record in found[:60]] == [
        (f"2026-01-02 03:04:{n:02}", str(n), 'a "b", c') for n in range(60)
    ]
    told = [(record.line, record.cells, (record.trouble or "")[:20]) for record in found[60:]]
    assert told == [
        (63, (), "its quotes have no e"), (64, ("x", "2", "3"), ""), (65, (), "2 cells where the he"),
        (66, (), "it has more than 1,0"), (67, ("x", "two\nlines", "1"), ""), (69, ("x", "9", "9"), ""),
        (70, (), "it holds bytes that "),
    ]  # fmt: skip


@given(st.binary(max_size=300))
def test_no_bytes_whatever_do_more_than_be_refused(raw: bytes) -> None:
    try:
        found = records(raw)
    except DialectError:
        return
    assert all(record.trouble or record.cells for record in found)
