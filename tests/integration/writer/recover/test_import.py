"""`python -m services.writer import` as a process: files as others write them, the real driver, real signals."""

import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sandbox.harness.waiting import wait_until
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.writer.recover.place import Place

T1 = datetime(2026, 1, 2, 3, 4, 5)

HISTORIAN = """시각;태그;값;품질
2026-01-02 03:04:05;PLC01.온도;12,5;Good
2026-01-02 03:04:06;PLC01.온도;-0,25;BadNoCommunication
2026-01-02 03:04:07;PLC01.온도;;
2026-01-02 03:04:08;PLC01.밸브;열림;Uncertain
2026-01-02 03:04:09;PLC01.온도;nan;Good
"""


def imports(place: Place, *arguments: str, **settings: str) -> tuple[int, str]:
    process = place.start(*arguments, command="import", **settings)
    output = process.output(60)
    assert "Traceback" not in output
    return process.returncode, output


@pytest.mark.parametrize("encoding", ["cp949", "utf-16", "utf-8-sig"])
def test_a_history_of_another_program_arrives_as_it_was_meant(
    place: Place, link: RedisLink, keys: Keys, encoding: str
) -> None:
    """Kind: a counter that is not of the rows which it counts: an import is no recovery."""
    path = place.directory / "history.csv"
    path.write_bytes(HISTORIAN.replace("\n", "\r\n").encode(encoding))
    names = ("timestamp=시각", "tag_name=태그", "tag_value=값", "quality=품질")

    status, output = imports(place, str(path), *(f"--column={name}" for name in names), "--time-zone", "Asia/Seoul")

    assert status == 0, output
    utc = T1 - timedelta(hours=9)
    assert place.stored() == {
        ("PLC01.온도", utc): ("12.5", "GOOD"), ("PLC01.온도", utc + timedelta(seconds=1)): ("-0.25", "BAD"),
        ("PLC01.온도", utc + timedelta(seconds=2)): ("NULL", "BAD"),
        ("PLC01.밸브", utc + timedelta(seconds=3)): ("열림", "UNCERTAIN"),
        ("PLC01.온도", utc + timedelta(seconds=4)): ("NULL", "BAD"),
    }  # fmt: skip
    assert "semicolons, decimal commas; times without a zone are those of Asia/Seoul, stored in UTC" in output
    assert path.exists()
    assert link.hash(keys.counters) == {"imported": "5"}
    assert link.hash(keys.backup_files) == {}
    ((_, event),) = link.command("XRANGE", keys.events, "-", "+")
    assert event[b"kind"] == b"imported"
    assert event[b"message"].startswith(b"Imported history.csv: 5 rows read, 5 written")


def test_an_export_of_a_panel_that_names_no_plc_arrives(place: Place) -> None:
    """Kind: a line for one reader that another takes for data. Excel's first line, quotes, a day before its month."""
    path = place.directory / "log0.csv"
    path.write_text(
        'sep=;\n"VarName";"TimeString";"VarValue";"Validity"\n"Druck.Ist";"02.01.2026 03:04:05";1234,5;1\n'
        '"Druck.Ist";"02.01.2026 03:04:06";0,25;1\n'
    )
    names = ("tag_name=VarName", "timestamp=TimeString", "tag_value=VarValue")
    status, output = imports(place, str(path), "--plc", "LINE-7", *(f"--column={name}" for name in names))
    assert status == 0, output
    assert place.stored() == {
        ("LINE-7.Druck.Ist", T1): ("1234.5", "GOOD"),
        ("LINE-7.Druck.Ist", T1 + timedelta(seconds=1)): ("0.25", "GOOD"),
    }


