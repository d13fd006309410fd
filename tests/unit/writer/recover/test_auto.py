"""Recovering by itself: only while there is time, after failures ever more rarely, and never ending for one file."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.index import Manifest
from services.writer.backup.label import Label, label_path, write_label
from services.writer.deliver.breaker import Breaker
from services.writer.recover.auto import FILES_TICK_S, FIRST_PAUSE_S, LAST_PAUSE_S, TIME_TICK_S, AutoRecover
from services.writer.recover.file_recovery import Recovery
from services.writer.recover.open_file import UNLOCKED_IDLE_S, FileInUseError, OpenFile
from services.writer.recover.progress import RecoveryProgress
from services.writer.settings import WriterSettings
from services.writer.sink import RowError, SinkError, Target, Verdict
from shared.disks import is_being_written
from shared.life.heartbeat import Heartbeat
from shared.models import TagValue
from shared.records.events import Event
from shared.records.heartbeats import BreakerState
from tests.fakes import FakeClock, FakeEvents, FakeLink, FakeStop, NeverPaused, ScriptedSink, tag_values
from tests.unit.writer.backup.rows import rows
from tests.unit.writer.deliver.stages import KEYS
from tests.unit.writer.fakes import FakeBuffer, FakeFile, failing

AWAY = SinkError("AWAY", "nobody is there", Verdict.TRANSIENT)

#: Values of one batch, and values in the buffer from which there is no time: 20 % of 100.
BATCH, BUSY = 4, 20


class Stage:
    """AutoRecover over files that are real, and a sink that follows a script."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = FakeClock()
        self.stop = FakeStop(self.clock)
        self.sink, self.breaker, self.events = ScriptedSink(), Breaker(5.0), FakeEvents()
        self.buffer, self.rejects = FakeBuffer(self.clock), FakeFile()
        link = FakeLink()
        settings = WriterSettings.model_validate(
            {
                "oracle_dsn": "db:1521/x", "oracle_user": "u", "oracle_password": "p", "backup_dir": directory,
                "buffer_max_size": 100, "buffer_batch_size_max": BATCH, "buffer_batch_threshold": 1,
            }
        )  # fmt: skip
        pause = NeverPaused(link, KEYS, Heartbeat(link, KEYS, self.events, "writer", "one"), "writer")
        progress = RecoveryProgress(link, KEYS, self.events, Manifest(link, KEYS, directory), self.clock)
        recovery = Recovery(self.sink, self.rejects, progress, self.clock, retry_delays_s=[])
        self.auto = AutoRecover(recovery, self.breaker, self.buffer, settings, pause)

    def write(self, values: Sequence[TagValue]) -> Path:
        """Write a backup file as the writer does."""
        self.clock.advance(1)
        backup = CsvBackup(self.directory, "backup", self.clock, rotate_bytes=10**9, min_free_bytes=0)
        path = backup.append(rows(values))
        backup.finish()
        return path

    def left(self) -> list[str]:
        """Return the files that are not recovered."""
        return sorted(path.name for path in self.directory.glob("*.csv"))

    def run_for(self, waits: int) -> list[float]:
        """Run the loop until it has waited so often; return how long each time."""
        stop = FakeStop(self.clock, after=waits)
        self.auto.run(stop)
        return stop.waits


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_files_are_recovered_the_oldest_first_and_then_it_waits_for_others(stage: Stage) -> None:
    values = tag_values(20)
    stage.write(values[:10])
    stage.write(values[10:])
    assert stage.run_for(2) == [FILES_TICK_S] * 2
    assert (stage.sink.stored, stage.left()) == (values, [])
    assert len(list((stage.directory / "recovered").glob("*.csv"))) == 2
    assert stage.events.kinds.count(Event.RECOVERED) == 2
    assert max(stage.sink.calls) == BATCH


