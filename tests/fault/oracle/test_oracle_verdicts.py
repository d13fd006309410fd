"""What Oracle's answers mean, with real processes: every value ends in one place, and that place is the right one."""

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.feed import expected_rows
from sandbox.harness.oracle import Cells
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from shared.models import PollingData
from tests.fault.ledger import assert_nothing_lost_nothing_twice, events, writer_beat
from tests.oracle_target import SECOND_UNIQUE, OracleTarget
from tests.pipeline import Pipeline, in_csv


def test_an_hour_that_comes_twice(running: Pipeline) -> None:
    """Kind: conflicts are values. 2,400 with other contents were thrown away as duplicates, 250 of them counted."""
    # Given: an hour of readings in the table
    expected = running.put(polls=8, tags=300)
    running.wait_until_idle()
    # If: the clock is set back and the same times come with other values
    again: Cells = {}
    for moment in {time for _, time in expected}:
        data = PollingData(
            timestamp=moment, group_id=1, group_name="line 1", plc_code="PLC01",
            tag_values={f"D{tag}": -1.5 - tag for tag in range(300)},
        )  # fmt: skip
        running.queue.put(data, timeout=10)
        again |= expected_rows(data)
    ledger = running.wait_until_idle()
    # Expect: the first are in the table, each of the others in a file with the reason, counted exactly
    assert running.table_rows() == expected
    rejected = running.csv_rows("rejected")
    assert in_csv(rejected) == again
    assert {row["error_code"] for row in rejected} == {"CONFLICT"}
    assert len(rejected) == ledger[Counter.CONFLICTS] == ledger[Counter.REJECTED] == 2400
    assert ledger[Counter.DUPLICATES] == 0
    wait_until(lambda: "conflicts" in events(running), what="the event")


def test_a_second_unique_index_whose_default_repeats(pipeline: Pipeline, oracle: OracleTarget) -> None:
    """Kind: ORA-00001 taken for proof that the row is there. 1,999 of 2,000 values were in no table and no file."""
    with oracle.table(changes=SECOND_UNIQUE) as table:
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer", ORACLE_TABLE=table)
        expected = pipeline.put(polls=4, tags=500)
        ledger = pipeline.wait_until_idle()
        stored = oracle.cells(table)
    assert {**in_csv(pipeline.csv_rows("rejected")), **stored} == expected
    assert (ledger[Counter.WRITTEN], ledger[Counter.DUPLICATES], ledger[Counter.REJECTED]) == (1, 0, 1999)


@pytest.mark.parametrize("code", [14400, 1400, 20001])
def test_the_table_refuses_every_row_until_a_person_mends_it(
    running: Pipeline, faults: OracleControl, code: int
) -> None:
    """Kind: rows blamed for the table's fault. The values belong in the backup, and a person must hear of it."""
    faults.refuse_rows(code, table=running.table)
    expected = running.put(polls=10, tags=300)
    wait_until(lambda: running.snapshot()[Counter.BACKED_UP] > 0, what="values in the backup")
    expected |= running.put(polls=10, tags=1)
    ledger = running.wait_until_idle()
    assert (ledger[Counter.REJECTED], ledger[Counter.RETRIES], running.csv_rows("rejected")) == (0, 0, [])
    wait_until(lambda: "oracle_configuration" in events(running), what="the event")
    wait_until(lambda: writer_beat(running).get("oracle") == "configuration", what="the heartbeat to say so")
    # If: the DBA mends it, live values find out by themselves
    faults.reset()

    def closed() -> bool:
        expected.update(running.put(polls=1, tags=10))
        return writer_beat(running).get("breaker") == "closed"

    wait_until(closed, 30, "the breaker to close")
    running.wait_until_idle()
    assert_nothing_lost_nothing_twice(running, expected)

    def recovered() -> bool:
        # the writer closes its file some seconds after the last row in it
        assert running.start("writer", "recover").wait(60) == 0, running.log("writer")
        return running.table_rows() == expected

    wait_until(recovered, 30, "all to be in the table")


def test_a_trigger_that_refuses_one_row_in_500_costs_that_row(running: Pipeline, faults: OracleControl) -> None:
    """Kind: an unknown code takes its batch along: 120,500 of 140,000 values were backed up."""
    faults.refuse_rows(20001, containing="D13", table=running.table)
    expected = running.put(polls=20, tags=500)
    ledger = running.wait_until_idle()
    refused = {key for key in expected if "D13" in key[0]}
    assert (ledger[Counter.REJECTED], ledger[Counter.BACKED_UP], ledger[Counter.RETRIES]) == (len(refused), 0, 0)
    assert set(in_csv(running.csv_rows("rejected"))) == refused
    assert running.table_rows() == {key: row for key, row in expected.items() if key not in refused}


def test_a_poison_row_alone_holds_up_nobody(running: Pipeline, faults: OracleControl) -> None:
    """Kind: a batch of one row is ambiguous; others are taken, so it is that row's fault."""
    faults.refuse_rows(55555, containing="POISON", table=running.table)
    expected = running.put(polls=1, tags=5)
    for number in range(5):
        running.put(polls=1, tags=1, plc_code=f"POISON{number}")
        running.wait_until_idle()
    expected |= running.put(polls=1, tags=5)
    ledger = running.wait_until_idle()
    assert (ledger[Counter.REJECTED], ledger[Counter.BACKED_UP]) == (5, 0)
    assert running.table_rows() == expected
    assert writer_beat(running)["breaker"] == "closed"


def test_a_verifier_that_the_driver_does_not_know_is_nobodys_row(pipeline: Pipeline, faults: OracleControl) -> None:
    """Kind: an error of the logon taken for one of the rows that wait for it (DPY-3015: 1,000 rejected)."""
    faults.give_old_verifier()
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    before = faults.status().connections
    expected = pipeline.put(polls=3, tags=300)
    ledger = pipeline.wait_until_idle()
    assert (ledger[Counter.REJECTED], ledger[Counter.BACKED_UP]) == (0, len(expected))
    wait_until(lambda: writer_beat(pipeline).get("oracle") == "configuration", what="the heartbeat to say so")
    assert "DPY-3015" in pipeline.log("writer")
    assert faults.status().connections - before < 10  # one a probe, and not one a row


@pytest.mark.parametrize("code", [372, 1502, 54])
def test_rows_that_a_state_of_oracles_keeps_out_keep_no_others_from_the_table(
    running: Pipeline, faults: OracleControl, code: int
) -> None:
    """Kind: one row's fault costs all. Old rows, of a month whose partition is read-only, took all others to the
    backup, for as long as they came.
    """
    faults.refuse_rows(code, containing="LATE", table=running.table)
    expected, late = running.put(polls=1, tags=50), running.put(polls=3, tags=5, plc_code="LATE")
    running.wait_until_idle()
    for _ in range(10):
        expected |= running.put(polls=1, tags=50)
        late |= running.put(polls=1, tags=5, plc_code="LATE")
    ledger = running.wait_until_idle()
    assert running.table_rows() == expected
    assert in_csv(running.csv_rows()) == late
    assert (ledger[Counter.BACKED_UP], ledger[Counter.REJECTED]) == (len(late), 0)
    assert writer_beat(running)["breaker"] == "closed"
    told = events(running)
    assert "oracle_retry" in told
    assert not {"oracle_lost", "oracle_configuration"} & set(told)
