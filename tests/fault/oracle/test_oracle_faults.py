"""What Oracle can do to the writer. Each test ends with the ledger balanced and every value found by its value."""

import time

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.feed import Load
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from tests.fault.ledger import assert_nothing_lost_nothing_twice, drain, events, wait_for_state, written_again
from tests.pipeline import Pipeline, in_csv


@pytest.mark.req("SC-004", "FR-011", "FR-012", "SC-003", "FR-023")
@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        pytest.param(3491, 3.0, id="short"),
        pytest.param(3491, 60.0, id="3491 a second for 60 s", marks=[pytest.mark.slow, pytest.mark.timeout(240)]),
        pytest.param(20_000, 20.0, id="20000 a second for 20 s", marks=[pytest.mark.slow, pytest.mark.timeout(240)]),
    ],
)
def test_oracle_refuses_connections(running: Pipeline, faults: OracleControl, rate: int, seconds: float) -> None:
    with Load(running.queue, rate) as load:
        wait_until(lambda: running.snapshot()[Counter.WRITTEN] > rate / 2, what="values in the table")
        faults.stop_listening(cut="rst")
        time.sleep(seconds)
        assert running.snapshot()[Counter.BACKED_UP] > 0
        faults.listen()
        wait_for_state(running, "closed")
        written = running.snapshot()[Counter.WRITTEN]
        wait_until(lambda: running.snapshot()[Counter.WRITTEN] > written + rate / 2, what="live values in the table")
    drain(running)
    assert_nothing_lost_nothing_twice(running, load.rows)
    log = running.log("writer")
    for line in (
        "Oracle write failed (attempt 1/4): ", "Retrying in 0.05 seconds...",
        "All 3 retries exhausted, saving to CSV backup", " items to ",
    ):  # fmt: skip
        assert line in log
    assert {"oracle_lost", "oracle_back", "backup_file"} <= set(events(running))

    def recovered() -> bool:
        # the writer closes its file some seconds after the last row in it
        assert running.start("writer", "recover").wait(60) == 0, running.log("writer")
        return running.table_rows() == load.rows

    wait_until(recovered, 30, "all to be in the table")