def test_bad_rows_go_to_a_rejected_file_and_the_others_to_the_table(place: Place, link: RedisLink, keys: Keys) -> None:
    """Kind: a row that vanishes without a word; a recovery of what was never backed up that is told as a loss."""
    path = place.directory / "history.csv"
    lines = [f"2026-01-02 03:04:{n:02}.5,PLC01,D1,{n}.5" for n in range(60)]
    lines[3:3] = [
        "soon,PLC01,D1,1", "2026-01-02 03:04:05,PLC01", "2026-01-02 03:04:05,,D1,1",
        '2026-01-02 03:05:00,PLC01,D2,"1,5"', f"2026-01-02 03:04:05,PLC01,D3,{'x' * 300}",
    ]  # fmt: skip
    path.write_text("\n".join(["timestamp,plc_code,tag_address,tag_value", *lines]))

    status, output = imports(place, str(path))

    assert status == 0, output
    assert place.count() == 60
    assert "60 written, 0 in the table already, 1 rejected, 4 bad lines" in output
    (aside,) = place.files("rejected_*.csv")
    text = (place.directory / aside).read_text()
    for reason in ("history.csv line 5: 'soon' is no time", "line 6: 2 cells where the header has 4", "it names no PLC",
                   "has a comma in a file without decimal commas", "xxx"):  # fmt: skip
        assert reason in text
    assert link.hash(keys.counters) == {"imported": "60", "import_rejected": "5"}

    # If: the row that the table could not hold is put right, and recovered
    (place.directory / aside).write_text(text.replace("x" * 300, "mended"))
    status, output = place.recover(aside)
    assert (status, place.count()) == (0, 61), output
    counters = link.hash(keys.counters)
    assert (counters["recovered"], counters["imported"]) == ("1", "60")


def test_an_import_that_is_interrupted_and_repeated_writes_nothing_twice(
    place: Place, link: RedisLink, keys: Keys
) -> None:
    path = place.directory / "long.csv"
    rows = 4_000
    path.write_text("\n".join(["timestamp,tag_name,tag_value,quality", *(
        f"{(T1 + timedelta(seconds=n)).isoformat()},PLC01.D1,{n},GOOD" for n in range(rows))]))  # fmt: skip
    process = place.start(str(path), "--rate", "1000", command="import")
    wait_until(lambda: place.count() > 0, what="rows in the table")
    process.send_signal(signal.SIGINT)
    output = process.output(30)
    assert process.returncode == 130, output
    assert 0 < place.count() < rows
    assert "Run it again: what is there is skipped" in output

    status, output = imports(place, str(path))
    assert status == 0, output
    assert place.count() == rows
    assert int(link.hash(keys.counters)["imported"]) == rows

    status, output = imports(place, str(path), "--dry-run")
    assert (status, place.count()) == (0, rows)
    assert f"long.csv: {rows:,} rows, 0 bad lines; of 200 looked up 200 are in the table already" in output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("timestamp,tag_value\n2026-01-02 03:04:05,1\n", "Its columns must be timestamp, tag_value, and tag_name or"),
        ("timestamp,tag_name,tag_value\n01/02/2026 03:04,P.a,1\n", "may be day or month first. --time-format, --time"),
        ("timestamp;tag_name;tag_value\n2026-01-02 03:04:05;P.a;1,234\n", "a thousand or a fraction: say --decimal"),
        ("timestamp,tag_name,tag_value\n2026-01-02 03:04,P.a,1\n2026-01-02 03:04,P.a,2\n", "two values of P.a"),
        ("timestamp,tag_name,tag_value\n2026-01-02 03:04:05,\xb0C.a,1\n", "nor Korean (CP949) for certain: say --"),
    ],
)  # fmt: skip
def test_a_file_that_may_mean_two_things_is_refused_with_the_option_that_settles_it(
    place: Place, text: str, says: str
) -> None:
    """Kind: a guess that fills the table with other values than the file's."""
    path = place.directory / "odd.csv"
    path.write_bytes(text.encode("latin-1"))
    status, output = imports(place, str(path))
    assert status == 1, output
    assert says in output
    assert place.count() == 0


def test_a_wrong_option_is_told_before_anything_is_done(place: Place, tmp_path: Path) -> None:
    for arguments in (["--column", "time=시각"], ["--decimal", "dot"], ["--delimiter", "colon"]):
        status, output = imports(place, str(tmp_path / "x.csv"), *arguments)
        assert status == 2, output
