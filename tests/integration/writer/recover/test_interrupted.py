"""Recovering is interrupted, killed, done twice at once, or Oracle or Redis is away; and what an editor left."""

import signal
from pathlib import Path

import pytest

from sandbox.harness.waiting import wait_until
from services.writer.backup.label import label_path
from tests.fakes import tag_values
from tests.integration.writer.recover.place import Place, expected, numbered


def test_oracle_away_is_retried_then_the_file_stays(place: Place) -> None:
    place.write(numbered(5))
    place.oracle.control.fail_next(None, ora_code=12570, verb="INSERT")

    status, output = place.recover()

    assert status == 1
    assert output.count("Retrying in ") == 3
    assert "ORA-12570" in output
    assert len(place.files("backup_*.csv")) == 1
    place.oracle.control.reset()
    assert place.recover()[0] == 0
    assert place.count() == 5


@pytest.mark.req("EC-3")
def test_lost_reply_after_the_commit_stores_nothing_twice(place: Place) -> None:
    place.write(numbered(1_500))
    place.oracle.control.lose_reply_after_commit(1)

    status, output = place.recover()

    assert status == 0, output
    assert place.stored() == expected(numbered(1_500))
    assert "1500 rows read, 1000 written, 500 in the table already" in output


def test_redis_away_does_not_stop_it(place: Place) -> None:
    place.write(numbered(1_100))
    status, output = place.recover(REDIS_URL="redis://127.0.0.1:1/0")

    assert status == 0
    assert place.count() == 1_100
    assert output.count("is not usable") == 1
    assert "1100 rows too low" in output


@pytest.mark.req("OPS-2")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_after_the_batch_and_the_next_run_goes_on(place: Place, signum: signal.Signals) -> None:
    path = place.write(numbered(3_000))
    process = place.start("--rate", "1000")
    wait_until(lambda: place.count() > 0, what="the first rows")
    process.send_signal(signum)
    output = process.output(10)

    written = place.count()
    assert process.returncode == 130, output
    assert 0 < written < 3_000
    assert f"interrupted after {written} rows read, {written} written" in output
    assert path.exists()
    status, output = place.recover()
    assert status == 0
    assert f"{3_000 - written} written, {written} in the table already" in output
    assert place.stored() == expected(numbered(3_000))


@pytest.mark.req("OPS-2")
def test_kill_in_the_middle_loses_and_doubles_nothing(place: Place) -> None:
    place.write(numbered(20_000))
    for wanted in (1, 3_000):
        process = place.start()
        wait_until(lambda least=wanted: place.count() >= least, what="rows")  # type: ignore[misc]
        process.kill()
        process.output(10)

    status, output = place.recover()

    assert status == 0, output
    assert place.stored() == expected(numbered(20_000))
    assert len(place.files("recovered/*.csv")) + len(place.files("backup_*.csv")) == 1


@pytest.mark.req("FR-003")
def test_two_at_once_share_the_files(place: Place) -> None:
    for first in range(0, 8_000, 2_000):
        place.write(numbered(2_000, first))
    processes = [place.start() for _ in range(2)]
    outputs = [process.output(60) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], outputs
    assert place.stored() == expected(numbered(8_000))
    assert len(place.files("recovered/*.csv")) == 4
    assert place.files("*.csv") == []


REJECTED_CELLS = ",TOO_LONG,tag_name holds 100 bytes"


def as_rejected(path: Path, *, last: str = "") -> Path:
    """Make a file of rejected rows of a backup file, as an editor saves it that ends no last line."""
    header, *rows = path.read_text().splitlines()
    rejected = path.with_name(path.name.replace("backup", "rejected"))
    lines = [f"{header},error_code,error_message", *(row + REJECTED_CELLS for row in rows), *filter(None, [last])]
    path.write_text("\n".join(lines))
    label_path(path).rename(label_path(rejected))
    return path.rename(rejected)


@pytest.mark.parametrize("is_labelled", [True, False])
def test_the_last_row_of_a_file_that_an_editor_saved_is_not_torn(place: Place, is_labelled: bool) -> None:
    """Kind: what a crash leaves taken for the only way to come about. The row that a person put right was left out."""
    path = as_rejected(place.write(tag_values(5)))
    if not is_labelled:
        label_path(path).unlink()
    status, output = place.recover(str(path))
    assert (status, place.count()) == (0, 5), output
    assert "torn" not in output


def test_a_last_line_that_is_no_row_is_kept_where_no_writer_died(place: Place) -> None:
    """Kind: as above: half a line that a person left goes where a person finds it, and is not left out."""
    path = as_rejected(place.write(tag_values(3)), last="2026-01-01 00:00:00,PLC01")
    status, output = place.recover(str(path))
    assert (status, place.count()) == (0, 3), output
    assert "1 bad lines" in output
    (rejected,) = place.files("rejected_*.csv")
    assert "2026-01-01 00:00:00,PLC01" in (place.directory / rejected).read_text()


def test_the_last_row_of_a_changed_file_that_is_recovered_anyway_is_not_torn(place: Place) -> None:
    path = place.write(tag_values(5))
    path.write_text(path.read_text().rstrip("\n"))
    assert place.recover(str(path))[0] == 1
    assert place.recover("--anyway", str(path))[0] == 0
    assert place.count() == 5
