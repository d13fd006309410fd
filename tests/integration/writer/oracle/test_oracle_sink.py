"""What the driver does in each failure, case by case, and what the sink makes of it; afterwards it must work again."""

import time
from datetime import datetime

import oracledb
import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.waiting import wait_until
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import Verdict
from shared.models import TagValue
from tests.fakes import tag_values
from tests.integration.writer.oracle.failing import Fault, at_most, failure, works_again
from tests.oracle_target import OracleTarget

CONNECTING: dict[str, tuple[Fault, Verdict, str]] = {
    "TCP refused": (lambda c: c.stop_listening(), Verdict.TRANSIENT, "DPY-6005"),
    "accepted, then reset": (lambda c: c.refuse_connections(), Verdict.TRANSIENT, "DPY-6005"),
    "SYN unanswered": (lambda c: c.ignore_connections(), Verdict.TRANSIENT, "DPY-"),
    "unknown service": (lambda c: c.refuse_connections(12514), Verdict.TRANSIENT, "DPY-6005"),
    "no handler, 12516": (lambda c: c.refuse_connections(12516), Verdict.TRANSIENT, "DPY-6005"),
    "no handler, 12520": (lambda c: c.refuse_connections(12520), Verdict.TRANSIENT, "DPY-6005"),
    "blocked, 12528": (lambda c: c.refuse_connections(12528), Verdict.TRANSIENT, "DPY-6005"),
    "no session left": (lambda c: c.limit_sessions(0), Verdict.TRANSIENT, "ORA-00018"),
    "logon 12516": (lambda c: c.fail_logons(12516), Verdict.TRANSIENT, "ORA-12516"),
    "starting up": (lambda c: c.fail_logons(1033), Verdict.CONNECTION_LOST, "ORA-01033"),
    "not started": (lambda c: c.fail_logons(1034), Verdict.CONNECTION_LOST, "ORA-01034"),
    "wrong password": (lambda c: c.fail_logons(1017), Verdict.CREDENTIALS, "ORA-01017"),
    "expired password": (lambda c: c.fail_logons(28001), Verdict.CREDENTIALS, "ORA-28001"),
    "locked account": (lambda c: c.lock_account(), Verdict.CREDENTIALS, "ORA-28000"),
}


@pytest.mark.req("EC-2", "EC-8")
@pytest.mark.parametrize("case", CONNECTING)
def test_a_failure_to_connect(sink: OracleSink, faults: OracleControl, case: str) -> None:
    fault, verdict, code = CONNECTING[case]
    fault(faults)
    error = failure(sink, tag_values(5))
    assert (error.verdict, error.code.startswith(code)) == (verdict, True), f"{error.code}: {error}"
    assert "\n" not in str(error)
    faults.reset()
    if (
        verdict is not Verdict.CREDENTIALS
    ):  # what was refused is not tried again by itself: tests/integration/writer/test_logons.py
        works_again(sink)


LOST = Verdict.CONNECTION_LOST
ANSWERS = {
    3113: LOST, 3114: LOST, 28: LOST, 600: LOST, 1012: LOST, 1089: LOST, 12537: LOST, 12570: LOST, 12571: LOST,
    1033: LOST, 1653: Verdict.SPACE, 1536: Verdict.SPACE, 4031: Verdict.TRANSIENT, 12516: Verdict.TRANSIENT,
    60: Verdict.TRANSIENT,
    54: Verdict.TRANSIENT, 942: Verdict.CONFIGURATION, 1031: Verdict.CONFIGURATION, 4098: Verdict.CONFIGURATION,
}  # fmt: skip


@pytest.mark.parametrize("number", ANSWERS)
def test_an_error_in_answer_to_an_insert(sink: OracleSink, faults: OracleControl, table: str, number: int) -> None:
    sink.probe()
    faults.fail_next(1, ora_code=number, table=table)
    error = failure(sink, tag_values(5))
    assert error.verdict is ANSWERS[number], f"{error.code}: {error}"
    outcome = sink.write(tag_values(5))
    assert outcome.written == 5, "nothing of the failed batch was left in a transaction"


@pytest.mark.usefixtures("faults")
def test_a_session_with_all_its_cursors_open_is_replaced(sink: OracleSink) -> None:
    """Kind: a limit of the session's, of which nothing but another session helps (kafka-connect-jdbc#86).

    A trigger that leaves its cursors open does it. ORA-01000 was a code that nobody knew: its batch was halved and
    tried again.
    """
    sink.probe()
    with sink._connections.lend() as connection:
        opened: list[oracledb.Cursor] = []

        def open_one_more() -> None:
            opened.append(connection.cursor())
            opened[-1].execute(f"SELECT {len(opened)} FROM dual")

        with pytest.raises(oracledb.DatabaseError, match="ORA-01000"):
            at_most(1001, open_one_more)
    assert failure(sink, tag_values(5)).verdict is Verdict.CONNECTION_LOST
    assert sink.write(tag_values(5)).written == 5


