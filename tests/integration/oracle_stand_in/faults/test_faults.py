"""Every fault, and what the real driver makes of it: its error's class, code and flags."""

import contextlib
import socket
from collections.abc import Callable

import oracledb
import pytest

from oracle_stand_in.faults.control import ControlError, OracleControl
from oracle_stand_in.process import OracleStandIn
from sandbox.harness.waiting import wait_until
from tests.integration.oracle_stand_in.connecting import connect
from tests.integration.oracle_stand_in.faults.failing import CANNOT_CONNECT, INSERT, LINE_LOST, failure, insert, stored

#: the driver leaves a socket that was reset to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def test_stopped_listening_is_tcp_refused_and_sessions_go_on(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection
) -> None:
    control.stop_listening()
    assert control.status().faults == {"stop_listening": True}
    with pytest.raises(oracledb.OperationalError) as caught:
        connect(stand_in)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    connection.ping()
    control.listen()
    connect(stand_in).close()


def test_unanswered_connection_attempts_time_out(stand_in: OracleStandIn, control: OracleControl) -> None:
    control.ignore_connections()
    with pytest.raises(oracledb.OperationalError, match="DPY-6005") as caught:
        oracledb.connect(user="u", password="p", dsn=stand_in.dsn, tcp_connect_timeout=0.2)
    assert isinstance(caught.value.__cause__, TimeoutError)
    control.listen()
    connect(stand_in).close()


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_stopped_listening_can_cut_the_sessions(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection, how: str
) -> None:
    control.stop_listening(cut="rst" if how == "rst" else "fin")
    assert failure(lambda: insert(connection, 1)) == LINE_LOST
    assert failure(lambda: connect(stand_in)) == CANNOT_CONNECT
    control.reset()
    assert stored(stand_in) == 0


def test_refused_connection_is_reset(stand_in: OracleStandIn, control: OracleControl) -> None:
    control.refuse_connections(count=2)
    assert [failure(lambda: connect(stand_in)) for _ in range(2)] == [CANNOT_CONNECT] * 2
    connect(stand_in).close()
    control.refuse_connections()
    assert failure(lambda: connect(stand_in)) == CANNOT_CONNECT
    control.accept_connections()
    connect(stand_in).close()


@pytest.mark.parametrize("code", [12514, 12516, 12520, 12528])
def test_refused_by_the_listener_names_the_code(stand_in: OracleStandIn, control: OracleControl, code: int) -> None:
    control.refuse_connections(code)
    with pytest.raises(oracledb.OperationalError, match="DPY-6005") as caught:
        connect(stand_in)
    assert ("DPY-6001" if code == 12514 else f"ORA-{code}") in str(caught.value)


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_cut_session_is_noticed_at_its_next_call(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection, how: str
) -> None:
    control.cut_sessions("rst" if how == "rst" else "fin")
    assert failure(lambda: insert(connection, 1)) == LINE_LOST
    assert failure(lambda: insert(connection, 1)) == ("InterfaceError", "DPY-1001", False, False)
    assert stored(stand_in) == 0


def test_a_forgotten_session_says_nothing_and_a_new_one_works(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection
) -> None:
    control.forget_sessions()
    connection.call_timeout = 200
    assert failure(lambda: insert(connection, 1)) == LINE_LOST
    assert stored(stand_in) == 0, "asked on a new connection"


def test_cut_rolls_back_what_was_open(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection
) -> None:
    connection.autocommit = False
    insert(connection, 1)
    control.cut_sessions()
    assert failure(connection.commit) == LINE_LOST
    assert stored(stand_in) == 0


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_cut_before_executing_stores_nothing(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection, how: str
) -> None:
    control.cut_before_execute(1, how="rst" if how == "rst" else "fin")
    connection.ping()
    assert failure(lambda: insert(connection, 1)) == LINE_LOST
    assert stored(stand_in) == 0


@pytest.mark.parametrize("half_answer", [False, True])
def test_cut_in_mid_call_stores_nothing(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection, half_answer: bool
) -> None:
    executions = control.status().executions
    control.cut_mid_call(1, half_answer=half_answer)
    assert failure(lambda: insert(connection, *range(10))) == LINE_LOST
    assert control.status().executions == executions + 1
    assert stored(stand_in) == 0


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_lost_reply_hides_that_all_was_stored(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection, how: str
) -> None:
    control.lose_reply_after_commit(1, how="rst" if how == "rst" else "fin")
    assert failure(lambda: insert(connection, *range(10))) == LINE_LOST
    assert stored(stand_in) == 10


def test_lost_reply_strikes_explicit_commits_too(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection
) -> None:
    connection.autocommit = False
    control.lose_reply_after_commit(1)
    insert(connection, 1)
    assert failure(connection.commit) == LINE_LOST
    assert stored(stand_in) == 1


