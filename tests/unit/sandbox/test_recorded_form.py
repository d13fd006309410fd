"""Recorded files of other forms: read as they were meant, or refused with the cure; nothing silently wrong."""

from datetime import datetime
from pathlib import Path

import pytest

from sandbox.plan import PlanError, make_plan
from sandbox.recorded_form import Played, playable
from sandbox.recording import read_recording

T1, T2 = datetime(2026, 1, 2, 3, 4, 5), datetime(2026, 1, 2, 3, 4, 6)

#: The cells of a recording of two tags at two times.
CELLS = {
    ("PLC07.온도", T1): ("12.5", "GOOD"), ("PLC07.B", T1): ("7", "GOOD"),
    ("PLC07.온도", T2): ("-0.25", "GOOD"), ("PLC07.B", T2): ("NULL", "BAD"),
}  # fmt: skip


def played(tmp_path: Path, text: str, encoding: str = "utf-8", form: str = "") -> Played:
    path = tmp_path / "PLC07_x.txt"
    path.write_bytes(text.encode(encoding))
    given = {"DEMO_CSV": str(path), "DEMO_CSV_FORM": form}
    return playable(path, make_plan(given).form, tmp_path / "made")


FORMS = {
    "european": "시각;온도;B\r\n2026-01-02 03:04:05;12,5;7\r\n2026-01-02 03:04:06;-0,25;\r\n",
    "tabs": "timestamp\t온도\tB\n2026/01/02 3:04:05\t12.5\t7\n2026/01/02 3:04:06\t-0.25\t",
    "bars": "Zeit|온도|B\n02.01.2026 03:04:05|12,5|7\n02.01.2026 03:04:06|-0,25|\n",
    "korean": '일시,온도,B\n2026. 1. 2. 오전 3:04:05,"12,5",7\n2026. 1. 2. 오전 3:04:06,"-0,25",\n',
    "long": """timestamp,tag_name,tag_value,quality
2026-01-02 03:04:05,PLC07.온도,12.5,GOOD
2026-01-02 03:04:05,PLC07.B,7,
2026-01-02 03:04:06,PLC07.온도,-0.25,GOOD
2026-01-02 03:04:06,PLC07.B,,BAD
""",
    "long, by tags": """plc_code;tag_address;tag_value;timestamp
PLC07;온도;12,5;2026-01-02 03:04:05
PLC07;온도;-0,25;2026-01-02 03:04:06
PLC07;B;7;2026-01-02 03:04:05
PLC07;B;;2026-01-02 03:04:06
""",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_recording_of_another_form_is_read_as_it_was_meant(tmp_path: Path, text: str, encoding: str) -> None:
    """Kind: a file of Excel in another country, replayed as something else."""
    found = played(tmp_path, text, encoding)
    recording = read_recording(found.path, found.plc)
    assert recording.cells == CELLS
    assert (recording.left_out, recording.restamped) == ([], 0)
    assert found.notes
    assert found.path.parent == tmp_path / "made"


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,온도,B\n2026-01-02T03:04:05,12.5,7\n2026-01-02T03:04:06,-0.25,\n",
        "\ufeffTimestamp,온도,B\r\n2026-01-02 03:04:05,12.5,7\r\nbroken\r\n2026-01-02 03:04:06,-0.25,\r\n",
    ],
)
def test_a_plain_recording_is_replayed_as_it_is(tmp_path: Path, text: str) -> None:
    found = played(tmp_path, text)
    assert found == Played(tmp_path / "PLC07_x.txt", "PLC07")
    assert read_recording(found.path, found.plc).cells == CELLS


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("timestamp,온도,B\n02/01/2026 03:04:05,12.5,7\n02/01/2026 03:04:06,-0.25,\n", "time_format=%d/%m/%Y %H:%M:%S"),
        ("t,온도,B\n1767323045,12.5,7\n1767323046,-0.25,\n", "time_format=unix"),
        ("t,온도,B\n2026-01-02 12:04:05,12.5,7\n2026-01-02 12:04:06,-0.25,\n", "time_zone=Asia/Seoul"),
        ("t,온도,B\n2026-01-02 12:04:05+09:00,12.5,7\n2026-01-02 03:04:06Z,-0.25,\n", ""),
    ],
)
def test_what_is_said_of_a_file_counts(tmp_path: Path, text: str, form: str) -> None:
    found = played(tmp_path, text, form=form)
    assert read_recording(found.path, found.plc).cells == CELLS


