"""Oracle answers, and does not take some rows, or any. Each test ends with every value found by its value."""

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.feed import START, Load
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from shared.models import PollingData
from tests.fault.ledger import assert_nothing_lost_nothing_twice, drain, events, wait_for_state, writer_beat
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline, in_csv


@pytest.mark.req("EC-4", "EC-6", "SC-007")
@pytest.mark.parametrize("bad", [1, 10, 500])
def test_bad_rows_among_500(pipeline: Pipeline, oracle: OracleTarget, bad: int) -> None:
    # Given: rows that Oracle itself refuses (a check constraint), and rows too long for their column
    changes = (("quality   VARCHAR2(20)  NOT NULL", "quality VARCHAR2(20) NOT NULL CHECK (quality IN ('GOOD'))"),)
    with oracle.table(changes=changes) as table:
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer", ORACLE_TABLE=table)
        readings: dict[str, object] = {f"D{n}": n for n in range(500)}
        guilty = list(readings)[2 :: max(1, 500 // bad)][:bad] if bad < 500 else list(readings)
        for number, address in enumerate(guilty):
            readings[address] = None if number % 2 else "x" * 256
        pipeline.queue.put(
            PollingData(timestamp=START, group_id=1, group_name="g", plc_code="P", tag_values=readings), timeout=5
        )
        ledger = pipeline.wait_until_idle()
        stored = {name.removeprefix("P.") for name, _ in oracle.cells(table)}
    assert (ledger[Counter.WRITTEN], ledger[Counter.REJECTED]) == (500 - len(guilty), len(guilty))
    assert ledger[Counter.RETRIES] == ledger[Counter.BACKED_UP] == 0
    rejected = pipeline.csv_rows("rejected")
    assert {row["tag_address"] for row in rejected} == set(guilty) == set(readings) - stored
    assert {row["error_code"] for row in rejected} <= {"ORA-02290", "TOO_LONG"}


@pytest.mark.req("EC-4", "EC-6")
def test_row_3_of_500_is_too_long_for_oracle_alone(pipeline: Pipeline, oracle: OracleTarget) -> None:
    # Given: a column that counts letters: only Oracle knows that eleven are too many
    with oracle.table(changes=(("tag_value VARCHAR2(255)", "tag_value VARCHAR2(10 CHAR)"),)) as table:
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer", ORACLE_TABLE=table)
        readings = {f"D{n}": "elevenchars" if n == 3 else "온" * 10 for n in range(500)}
        pipeline.queue.put(
            PollingData(timestamp=START, group_id=1, group_name="g", plc_code="P", tag_values=readings), timeout=5
        )
        ledger = pipeline.wait_until_idle()
        assert oracle.count(table) == 499
    assert (ledger[Counter.WRITTEN], ledger[Counter.REJECTED], ledger[Counter.RETRIES]) == (499, 1, 0)
    (rejected,) = pipeline.csv_rows("rejected")
    assert (rejected["tag_address"], rejected["error_code"]) == ("D3", "ORA-12899")


def test_a_full_tablespace_rejects_nothing(running: Pipeline, faults: OracleControl) -> None:
    faults.fail_next(1_000_000, ora_code=1653, message="unable to extend table by 128 in tablespace USERS")
    expected = running.put(polls=10, tags=300)
    wait_until(lambda: running.snapshot()[Counter.BACKED_UP] > 0, what="values in the backup")
    faults.reset()
    wait_for_state(running, "closed")
    expected |= running.put(polls=10, tags=300)
    ledger = drain(running)
    assert ledger[Counter.REJECTED] == 0
    assert_nothing_lost_nothing_twice(running, expected)


def test_a_read_only_database_does_not_flap(running: Pipeline, faults: OracleControl) -> None:
    """Kind: a SELECT taken for proof of an INSERT. After a switchover: 71 changes of state and 7 files in 200 s."""
    # Given: a database that answers every query and refuses every insert
    faults.fail_next(
        None, ora_code=16000, message="database or pluggable database open for read-only access", verb="INSERT"
    )
    with Load(running.queue, 2000) as load:
        wait_for_state(running, "half-open")
        # If: it stays so for many probes and trials
        tries = running.log("writer").count("Oracle write failed")
        wait_until(lambda: running.log("writer").count("Oracle write failed") > tries + 8, 30, "eight more trials")
        # Expect: one outage among the events, one file, and nobody says that all is well
        changes = [kind for kind in events(running) if kind in {"oracle_lost", "oracle_back"}]
        assert changes == ["oracle_lost", "oracle_back"]
        assert len(list(running.backup_dir.glob("backup_*.csv"))) == 1
        assert writer_beat(running)["oracle"] == "away"
        faults.reset()
        wait_for_state(running, "closed")
    drain(running)
    assert running.snapshot()[Counter.REJECTED] == 0
    assert_nothing_lost_nothing_twice(running, load.rows)


@pytest.mark.req("EC-8")
def test_a_table_that_is_gone_is_no_reason_for_a_storm_of_retries(running: Pipeline, faults: OracleControl) -> None:
    name, logons = running.table, faults.status().logons
    running.oracle.execute(f"DROP TABLE {name}")
    expected = running.put(polls=10, tags=300)
    ledger = drain(running)
    assert ledger[Counter.BACKED_UP] == len(expected)
    assert ledger[Counter.RETRIES] == 0
    assert in_csv(running.csv_rows()) == expected
    assert "ORA-00942" in running.log("writer")
    wait_until(lambda: writer_beat(running).get("oracle") == "configuration", what="the heartbeat to say so")
    wait_until(lambda: "oracle_configuration" in events(running), what="the event")
    # Oracle was asked over the connections that there were, or few new ones: the test's own DROP took one.
    assert faults.status().logons - logons <= 5