def test_lost_reply_spares_what_does_not_commit(control: OracleControl, connection: oracledb.Connection) -> None:
    control.lose_reply_after_commit(1)
    cursor = connection.cursor()
    cursor.executemany(INSERT, [(1,), (1,)], batcherrors=True)
    assert len(cursor.getbatcherrors()) == 1
    connection.rollback()
    assert "lose_reply_after_commit" in control.status().faults


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (1653, ("DatabaseError", "ORA-01653", False, False)),
        (60, ("DatabaseError", "ORA-00060", False, False)),
        (12571, ("OperationalError", "ORA-12571", True, False)),
        (1033, ("OperationalError", "ORA-01033", True, False)),
        (3113, LINE_LOST),
        (28, LINE_LOST),
        (600, LINE_LOST),
    ],
)
def test_failure_is_what_the_driver_makes_of_the_code(
    stand_in: OracleStandIn,
    control: OracleControl,
    connection: oracledb.Connection,
    code: int,
    expected: tuple[str, str, bool, bool],
) -> None:
    control.fail_next(1, ora_code=code)
    assert failure(lambda: insert(connection, 1)) == expected
    assert connection.is_healthy() is (expected != LINE_LOST)
    assert stored(stand_in) == 0


def test_failures_can_be_limited_to_a_table_and_a_statement(
    control: OracleControl, connection: oracledb.Connection
) -> None:
    control.fail_next(None, ora_code=1653, message="unable to extend table K", table="k", verb="insert")
    connection.cursor().execute("INSERT INTO other VALUES (1)")
    connection.cursor().execute("DELETE FROM k")
    for _ in range(2):
        with pytest.raises(oracledb.DatabaseError, match="ORA-01653: unable to extend table K"):
            insert(connection, 1)
    control.reset()
    insert(connection, 1)
    connection.cursor().execute("TRUNCATE TABLE other")


def test_probability_strikes_now_and_then(control: OracleControl, connection: oracledb.Connection) -> None:
    control.fail_next(None, ora_code=60, probability=0.5)
    outcomes = set()
    for _ in range(60):
        try:
            connection.cursor().execute("SELECT 1 FROM dual")
            outcomes.add("done")
        except oracledb.DatabaseError:
            outcomes.add("failed")
    assert outcomes == {"done", "failed"}


def test_logons_are_limited_failed_and_locked(stand_in: OracleStandIn, control: OracleControl) -> None:
    wait_until(lambda: control.status().sessions == 0)
    control.limit_sessions(1)
    with connect(stand_in) as first:
        assert failure(lambda: connect(stand_in)) == ("DatabaseError", "ORA-00018", False, False)
        first.ping()
    wait_until(lambda: control.status().sessions == 0)
    connect(stand_in).close()
    control.limit_sessions(None)
    control.lock_account()
    assert failure(lambda: connect(stand_in)) == ("DatabaseError", "ORA-28000", False, False)
    control.unlock_account()
    control.fail_logons(1033, count=1)
    assert failure(lambda: connect(stand_in)) == ("OperationalError", "ORA-01033", True, False)
    connect(stand_in).close()


def test_changed_password_matters_at_the_next_logon(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection
) -> None:
    control.change_password("new")
    connection.ping()
    assert failure(lambda: connect(stand_in)) == ("DatabaseError", "ORA-01017", False, False)
    connect(stand_in, password="new").close()
    control.change_password(stand_in.password)
    connect(stand_in).close()


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(64), b"\x00\x0a\x00\x00\x01\x00\x00\x00xx", b"\xff" * 100]
)
def test_garbage_on_the_port_harms_nobody(
    stand_in: OracleStandIn, connection: oracledb.Connection, garbage: bytes
) -> None:
    address = (stand_in.host, stand_in.port)
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=5) as sock:
        sock.sendall(garbage)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100) == b""
    connection.ping()


def test_reset_ends_everything(stand_in: OracleStandIn, control: OracleControl) -> None:
    control.refuse_connections()
    control.stop_listening()
    control.hang_new_connections()
    control.hang_calls()
    control.cut_before_execute()
    control.cut_mid_call()
    control.lose_reply_after_commit()
    control.delay_ms(5)
    control.fail_next()
    control.fail_logons()
    control.limit_sessions(0)
    control.lock_account()
    assert len(control.status().faults) == 12
    control.reset()
    assert control.status().faults == {}
    connect(stand_in).close()


@pytest.mark.parametrize(
    "mistake",
    [
        lambda control: control.delay_ms(-1),
        lambda control: control.fail_next(0),
        lambda control: control.fail_next(1, probability=0),
        lambda control: control.cut_sessions("politely"),
        lambda control: control.hang_calls("sometime"),
    ],
)
def test_impossible_faults_are_refused(control: OracleControl, mistake: Callable[[OracleControl], None]) -> None:
    with pytest.raises(ControlError):
        mistake(control)