_A, _B = "2026-01-02 03:04:05", "2026-01-02 03:04:06"
_LONG = "timestamp,tag_name,tag_value"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("timestamp,a\n01/02/2026 03:04:05,1\n", r"line 2: .* may be day or month first. Say which: DEMO_CSV_FORM='ti"),
        ("t,a\n1767322800,1\n1767322801,2\n", "may be seconds or milliseconds since 1970. Say which: DEMO_CSV_FORM"),
        ("Datum;Uhrzeit;a\n02.01.2026;03:04:05;1\n", "line 2: .* is a date without a time of day"),
        (f"t;a\n{_A};1,234\n", "'1,234' may be a thousand or a fraction. Say which: .*decimal=comma"),
        ("t,a\n2026-01-02 03:04,1\n2026-01-02 03:04,2\n", "lines 2 and 3 have one time, .* without seconds: save"),
        ("timestamp,a\n2026-01-02 03:04,1\n2026-01-02 03:04,2\n", "lines 2 and 3 have one time, .* without seconds"),
        (f"시각,태그,값\n{_A},A,1\n{_A},B,1\n", "'태그' holds no numbers. .*writer import"),
        (f"{_A},1\n{_B},2\n", "line 1 is no header"), ("a b c\n1 2 3\n", "line 1 is no header"), ("", "is empty"),
        (f"t;a;b\n{_A};1;2\n{_B};1\n{_B};1;2\n", "line 3: 2 cells"),
        (f"{_LONG}\n{_A},P.a,1\n{_B},P.b,1\n", "at different times"),
        (f"{_LONG}\n{_A},P.a,1\n{_A},Q.a,1\n", "of 2 PLCs"),
        (f"{_LONG},quality\n{_A},P.a,1,UNCERTAIN\n", "no qualities such as 'UNCERTAIN'"),
        (f"{_LONG}\n{_A},P.a,1\n{_A},P.a,2\n", "has two values at"),
        (f"{_LONG}\n{_A},a,1\n", "'a' is no PLC code, dot, address"),
    ],
)  # fmt: skip
def test_what_may_mean_two_things_is_refused_with_the_remedy(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(PlanError, match=why) as refused:
        played(tmp_path, text)
    assert "\n" not in str(refused.value)


def test_a_decimal_comma_far_down_in_a_plain_file_is_not_replayed_as_a_text(tmp_path: Path) -> None:
    """Kind: what the first lines don't show."""
    lines = [f"2026-01-02 03:04:05.{n:06},1.5" for n in range(700)]
    with pytest.raises(PlanError, match=r"line 702: '1,5' has a comma in a file without decimal commas. Say which"):
        played(tmp_path, "\n".join(["timestamp,a", *lines, '2026-01-02 03:05:05,"1,5"']))


@pytest.mark.parametrize("form", ["encoding", "codec=x", "decimal=dot", "delimiter=blank"])
def test_a_form_that_is_none_is_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(PlanError, match=r"^DEMO_CSV_FORM="):
        played(tmp_path, "timestamp,a\n", form=form)


def test_a_form_that_cant_be_is_refused(tmp_path: Path) -> None:
    for form in ("encoding=klingon", "time_zone=Korea"):
        with pytest.raises(PlanError, match="there is no"):
            played(tmp_path, "timestamp,a\n2026-01-02 03:04:05,1\n", form=form)