@pytest.mark.parametrize(
    "outages", [1, pytest.param(20, id="20 in a row", marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_a_listener_that_accepts_and_says_nothing(pipeline: Pipeline, faults: OracleControl, outages: int) -> None:
    """Kind: a fault that holds a thread inside the driver, whose clean-up then ended the writer in 2 of 4 outages."""
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer")
    with Load(pipeline.queue, 1000) as load:
        for _ in range(outages):
            backed_up, written = pipeline.snapshot()[Counter.BACKED_UP], pipeline.snapshot()[Counter.WRITTEN]
            wait_until(lambda w=written: pipeline.snapshot()[Counter.WRITTEN] > w, what="live values")  # type: ignore[misc]
            faults.hang_new_connections()
            faults.cut_sessions()
            wait_until(
                lambda b=backed_up: pipeline.snapshot()[Counter.BACKED_UP] > b + 1000,  # type: ignore[misc]
                40, "values in the backup",
            )  # fmt: skip
            faults.reset()
            wait_for_state(pipeline, "closed")
            assert writer.poll() is None, pipeline.log("writer")
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, load.rows)
    assert "fault" not in events(pipeline)


def test_calls_that_are_never_answered_end_by_their_timeout(running: Pipeline, faults: OracleControl) -> None:
    with Load(running.queue, 3491) as load:
        faults.hang_calls()
        wait_until(lambda: running.snapshot()[Counter.BACKED_UP] > 3000, 40, "values in the backup")
        faults.reset()
        wait_for_state(running, "closed")
    drain(running)
    assert_nothing_lost_nothing_twice(running, load.rows)


@pytest.mark.parametrize("how", ["rst", "fin"])
@pytest.mark.parametrize("fault", ["cut_before_execute", "cut_mid_call", "lose_reply_after_commit"])
@pytest.mark.req("EC-3")
def test_a_connection_that_is_cut(running: Pipeline, faults: OracleControl, fault: str, how: str) -> None:
    with Load(running.queue, 5000) as load:
        for _ in range(5):
            getattr(faults, fault)(1, how=how)
            puts = load.puts
            wait_until(lambda puts=puts: load.puts > puts + 2, what="more readings")  # type: ignore[misc]
    ledger = drain(running)
    assert_nothing_lost_nothing_twice(running, load.rows)
    assert ledger[Counter.RETRIES] > 0
    if fault == "lose_reply_after_commit":
        assert ledger[Counter.DUPLICATES] > 0
        assert ledger[Counter.CONFLICTS] == 0


@pytest.mark.parametrize("silent", [pytest.param(False, marks=pytest.mark.slow), True])
def test_an_outage_never_ends_the_writer_whatever_the_connect_string_says(
    pipeline: Pipeline, faults: OracleControl, silent: bool
) -> None:
    """Kind: RETRY_COUNT, Oracle's own advice, made every outage look like a listener that hangs; the writer exited."""
    host, port = pipeline.oracle.dsn.split("/")[0].split(":")
    address = f"(ADDRESS=(PROTOCOL=TCP)(HOST={host})(PORT={port}))"
    dsn = (
        f"(DESCRIPTION=(RETRY_COUNT=20)(RETRY_DELAY=3)(ADDRESS_LIST=(LOAD_BALANCE=ON){address * 3})"
        "(CONNECT_DATA=(SERVICE_NAME=FREEPDB1)))"
    )
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer", ORACLE_DSN=dsn, ORACLE_CONNECT_TIMEOUT="0.3")
    with Load(pipeline.queue, 1000) as load:
        wait_until(lambda: pipeline.snapshot()[Counter.WRITTEN] > 500, what="values in the table")
        if silent:
            faults.ignore_connections()
            faults.cut_sessions()
        else:
            faults.stop_listening(cut="rst")
        # More pools than were allowed to hang would have been replaced meanwhile.
        wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] > 4_000, 60, "4,000 values in the backup")
        faults.reset()
        wait_for_state(pipeline, "closed")
    assert writer.poll() is None, pipeline.log("writer")
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, load.rows)


def test_pressure_is_relieved_to_the_backup_while_oracle_is_slow(pipeline: Pipeline, faults: OracleControl) -> None:
    # Given: an Oracle that takes seconds for each batch, and retries far away
    faults.delay_ms(3000)
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer", ORACLE_CALL_TIMEOUT="60", WRITER_CONCURRENCY="1")
    # If: more comes than the buffer holds
    with Load(pipeline.queue, 8000) as load:
        wait_until(lambda: load.values > 25_000, what="25,000 values put")
    # Expect: the backup took what Oracle could not, and nothing overflowed
    faults.delay_ms(0)
    ledger = drain(pipeline)
    assert ledger[Counter.BACKED_UP] > 5000
    assert_nothing_lost_nothing_twice(pipeline, load.rows)


def test_an_oracle_that_comes_back_without_what_it_had_committed_is_told(
    pipeline: Pipeline, faults: OracleControl
) -> None:
    """Kind: what was acknowledged, taken for stored for ever. The standby that took over had not all of it yet: the
    values of some seconds counted as written, were in no place, and the ledger balanced.
    """
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    lost = pipeline.put(polls=4, tags=50)
    drain(pipeline)
    faults.fail_next(None, ora_code=3113, verb="INSERT", table=pipeline.table)
    saved = pipeline.put(polls=1, tags=5)
    wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] > 0, what="values in the backup")
    pipeline.oracle.execute(f"DELETE FROM {pipeline.table}", "COMMIT")
    faults.reset()
    later = written_again(pipeline)
    wait_until(lambda: "oracle_went_back" in events(pipeline), what="the loss to be named")
    assert not pipeline.table_rows().keys() & lost.keys()
    assert {**pipeline.table_rows(), **in_csv(pipeline.csv_rows())} == {**saved, **later}
    log = pipeline.log("writer")
    assert any(f"collected from {moment}" in log for _, moment in lost)