@pytest.mark.parametrize("code", [1001, 3106, 3137, 56600])
def test_a_session_in_disorder_is_replaced_and_its_rows_are_not_blamed(
    sink: OracleSink, faults: OracleControl, code: int
) -> None:
    """Kind: a state of the session's, of which nothing but another session helps: a pooled server has it from whom it
    served before. A code that nobody knew: its batch was halved, and each row that met it again rejected.
    """
    sink.probe()
    wait_until(lambda: sink.connections == (2, 0), 5, "the connections of the start")
    faults.fail_next(1, ora_code=code, verb="INSERT")
    assert failure(sink, tag_values(5)).verdict is Verdict.CONNECTION_LOST
    assert sink.connections == (1, 0), "this session is parted with"
    assert sink.write(tag_values(5)).written == 5


CUTS: dict[str, tuple[Fault, int]] = {
    "cut before executing": (lambda c: c.cut_before_execute(1), 0),
    "cut before executing, in order": (lambda c: c.cut_before_execute(1, how="fin"), 0),
    "cut in the middle of the call": (lambda c: c.cut_mid_call(1), 0),
    "answer lost after the commit": (lambda c: c.lose_reply_after_commit(1), 5),
    "answer lost after the commit, in order": (lambda c: c.lose_reply_after_commit(1, how="fin"), 5),
}


@pytest.mark.req("EC-3")
@pytest.mark.parametrize("case", CUTS)
def test_a_connection_cut_looks_the_same_whatever_was_stored(
    sink: OracleSink, faults: OracleControl, oracle: OracleTarget, table: str, case: str
) -> None:
    fault, stored = CUTS[case]
    sink.probe()
    fault(faults)
    error = failure(sink, tag_values(5))
    assert (error.code, error.verdict) == ("DPY-4011", Verdict.CONNECTION_LOST)
    wait_until(lambda: oracle.count(table) == stored, 5, f"{stored} rows")
    outcome = sink.write(tag_values(5))
    assert (outcome.written, len(outcome.duplicates)) == (5 - stored, stored)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_that_is_not_answered_ends_by_its_timeout(
    sink: OracleSink, faults: OracleControl, oracle: OracleTarget, table: str, when: str
) -> None:
    sink.probe()
    faults.hang_calls(when)  # type: ignore[arg-type]
    began = time.monotonic()
    error = failure(sink, tag_values(5))
    assert error.verdict in (Verdict.TRANSIENT, Verdict.CONNECTION_LOST)
    assert time.monotonic() - began < 5
    faults.reset()
    works_again(sink)
    outcome = sink.write(tag_values(5))
    assert outcome.written + len(outcome.duplicates) == 5
    assert oracle.count(table) == 5


def test_a_value_that_the_driver_cant_bind_fails_only_itself(oracle: OracleTarget) -> None:
    changes = (("tag_value VARCHAR2(255) NOT NULL", "tag_value NUMBER"),)
    with oracle.table(changes=changes) as table:
        sink = OracleSink(oracle.settings(table))
        texts = ["1", "nan", "2.5", "1e999", "on", "9" * 60, "3"]
        values = [TagValue(datetime(2026, 1, 1), "P", f"D{n}", text, "GOOD") for n, text in enumerate(texts)]
        outcome = sink.write(values)
        stored = {name: value for (name, _), (value, _) in oracle.cells(table).items()}
        sink.close()
    assert [error.offset for error in outcome.rejected] == [4]
    # What is no number that can be stored is BAD without a value, as by every way in.
    assert stored == {"P.D0": 1, "P.D1": None, "P.D2": 2.5, "P.D3": None, "P.D5": 10**60, "P.D6": 3}


def test_rows_before_a_bad_one_are_not_left_for_the_next_commit(oracle: OracleTarget, table: str) -> None:
    sink = OracleSink(oracle.settings(table))
    values = tag_values(10)
    long = TagValue(values[0].timestamp, "P", "D", "온" * 100, "GOOD")
    outcome = sink.write([*values[:5], long, *values[5:]])
    assert (outcome.written, [error.code for error in outcome.rejected]) == (10, ["TOO_LONG"])
    assert oracle.count(table) == 10
    sink.close()


def test_look_up_returns_what_the_table_holds_in_the_same_order(sink: OracleSink) -> None:
    values = tag_values(3)
    sink.write(values[:2])
    assert sink.lookup(values[::-1]) == [None, ("1.5", "GOOD"), ("1.5", "GOOD")]
