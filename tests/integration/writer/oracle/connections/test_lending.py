"""Connections that die, hang or are too few: what the sink makes of them."""

import os
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import oracledb
import pytest

from bench.measure import open_files
from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.waiting import wait_until
from services.writer.oracle.codes import meaning_of
from services.writer.oracle.connections.connecting import connect
from services.writer.oracle.connections.pool import IDLE_S
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import SinkError, Verdict
from tests.fakes import tag_values
from tests.integration.writer.oracle.failing import at_once, failure, failure_or_none, works_again
from tests.oracle_target import OracleTarget


def test_idle_connections_that_died_are_replaced_without_a_word(sink: OracleSink, faults: OracleControl) -> None:
    assert sink.write(tag_values(5)).written == 5
    wait_until(lambda: sink.connections == (2, 0), 5, "both connections")
    idle_from = time.monotonic() + IDLE_S
    faults.cut_sessions("rst")
    wait_until(lambda: faults.status().sessions == 0 and time.monotonic() > idle_from, 5, "no session")
    assert len(sink.write(tag_values(5)).duplicates) == 5


@pytest.mark.req("EC-2", "FR-007")
def test_a_pool_that_is_in_use_is_waited_for_and_not_replaced(oracle: OracleTarget, table: str) -> None:
    sink = OracleSink(oracle.settings(table, oracle_pool_min=1, oracle_pool_max=1))
    with sink.connection():
        error: list[SinkError] = []
        thread = threading.Thread(target=lambda: error.append(failure(sink, tag_values(1))))
        thread.start()
        thread.join(10)
    assert error[0].code == "DPY-4005"
    assert sink.write(tag_values(1)).written == 1
    assert sink.connections == (1, 0)
    sink.close()


def test_a_listener_that_hangs_spoils_the_pool_and_leaves_no_thread_and_no_descriptor_behind(
    sink: OracleSink, faults: OracleControl
) -> None:
    sink.probe()
    before, descriptors = threading.active_count(), open_files(os.getpid())
    faults.hang_new_connections()
    faults.cut_sessions()
    for _ in range(5):
        assert failure(sink, tag_values(5)).verdict in (Verdict.TRANSIENT, Verdict.CONNECTION_LOST)
    faults.reset()
    works_again(sink)
    wait_until(lambda: threading.active_count() <= before + 1, 10, "the stuck threads to end")
    assert open_files(os.getpid()) <= descriptors + 5


def test_a_line_that_a_firewall_forgot_is_found_out_before_values_go_over_it(
    sink: OracleSink, faults: OracleControl
) -> None:
    """Kind: a connection that looks alive and is not."""
    assert sink.write(tag_values(5)).written == 5
    wait_until(lambda: sink.connections == (2, 0), 5, "both connections")
    idle_from = time.monotonic() + IDLE_S
    faults.forget_sessions()
    wait_until(lambda: time.monotonic() > idle_from, 5, "a pause")
    error = failure_or_none(sink, tag_values(5))
    assert error is None or error.code == "DPY-4005", "asking takes longer than these tests wait for a connection"
    works_again(sink)


@pytest.mark.parametrize("code", [18, 2391, 12516])
def test_a_pool_that_may_not_grow_goes_on_with_what_it_has(
    oracle: OracleTarget, faults: OracleControl, table: str, code: int
) -> None:
    """Kind: a wish that was not granted taken for an outage. ORA-02391 (SESSIONS_PER_USER) at the third session."""
    sink = OracleSink(oracle.settings(table, oracle_pool_timeout=10, oracle_probe_interval=0.2))
    sink.probe()
    wait_until(lambda: sink.connections == (2, 0), 5, "two connections")
    faults.fail_logons(code)
    faults.delay_ms(30)
    outcomes = at_once(8, lambda number: sink.write(tag_values(50 + number)))
    assert [outcome.written + len(outcome.duplicates) for outcome in outcomes] == [50 + n for n in range(8)]
    assert sink.connections == (2, 0)
    assert f"ORA-{code:05}" in str(sink.shortage)
    # Expect: when Oracle allows more, they are opened as soon as the work wants them, and nobody complains any more
    faults.reset()
    faults.delay_ms(30)
    wait_until(lambda: at_once(4, lambda _: sink.probe()) and sink.connections[0] > 2, 15, "a third connection")
    assert sink.shortage is None
    sink.close()


