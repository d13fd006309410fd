import asyncio
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.poller.source import Reading, SourceError
from services.poller.sources import csv_lines
from services.poller.sources.replay import MAX_COMPLAINTS, Replay, ReplayModel

START = datetime(2017, 10, 31, 19, 30, 25, 250000)


def recording(tmp_path: Path, seconds: list[float], name: str = "WELL-1_2017.csv") -> Path:
    path = tmp_path / name
    lines = [f"{START + timedelta(seconds=second)},{number}" for number, second in enumerate(seconds)]
    path.write_text("\n".join(["timestamp,P", *lines]) + "\n")
    return path


def replay(path: Path, interval_s: float | None = None, **keys: Any) -> Replay:
    model = ReplayModel.model_validate({"type": "replay", "file": path.name, **keys})
    return model.build("well", interval_s, path.parent)


def play(source: Replay, at_most: int = 1000) -> list[Reading]:
    async def run() -> list[Reading]:
        await source.open()
        readings: list[Reading] = []
        while len(readings) < at_most and (reading := await source.read()) is not None:
            readings.append(reading)
        await source.close()
        return readings

    return asyncio.run(run())


def stamps(readings: list[Reading]) -> list[float]:
    """Return the timestamps as seconds after START."""
    return [(reading.timestamp - START).total_seconds() for reading in readings if reading.timestamp]


def warnings(logs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [log["event"] for log in logs if log["log_level"] == "warning"]


def test_a_recording_is_played_once_in_order_with_its_own_times(tmp_path: Path) -> None:
    readings = play(replay(recording(tmp_path, [0, 1, 2.5])))
    assert [reading.values for reading in readings] == [{"P": 0}, {"P": 1}, {"P": 2}]
    assert stamps(readings) == [0, 1, 2.5]
    assert [reading.due_s for reading in readings] == [0, 1, 2.5]


def test_speed_divides_the_distances(tmp_path: Path) -> None:
    assert [reading.due_s for reading in play(replay(recording(tmp_path, [0, 1, 3]), speed=10))] == [0, 0.1, 0.3]


def test_as_fast_as_it_is_taken_waits_for_no_time_but_for_room(tmp_path: Path) -> None:
    source = replay(recording(tmp_path, [0, 1, 3]), speed="max")
    assert [reading.due_s for reading in play(source)] == [None, None, None]
    assert source.lossless
    assert not replay(recording(tmp_path, [0]), speed=100.0).lossless


def test_retimed_lines_are_due_at_the_interval_and_stamped_by_the_group(tmp_path: Path) -> None:
    readings = play(replay(recording(tmp_path, [0, 7, 7]), interval_s=0.5, timestamps="now", speed=2))
    assert [(reading.timestamp, reading.due_s) for reading in readings] == [(None, 0), (None, 0.25), (None, 0.5)]


def test_retimed_lines_keep_their_distances_without_an_interval(tmp_path: Path) -> None:
    readings = play(replay(recording(tmp_path, [0, 7, 9]), timestamps="now"))
    assert [reading.due_s for reading in readings] == [0, 7, 9]


@pytest.mark.req("FR-014", "FR-018")
def test_a_loop_goes_on_where_the_pass_before_ended_and_never_repeats_a_time(tmp_path: Path) -> None:
    readings = play(replay(recording(tmp_path, [0, 1, 3]), loop=True), at_most=9)
    assert stamps(readings) == [0, 1, 3, 5, 6, 8, 10, 11, 13]
    assert [reading.due_s for reading in readings] == [0, 1, 3, 5, 6, 8, 10, 11, 13]


def test_a_loop_over_one_line_is_no_busy_loop(tmp_path: Path) -> None:
    assert stamps(play(replay(recording(tmp_path, [0]), loop=True), at_most=3)) == [0, 1, 2]


def test_times_that_do_not_rise_are_moved_by_a_microsecond_and_told_once(tmp_path: Path) -> None:
    with capture_logs() as logs:
        readings = play(replay(recording(tmp_path, [0, 0, -5, 1]), loop=True), at_most=8)
    assert stamps(readings)[:4] == [0, 0.000001, 0.000002, 1]
    assert sorted(set(stamps(readings))) == stamps(readings)
    told = [warning for warning in warnings(logs) if "its time is not after the line before" in warning]
    assert [warning.split("line ")[1].split(":")[0] for warning in told] == ["3", "4"]


def test_damaged_lines_are_logged_with_file_line_and_reason_up_to_a_limit(tmp_path: Path) -> None:
    path = recording(tmp_path, [0])
    path.write_text(path.read_text() + "broken\n" * (MAX_COMPLAINTS + 5))
    with capture_logs() as logs:
        assert len(play(replay(path))) == 1
    told = warnings(logs)
    assert told[0] == f"Group 'well': {path}: line 3: 1 columns where the header has 2"
    assert told[-1] == f"Group 'well': {path}: 5 more lines with faults"
    assert len(told) == MAX_COMPLAINTS + 1


def test_a_file_that_is_missing_is_found_out_at_once(tmp_path: Path) -> None:
    source = ReplayModel(type="replay", file="nowhere.csv").build("well", None, tmp_path)
    with pytest.raises(SourceError, match=r"nowhere\.csv: can't be read"):
        asyncio.run(source.open())


def test_a_loop_over_nothing_ends_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no good line to loop over"):
        play(replay(recording(tmp_path, []), loop=True))


def test_a_loop_at_the_end_of_the_calendar_ends_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("timestamp,P\n9999-12-31 00:00:00,1\n9999-12-31 23:59:59,2\n")
    with pytest.raises(SourceError, match="line 2: the times of the loop leave the calendar"):
        play(replay(path, loop=True))


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("WELL-00004_20171031193025.csv", "WELL-00004"),
        ("data/PLC07.csv", "PLC07"),
        ("_x.csv", None),
        (unicodedata.normalize("NFD", "보일러_1.csv"), "보일러"),
    ],
)
def test_the_plc_code_stands_at_the_front_of_the_file_name(file: str, code: str | None) -> None:
    assert ReplayModel(type="replay", file=file).default_plc_code() == code


def test_an_unforeseen_error_does_not_pass_for_the_end_of_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a generator that failed looks like one that is at its end."""
    source = replay(recording(tmp_path, [0, 1, 2]))
    asyncio.run(source.open())
    assert asyncio.run(source.read()) is not None
    monkeypatch.setattr(csv_lines, "parse_cell", dict[str, Any]().__getitem__)
    with pytest.raises(SourceError, match=r"WELL-1_2017\.csv: can't be played on: KeyError: '1'"):
        asyncio.run(source.read())
