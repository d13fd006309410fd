"""A plant's own foreign keys and triggers on the table, with real processes: each value ends in one place, once."""

from collections.abc import Iterator

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.oracle import Cells
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from tests.fault.ledger import writer_beat
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline, in_csv

#: The table's key, and a foreign key after it: each tag must be one that the plant knows.
KEY = "CONSTRAINT tag_data_pk PRIMARY KEY (tag_name, timestamp) USING INDEX COMPRESS 1"
KNOWN = f"{KEY}, CONSTRAINT tag_data_fk FOREIGN KEY (tag_name) REFERENCES {{}} (tag_name)"


@pytest.fixture
def parent(oracle: OracleTarget) -> Iterator[str]:
    """A table of the tags that the plant knows: PLC01's first ten."""
    with oracle.table(changes=((KEY, "CONSTRAINT tag_data_pk PRIMARY KEY (tag_name)"),)) as name:
        know(oracle, name, "PLC01", range(10))
        yield name


def know(oracle: OracleTarget, parent: str, plc: str, tags: range) -> None:
    row = "INSERT INTO {} VALUES ('{}.D{}', '-', TIMESTAMP '2026-01-01 00:00:00', '-')"
    oracle.execute(*(row.format(parent, plc, tag) for tag in tags), "COMMIT")


def test_tags_that_the_plant_does_not_know_yet_cost_their_rows_and_are_put_back(
    pipeline: Pipeline, oracle: OracleTarget, parent: str
) -> None:
    """Kind: one row's fault costs all. A child before its parent ended the whole sink, again at every retry."""
    with oracle.table(changes=((KEY, KNOWN.format(parent)),)) as table:
        pipeline.start_and_wait("consumer")
        writer = pipeline.start_and_wait("writer", ORACLE_TABLE=table)
        expected = pipeline.put(polls=4, tags=12)
        ledger = pipeline.wait_until_idle()
        orphans = {key for key in expected if key[0] in {"PLC01.D10", "PLC01.D11"}}
        assert (ledger[Counter.REJECTED], ledger[Counter.BACKED_UP]) == (len(orphans), 0)
        rejected = pipeline.csv_rows("rejected")
        assert set(in_csv(rejected)) == orphans
        assert {row["error_code"] for row in rejected} == {"ORA-02291"}
        assert all("FK) violated - parent key not found" in row["error_message"] for row in rejected)
        # If: somebody makes them known, the file goes in
        know(oracle, parent, "PLC01", range(10, 12))
        (file,) = pipeline.backup_dir.glob("rejected_*.csv")
        pipeline.stop(writer)
        recover = pipeline.start("writer", "recover", str(file), ORACLE_TABLE=table)
        assert recover.wait(60) == 0, pipeline.log("writer")
        assert oracle.cells(table) == expected


def test_a_controller_of_which_no_tag_is_known_stops_no_other(
    pipeline: Pipeline, oracle: OracleTarget, parent: str
) -> None:
    """Kind: a row's fault taken for the table's. The first batch ever is all orphans: no row says that others go in."""
    with oracle.table(changes=((KEY, KNOWN.format(parent)),)) as table:
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer", ORACLE_TABLE=table)
        strangers = pipeline.put(polls=3, tags=5, plc_code="NEW")
        pipeline.wait_until_idle()
        wait_until(lambda: writer_beat(pipeline).get("oracle") == "configuration", what="the heartbeat to say so")
        expected: Cells = {}

        def closed() -> bool:
            expected.update(pipeline.put(polls=1, tags=10))
            pipeline.wait_until_idle()
            return writer_beat(pipeline).get("breaker") == "closed"

        wait_until(closed, 30, "the breaker to close")
        strangers |= pipeline.put(polls=3, tags=5, plc_code="NEW")
        ledger = pipeline.wait_until_idle()
        put_aside = {**in_csv(pipeline.csv_rows("rejected")), **in_csv(pipeline.csv_rows())}
        assert {**oracle.cells(table), **put_aside} == {**expected, **strangers}
        assert ledger[Counter.REJECTED] + ledger[Counter.BACKED_UP] == len(put_aside)
        # as soon as the table has taken a row, an orphan is an orphan
        assert (ledger[Counter.BACKED_UP], ledger[Counter.REJECTED]) == (15, 15)
        assert "has taken none since this writer began" in pipeline.log("writer")


def test_a_batch_that_comes_again_is_in_a_triggers_own_table_once(
    pipeline: Pipeline, oracle: OracleTarget, faults: OracleControl
) -> None:
    """Kind: what a refused row leaves behind. The acknowledgement is lost, and the trigger writes for each row again.

    It is the trigger's table that refuses the rows then, by its own key: all the same they are in ours.
    """
    with oracle.table(changes=((KEY, "CONSTRAINT tag_data_pk PRIMARY KEY (tag_name, timestamp)"),)) as audit:
        table = pipeline.table
        oracle.execute(
            f"CREATE TRIGGER {table}_a BEFORE INSERT ON {table} FOR EACH ROW BEGIN INSERT INTO {audit} "
            "VALUES (:NEW.tag_name, :NEW.tag_value, :NEW.timestamp, :NEW.quality); END;"
        )
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer")
        faults.lose_reply_after_commit(1)
        expected = pipeline.put(polls=4, tags=50)
        ledger = pipeline.wait_until_idle()
        assert pipeline.table_rows() == oracle.cells(audit) == expected
        assert ledger[Counter.DUPLICATES] > 0
        assert (ledger[Counter.REJECTED], ledger[Counter.BACKED_UP]) == (0, 0)


def test_a_row_that_a_trigger_refuses_is_rejected_once_whatever_becomes_of_the_commit(
    pipeline: Pipeline, oracle: OracleTarget, faults: OracleControl
) -> None:
    """Kind: a batch with refused rows is committed by a call of its own, and its answer is lost."""
    table = pipeline.table
    raising = "IF :NEW.tag_name = 'PLC01.D7' THEN RAISE_APPLICATION_ERROR(-20001, 'D7 is out of order'); END IF;"
    oracle.execute(f"CREATE TRIGGER {table}_r BEFORE INSERT ON {table} FOR EACH ROW BEGIN {raising} END;")
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    faults.lose_reply_after_commit(1)
    expected = pipeline.put(polls=4, tags=50)
    ledger = pipeline.wait_until_idle()
    refused = {key for key in expected if key[0] == "PLC01.D7"}
    rejected = pipeline.csv_rows("rejected")
    assert len(rejected) == ledger[Counter.REJECTED] == len(refused) == 4
    assert set(in_csv(rejected)) == refused
    assert pipeline.table_rows() == {key: row for key, row in expected.items() if key not in refused}
    assert all(row["error_message"].startswith("ORA-20001: D7 is out of order") for row in rejected)