def test_a_file_that_may_still_be_copied_is_left_until_it_rests_or_has_its_label(stage: Stage) -> None:
    """Kind: a file is trusted, not proven. Half a copy was recovered and moved, and the other half written there."""
    values = tag_values(6)
    path, labelled = stage.write(values[:3]), stage.write(values[3:])
    whole, label = path.read_bytes(), label_path(path).read_bytes()
    label_path(path).unlink()
    path.write_bytes(whole[: len(whole) // 2])
    stage.run_for(2)
    assert (stage.sink.stored, stage.left()) == (values[3:], [path.name])
    assert not labelled.exists()
    # If: the clock of the file server is some minutes ahead of ours
    os.utime(path, (0, path.stat().st_mtime + 300))
    stage.run_for(2)
    assert stage.left() == [path.name]
    # If: the copy is whole, and its label is there; or it came without one and rests
    path.write_bytes(whole)
    label_path(path).write_bytes(label)
    stage.run_for(2)
    assert (stage.sink.stored, stage.left()) == (values[3:] + values[:3], [])
    path.write_bytes(whole)
    os.utime(path, (0, path.stat().st_mtime - UNLOCKED_IDLE_S))
    stage.run_for(2)
    assert stage.left() == []


def test_rejected_files_are_a_persons_affair(stage: Stage) -> None:
    rejects = CsvBackup(stage.directory, "rejected", stage.clock, rotate_bytes=10**9, min_free_bytes=0)
    path = rejects.append([(*row, "CODE", "why") for row in rows(tag_values(3))])
    rejects.finish()
    stage.run_for(2)
    assert (stage.left(), stage.sink.stored) == ([path.name], [])


@pytest.mark.parametrize("trouble", ["breaker", "buffer", "redis"])
def test_without_time_no_file_is_begun(stage: Stage, trouble: str) -> None:
    stage.write(tag_values(3))
    if trouble == "breaker":
        stage.breaker.failed(AWAY, stage.clock.monotonic(), last=True)
    if trouble == "buffer":
        stage.buffer.values = tag_values(BUSY)
    if trouble == "redis":
        stage.buffer.away["depth"] = 99
    assert stage.run_for(3) == [TIME_TICK_S] * 3
    assert (stage.sink.calls, len(stage.left())) == ([], 1)


def test_where_nothing_comes_after_an_outage_a_file_is_the_trial(stage: Stage) -> None:
    """Kind: a trial that only the main path can make. A plant that rested at the end of an outage kept its files."""
    values = tag_values(12)
    stage.write(values)
    stage.breaker.failed(AWAY, stage.clock.monotonic(), last=True)
    assert stage.run_for(3) == [TIME_TICK_S] * 3
    stage.breaker.probe_succeeded(stage.clock.monotonic())
    stage.buffer.values = tag_values(1)
    assert stage.run_for(3) == [TIME_TICK_S] * 3, "a live value is the trial where there is one"
    stage.buffer.values = []
    stage.run_for(1)
    assert (stage.sink.stored, stage.left(), stage.breaker.state) == (values, [], BreakerState.CLOSED)


def test_a_file_that_is_the_trial_and_fails_leaves_the_breaker_to_its_prober(stage: Stage) -> None:
    stage.write(tag_values(3))
    stage.breaker.failed(AWAY, stage.clock.monotonic(), last=True)
    stage.breaker.probe_succeeded(stage.clock.monotonic())
    stage.sink.steps = [AWAY]
    stage.run_for(1)
    assert (stage.breaker.state, len(stage.left())) == (BreakerState.HALF_OPEN, 1)


def test_a_plant_that_polls_each_second_does_not_hold_recovery_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: two clocks of one period. Looks a second, or five, apart met the burst of each second again and again."""
    values = tag_values(12)
    stage.write(values)

    def depth() -> int:
        return BUSY if stage.clock.monotonic() % 1 < 0.15 else 0

    monkeypatch.setattr(stage.buffer, "depth", depth)
    began = stage.clock.monotonic()
    assert depth() == BUSY
    stage.run_for(4)
    assert (stage.sink.stored, stage.left()) == (values, [])
    assert stage.clock.monotonic() - began < FILES_TICK_S + 1


def test_a_file_that_is_begun_waits_while_the_buffer_fills(stage: Stage) -> None:
    values = tag_values(12)
    stage.write(values)

    def fill(_values: Sequence[TagValue]) -> list[RowError]:
        stage.buffer.values = tag_values(BUSY)
        return []

    stage.sink.steps = [fill]
    assert stage.run_for(5) == [TIME_TICK_S] * 5
    assert (len(stage.sink.stored), len(stage.left())) == (BATCH, 1)
    # And from the beginning again when it is calm: what is there already is a duplicate
    stage.buffer.values = []
    stage.run_for(1)
    assert (stage.sink.stored, stage.left()) == (values, [])


def test_failures_are_followed_by_ever_longer_pauses_and_the_same_batch(stage: Stage) -> None:
    """Kind: ten writers that come back to one table at the same moments; a file that is given up for an outage."""
    stage.write(tag_values(8))
    stage.sink.steps = [AWAY] * 12
    waits = stage.run_for(13)
    pauses, idle = waits[:-1], waits[-1]
    most = [min(FIRST_PAUSE_S * 2**n, LAST_PAUSE_S) for n in range(12)]
    assert all(0 <= pause <= bound for pause, bound in zip(pauses, most, strict=True))
    assert (len(set(pauses)), idle) == (12, FILES_TICK_S)
    assert (stage.sink.stored, stage.left()) == (tag_values(8), [])


def test_after_a_batch_that_went_well_the_pauses_begin_anew(stage: Stage) -> None:
    stage.write(tag_values(3 * BATCH))
    stage.sink.steps = [*[AWAY] * 8, failing(), AWAY]
    waits = stage.run_for(10)
    assert waits[8] <= FIRST_PAUSE_S


def test_refused_rows_that_cant_be_set_aside_keep_the_file_where_it_is_and_are_tried_again(stage: Stage) -> None:
    stage.write([*tag_values(2), *tag_values(3, text="x" * 300)[2:]])
    stage.rejects.failures = 2
    assert stage.run_for(3) == [LAST_PAUSE_S, LAST_PAUSE_S, FILES_TICK_S]
    assert (len(stage.rejects.rows), stage.left(), stage.sink.calls) == (1, [], [3])


def test_a_file_that_is_no_backup_is_told_once_and_the_next_is_recovered(stage: Stage) -> None:
    (stage.directory / "backup_20200101_000000.csv").write_text("not a backup\n")
    stage.write(tag_values(3))
    assert stage.run_for(2) == [FILES_TICK_S] * 2
    assert (stage.left(), len(stage.sink.stored)) == (["backup_20200101_000000.csv"], 3)


def test_a_file_that_was_changed_is_refused_until_somebody_mends_it(stage: Stage) -> None:
    path = stage.write(tag_values(3))
    sound = path.read_bytes()
    path.write_bytes(sound.replace(b"1.5", b"9.9", 1))
    stage.run_for(3)
    assert (stage.events.kinds.count(Event.RECOVERY_REFUSED), stage.left(), stage.sink.stored) == (1, [path.name], [])
    path.write_bytes(sound)
    stage.run_for(2)
    assert (stage.left(), stage.sink.stored) == ([], tag_values(3))


@pytest.mark.parametrize("tail", [b"\0" * 8192, b"2026-01-01 00:00:00.000001,PLC01,D3" + b"\0" * 4096])
def test_zeros_that_a_power_failure_left_at_a_files_end_cost_nothing(stage: Stage, tail: bytes) -> None:
    """Kind: what was never synced. The file system knew the new length and not the new bytes; csv refuses a NUL."""
    path = stage.write(tag_values(3))
    write_label(path, Label(Target()))
    with path.open("ab") as file:
        file.write(tail)
    stage.run_for(2)
    assert (stage.left(), stage.sink.stored, stage.rejects.rows) == ([], tag_values(3), [])


def test_a_stop_leaves_the_file_and_counts_what_is_in_the_table(stage: Stage) -> None:
    stage.write(tag_values(20))

    def stop(_values: Sequence[TagValue]) -> list[RowError]:
        stage.stop.set()
        return []

    stage.sink.steps = [stop]
    assert stage.auto.run_once(stage.stop)
    assert (len(stage.sink.stored), len(stage.left())) == (BATCH, 1)


def test_a_failure_that_passes_gives_no_file_up(stage: Stage) -> None:
    """Kind: what passes taken for what stays. One stale handle, or a `recovered` of root's, and a file lay there until
    the writer was started anew, though all else went on."""
    values = tag_values(12)
    path = stage.write(values)
    (stage.directory / "recovered").write_text("in the way")
    stage.run_for(2)
    assert (stage.left(), stage.sink.stored) == ([path.name], values)
    assert stage.events.kinds.count(Event.RECOVERY_REFUSED) == 1, "else nobody at the monitor knows why it waits"
    (stage.directory / "recovered").unlink()
    stage.run_for(2)
    assert stage.left() == [path.name], "not at once: a file may be large, and what ails it last"
    stage.clock.advance(LAST_PAUSE_S)
    stage.run_for(2)
    assert (stage.left(), stage.sink.stored) == ([], values)


def test_a_file_whose_rights_or_label_somebody_put_right_is_taken_at_once(stage: Stage) -> None:
    """Kind: a change that is looked for in one place alone: chmod changes no time of writing, a label no file."""
    path = stage.write(tag_values(3))
    label = label_path(path).read_text()
    label_path(path).write_text(label.replace('"bytes": ', '"bytes": 1'))
    stage.run_for(2)
    assert stage.left() == [path.name]
    label_path(path).write_text(label)
    os.utime(label_path(path), (0, label_path(path).stat().st_mtime + 2))
    stage.run_for(2)
    assert stage.left() == []


def test_a_copy_that_stands_still_is_no_file_that_rests(stage: Stage) -> None:
    """Kind: silence taken for the end. `scp` over a line that hangs for a minute, and half of it was recovered and
    moved away; by hand it was at once."""
    values = tag_values(6)
    path = stage.write(values)
    whole, label = path.read_bytes(), label_path(path)
    label.unlink()
    with path.open("wb") as copy:
        copy.write(whole[: len(whole) // 2])
        copy.flush()
        os.utime(path, (0, path.stat().st_mtime - 10 * UNLOCKED_IDLE_S))
        with path.open("rb") as half:
            if not is_being_written(half.fileno()):
                pytest.skip("here nobody tells who has a file open")
        stage.run_for(2)
        with pytest.raises(FileInUseError, match="has it open to write it"):
            OpenFile(path)
        assert (stage.left(), stage.sink.stored) == ([path.name], [])
        copy.write(whole[len(whole) // 2 :])
    os.utime(path, (0, path.stat().st_mtime - 10 * UNLOCKED_IDLE_S))
    stage.run_for(2)
    assert (stage.left(), stage.sink.stored) == ([], values)


def test_a_share_that_knows_no_leases_holds_up_no_file(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: "I can't tell" taken for yes. NFS refuses a lease as if somebody had the file open to write it."""
    monkeypatch.setattr("shared.disks._LOCAL", frozenset({"none"}))
    path = stage.write(tag_values(3))
    label_path(path).unlink()
    os.utime(path, (0, path.stat().st_mtime - 10 * UNLOCKED_IDLE_S))
    with path.open("ab"):
        stage.run_for(2)
    assert stage.left() == []


def test_rows_that_the_table_does_not_take_now_hold_up_neither_their_file_nor_others(stage: Stage) -> None:
    """Kind: one's fault costs all. One row of a read-only partition, and no file came back by itself any more."""
    values = tag_values(20)
    path = stage.write(values[:10])
    stage.write(values[10:])
    stage.sink.steps = [failing("D1", verdict=Verdict.SPACE, is_alone=True)] * 6
    stage.run_for(2)
    assert stage.sink.stored == [values[0], *values[2:]]
    assert stage.left() == [path.name]
    assert any("does not take 1 of its rows now" in message for message in stage.events.messages)
    # If: somebody mends it; expect: the file is looked at again by itself
    stage.sink.steps.clear()
    stage.clock.advance(LAST_PAUSE_S)
    stage.run_for(2)
    assert stage.sink.stored == [values[0], *values[2:], values[1]]
    assert stage.left() == []


def test_a_file_whose_rows_were_set_aside_is_not_gone_through_again_and_again(stage: Stage) -> None:
    """Kind: what has no bound. Each time what was refused of it would be in one more rejected file."""
    stage.write(tag_values(3))
    refused = [RowError(1, "CODE", "why"), RowError(2, "STATE", "read-only", Verdict.SPACE, is_alone=True)]
    stage.sink.steps = [lambda _values: refused] * 9
    stage.run_for(2)
    stage.clock.advance(100 * LAST_PAUSE_S)
    stage.run_for(2)
    assert len(stage.rejects.rows) == 1


def test_no_file_is_begun_while_the_table_has_no_key(stage: Stage) -> None:
    """Kind: what makes a repetition safe, taken for granted."""
    stage.write(tag_values(3))
    stage.sink.table_warning = "no key: what comes twice is stored twice"
    stage.run_for(3)
    assert (stage.sink.calls, len(stage.left())) == ([], 1)
    stage.sink.table_warning = None
    stage.run_for(2)
    assert (stage.sink.stored, stage.left()) == (tag_values(3), [])