def test_a_session_that_can_not_be_set_up_is_not_left_behind(
    oracle: OracleTarget, faults: OracleControl, table: str
) -> None:
    """Kind: what is left behind shuts out who comes: each try left a session, until the account might have no more."""
    before = faults.status().sessions
    faults.fail_next(None, ora_code=4031, verb="ALTER")
    failures = []
    for _ in range(3):
        with pytest.raises(SinkError) as caught:
            connect(oracle.settings(table), oracle.password)
        failures.append(caught)  # as a log or a debugger keeps them
    assert {caught.value.code for caught in failures} == {"ORA-04031"}
    wait_until(lambda: faults.status().sessions == before, 5, "no session to be left")


def test_sessions_of_a_service_that_stops_soon_are_given_back_before_they_are_killed(
    oracle: OracleTarget, faults: OracleControl, table: str
) -> None:
    """Kind: a notice that nobody hears. Before maintenance a cluster tells each session that its service goes
    elsewhere, and waits for them to end; a pool that goes on with them has all of them killed in the middle of a batch.
    """
    sink = OracleSink(oracle.settings(table))
    sink.write(tag_values(3))
    wait_until(lambda: sink.connections == (2, 0), 5, "two connections")
    with oracledb.connect(user=oracle.user, password=oracle.password, dsn=oracle.dsn) as asks:
        before = {row[0] for row in asks.cursor().execute("SELECT sid FROM v$session")}
        faults.announce()

        def sids() -> set[int]:
            sink.write(tag_values(3))
            return {row[0] for row in asks.cursor().execute("SELECT sid FROM v$session")}

        wait_until(lambda: len(sids() & before) == 1, 10, "no session but ours to be one of before")
    assert sink.connections[0] >= 1
    sink.close()


@pytest.mark.parametrize("code", [12571, 2396])
def test_what_a_server_tells_of_itself_is_no_rows_fault(
    oracle: OracleTarget, faults: OracleControl, table: str, code: int
) -> None:
    """Kind: a state of the session's, blamed on the row (DPY-3008, a notice that the driver does not know)."""
    sink = OracleSink(oracle.settings(table))
    sink.write(tag_values(3))
    wait_until(lambda: sink.connections == (2, 0), 5, "two connections")
    faults.announce(code)
    found = failure_or_none(sink, tag_values(3))
    sink.close()
    assert found is None or found.verdict is Verdict.CONNECTION_LOST


@pytest.mark.parametrize("code", [20001, 47400, 1422])
def test_a_rule_that_refuses_the_logon_is_not_said_to_be_one_of_the_table(
    oracle: OracleTarget, faults: OracleControl, table: str, code: int
) -> None:
    """Kind: words that lead to the wrong place. A trigger AFTER LOGON raised what a trigger of a table raises, and
    people were sent to the table and the values.
    """
    faults.fail_logons(code, message=f"ORA-{code:05}: no service logs on from here")
    sink = OracleSink(oracle.settings(table))
    with pytest.raises(SinkError) as caught:
        sink.write(tag_values(1))
    sink.close()
    assert "refused at the logon: ORA-" in str(caught.value)
    assert "AFTER LOGON" in caught.value.plain
    assert "AFTER LOGON" in meaning_of(caught.value).remedy
    assert caught.value.verdict is Verdict.TRANSIENT


def test_what_oracle_warns_of_at_a_logon_is_kept_until_one_without_it(
    oracle: OracleTarget, faults: OracleControl, table: str
) -> None:
    """Kind: a warning that nobody reads. The logon goes well until the day on which the password has expired."""
    faults.warn_at_logon()
    sink = OracleSink(oracle.settings(table))
    sink.probe()
    assert sink.logon_warning == "ORA-28002: the password will expire within 7 days"
    wait_until(lambda: sink.connections == (2, 0), 5, "two connections")
    faults.reset()
    faults.cut_sessions()
    wait_until(lambda: at_once(4, lambda _: wrote(sink)) and sink.logon_warning is None, 15, "a new logon")
    sink.close()


def wrote(sink: OracleSink) -> bool:
    try:
        return sink.write(tag_values(1)).written >= 0
    except SinkError:
        return False


