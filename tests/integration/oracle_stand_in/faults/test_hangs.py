"""Calls that hang, are broken off or answered late, and pools over them."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import oracledb
import pytest

from oracle_stand_in.faults.control import OracleControl
from oracle_stand_in.process import OracleStandIn
from sandbox.harness.waiting import wait_until
from tests.integration.oracle_stand_in.connecting import connect
from tests.integration.oracle_stand_in.faults.failing import failure, insert, stored

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def test_delay_holds_up_only_who_asks(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection
) -> None:
    others = [connect(stand_in) for _ in range(4)]
    control.delay_ms(120)
    start = time.monotonic()
    with ThreadPoolExecutor(5) as executor:
        list(executor.map(lambda each: each.ping(), (connection, *others)))
    assert 0.12 <= time.monotonic() - start < 5 * 0.12
    control.delay_ms(0)
    for each in others:
        each.close()


def test_silent_listener_blocks_until_released(stand_in: OracleStandIn, control: OracleControl) -> None:
    control.hang_new_connections()
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(connect, stand_in)
        with pytest.raises(TimeoutError):
            future.result(timeout=0.1)
        control.release()
        future.result(timeout=5).close()


def test_hanging_call_runs_into_its_timeout_before_the_work(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection
) -> None:
    connection.call_timeout = 250
    control.hang_calls()
    assert failure(lambda: insert(connection, 1)) == ("DatabaseError", "DPY-4024", False, False)
    control.release()
    connection.ping()
    assert stored(stand_in) == 0


def test_hanging_call_runs_into_its_timeout_after_the_commit(
    stand_in: OracleStandIn, control: OracleControl, connection: oracledb.Connection
) -> None:
    connection.call_timeout = 250
    control.hang_calls("after", count=1)
    assert failure(lambda: insert(connection, 1)) == ("DatabaseError", "DPY-4024", False, False)
    assert stored(stand_in) == 1


def test_released_call_is_answered(control: OracleControl, connection: oracledb.Connection) -> None:
    control.hang_calls(count=1)
    timer = threading.Timer(0.1, control.release)
    timer.start()
    insert(connection, 1)
    timer.join()
    assert timer.finished.is_set(), "it was answered after the release"


def test_cancelled_call_ends(control: OracleControl, connection: oracledb.Connection) -> None:
    control.hang_calls()
    timer = threading.Timer(0.1, connection.cancel)
    timer.start()
    with pytest.raises(oracledb.OperationalError, match="ORA-01013"):
        insert(connection, 1)
    timer.join()
    control.release()


def test_answer_crossing_the_break_leaves_the_connection_usable(
    control: OracleControl, connection: oracledb.Connection
) -> None:
    """The driver takes the late answer for the break's; the break's own answer then hits the next call."""
    connection.call_timeout = 150
    control.delay_ms(151)
    codes = set()
    for _ in range(3):
        try:
            connection.ping()
        except oracledb.Error as error:
            codes.add(error.args[0].full_code)
    control.delay_ms(0)
    connection.call_timeout = 0
    assert codes <= {"DPY-4024", "ORA-01013"}
    with contextlib.suppress(oracledb.OperationalError):
        connection.ping()
    connection.ping()


def test_pool_recovers_when_the_database_is_back(stand_in: OracleStandIn, control: OracleControl) -> None:
    pool = oracledb.create_pool(
        user=stand_in.user,
        password=stand_in.password,
        dsn=stand_in.dsn,
        min=2,
        max=2,
        getmode=oracledb.POOL_GETMODE_TIMEDWAIT,
        wait_timeout=2000,
    )
    pool.acquire().close()
    # The driver opens the second one behind our back: one that is on its way is not cut.
    wait_until(lambda: pool.opened == 2, what="both connections")
    control.stop_listening(cut="rst")
    assert failure(pool.acquire)[1] == "DPY-6005"
    control.listen()
    with pool.acquire() as connection:
        connection.ping()
    pool.close()


def test_pool_replaces_a_connection_that_does_not_answer(stand_in: OracleStandIn, control: OracleControl) -> None:
    pool = oracledb.create_pool(
        user=stand_in.user,
        password=stand_in.password,
        dsn=stand_in.dsn,
        min=1,
        max=1,
        ping_interval=0,
        ping_timeout=100,
    )
    pool.acquire().close()
    logons = control.status().logons
    control.hang_calls(count=1)
    with pool.acquire() as connection:
        control.release()
        connection.ping()
    assert control.status().logons >= logons
    pool.close()