def test_those_who_wait_for_a_first_connection_share_its_failure(
    oracle: OracleTarget, faults: OracleControl, table: str
) -> None:
    """Kind: every thread tries for itself what is known to fail; against an account, each try counts."""
    sink = OracleSink(oracle.settings(table, oracle_pool_timeout=5, oracle_call_timeout=5))
    faults.fail_logons(1017)
    faults.hang_new_connections()
    before = faults.status().connections
    waiting = threading.Barrier(7)

    def call(_: int) -> SinkError:
        waiting.wait(5)
        return failure(sink, tag_values(5))

    with ThreadPoolExecutor(6) as threads:
        errors = [threads.submit(call, number) for number in range(6)]
        waiting.wait(5)
        wait_until(lambda: faults.status().connections > before, 5, "the first to connect")
        faults.release()
        assert {error.result(5).code for error in errors} == {"ORA-01017"}
    assert faults.status().connections - before == 1
    sink.close()


def test_where_no_thread_can_be_had_the_next_call_tries_again(
    sink: OracleSink, faults: OracleControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a flag that is set for good by what then failed; clean-up that raises (a limit of processes)."""

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        with pytest.raises(RuntimeError):
            sink.probe()
    sink.probe()
    faults.cut_before_execute(1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        assert failure(sink, tag_values(5)).code == "DPY-4011"
    works_again(sink)


@pytest.mark.parametrize("trouble", [ValueError("list.remove(x): x not in list"), AttributeError("shutdown")])
def test_clean_up_survives_whatever_the_driver_raises(
    sink: OracleSink, faults: OracleControl, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """Kind: clean-up that raises what nobody expects of clean-up."""

    def raises(*_: object) -> None:
        raise trouble

    sink.probe()
    wait_until(lambda: sink.connections == (2, 0), 5, "both connections")
    with monkeypatch.context() as patch:
        for name in ("close", "ping", "rollback"):
            patch.setattr(oracledb.Connection, name, raises)
        faults.cut_before_execute(1)
        assert failure_or_none(sink, tag_values(5)) is not None
        works_again(sink)
        idle_from = time.monotonic() + IDLE_S
        wait_until(lambda: time.monotonic() > idle_from, 5, "a pause")
        works_again(sink)
        sink.close()
    assert sink.connections == (0, 0)


def test_what_a_person_has_mended_is_looked_for_in_a_new_session(
    oracle: OracleTarget, faults: OracleControl, table: str
) -> None:
    """Kind: a session's state taken for the database's. A role was granted, which counts from the next logon on: a pool
    that keeps its sessions never saw it, and the DBA said that it was done.
    """
    sink = OracleSink(oracle.settings(table, oracle_pool_min=1, oracle_pool_max=1))
    sink.write(tag_values(1))
    logons = faults.status().logons
    sink.probe()
    faults.fail_next(3, ora_code=1031, verb="INSERT")
    for _ in range(3):
        assert failure(sink, tag_values(2)).verdict is Verdict.CONFIGURATION
    assert faults.status().logons == logons, "none for each batch"
    sink.probe()
    assert faults.status().logons == logons + 1
    assert sink.write(tag_values(2)).written == 1
    sink.close()


def test_no_descriptor_left_is_not_taken_for_a_listener_that_is_down(oracle: OracleTarget, table: str) -> None:
    """Kind: words that lead to the wrong place. Something of ours held all descriptors, and the DBA was asked whether
    his listener is up.
    """
    sink = OracleSink(oracle.settings(table))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, limit[1]))
    try:
        with suppress(OSError):
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        with pytest.raises(SinkError) as caught:
            sink.probe()
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert caught.value.plain.startswith("this process has no file descriptor left: ulimit -n")
    assert sink.write(tag_values(1)).written == 1
    sink.close()


def test_who_waits_for_a_connection_hears_what_to_do(oracle: OracleTarget, faults: OracleControl, table: str) -> None:
    """Kind: a remedy that is lost on the way. `check` had it; heartbeat and alert had Oracle's own text alone."""
    sink = OracleSink(oracle.settings(table))
    faults.stop_listening()
    with pytest.raises(SinkError) as caught:
        sink.write(tag_values(1))
    faults.listen()
    sink.close()
    assert caught.value.plain.startswith("nothing accepts connections there: ORACLE_HOST, ORACLE_PORT")
