"""Sessions with the real driver: logon, pools, isolation between them, and locks."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.waiting import wait_until
from tests.integration.oracle_stand_in.connecting import connect

INSERT = "INSERT INTO k (id, note) VALUES (:1, :2)"


@pytest.fixture(scope="module", params=["19c", "23ai"])
def stand_in(request: pytest.FixtureRequest) -> Iterator[OracleStandIn]:
    with OracleStandIn(user="app", password="geheim-ä", service="plant", field_version=request.param) as stand_in:
        yield stand_in


@pytest.fixture
def one(stand_in: OracleStandIn) -> Iterator[oracledb.Connection]:
    with connect(stand_in) as connection:
        connection.cursor().execute("CREATE TABLE k (id NUMBER PRIMARY KEY, note VARCHAR2(100))")
        yield connection
        connection.rollback()
        connection.cursor().execute("DROP TABLE k")


@pytest.fixture
def two(one: oracledb.Connection, stand_in: OracleStandIn) -> Iterator[oracledb.Connection]:
    assert one.is_healthy()
    with connect(stand_in) as connection:
        yield connection


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def execute(connection: oracledb.Connection, sql: str, *binds: object) -> oracledb.Cursor:
    cursor = connection.cursor()
    cursor.execute(sql, list(binds))
    return cursor


def count(connection: oracledb.Connection) -> int:
    result: int = execute(connection, "SELECT COUNT(*) FROM k").fetchone()[0]
    return result


def has_to_wait(future: "Future[oracledb.Cursor]") -> bool:
    """Whether a call is still waiting once the server has had time to answer it."""
    with pytest.raises(TimeoutError):
        future.result(timeout=0.1)
    return True


def test_logon_is_checked(stand_in: OracleStandIn) -> None:
    with connect(stand_in, user="APP") as connection:
        assert connection.thin
        assert connection.service_name == "plant"
        assert connection.max_open_cursors > 0
    for changes in ({"password": "wrong"}, {"user": "nobody"}):
        with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
            connect(stand_in, **changes)


@pytest.mark.parametrize(
    ("connect_data", "reason"), [("(SERVICE_NAME=other)", "DPY-6001"), ("(SID=other)", "DPY-6003")]
)
def test_unknown_service_is_refused(stand_in: OracleStandIn, connect_data: str, reason: str) -> None:
    address = f"(ADDRESS=(PROTOCOL=TCP)(HOST={stand_in.host})(PORT={stand_in.port}))"
    with pytest.raises(oracledb.OperationalError, match="DPY-6005") as caught:
        connect(stand_in, dsn=f"(DESCRIPTION={address}(CONNECT_DATA={connect_data}))")
    assert reason in str(caught.value)


def test_long_connect_string_arrives(stand_in: OracleStandIn) -> None:
    address = f"(ADDRESS=(PROTOCOL=TCP)(HOST={stand_in.host})(PORT={stand_in.port}))"
    dsn = f"(DESCRIPTION=(ADDRESS_LIST={address * 5})(CONNECT_DATA=(SERVICE_NAME={stand_in.service})))"
    with connect(stand_in, dsn=dsn) as connection:
        connection.ping()
        assert connection.service_name == stand_in.service


@pytest.mark.parametrize("sdu", [512, 2_097_152])
def test_what_is_longer_than_a_packet_arrives(stand_in: OracleStandIn, sdu: int) -> None:
    """Kind: a message cut where nobody expects it: a long statement, a thousand binds, long values, many rows."""
    address = f"(ADDRESS=(PROTOCOL=TCP)(HOST={stand_in.host})(PORT={stand_in.port}))"
    dsn = f"(DESCRIPTION=(SDU={sdu}){address}(CONNECT_DATA=(SERVICE_NAME={stand_in.service})))"
    with connect(stand_in, dsn=dsn) as connection, connection.cursor() as cursor:
        numbers = range(1000)
        cursor.execute(f"CREATE TABLE wide ({', '.join(f'column_{n} VARCHAR2(4000)' for n in numbers)})")
        row = tuple("x" * (4 * n) if n % 100 == 99 else str(n) for n in numbers)
        places = ", ".join(f":{n}" for n in numbers)
        cursor.executemany(f"INSERT INTO wide VALUES ({places})", [row] * 20, batcherrors=True)
        assert cursor.execute("SELECT * FROM wide").fetchall() == [row] * 20
        cursor.execute("DROP TABLE wide")


def test_attributes_of_a_session_are_taken(stand_in: OracleStandIn) -> None:
    with connect(stand_in) as connection:
        connection.module = "writer"
        connection.action = "insert"
        connection.client_identifier = "me"
        connection.clientinfo = "info"
        connection.current_schema = "APP"
        assert execute(connection, "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM dual").fetchone() == ("APP",)


def test_sessions_are_counted_and_end(stand_in: OracleStandIn) -> None:
    connections = [connect(stand_in) for _ in range(3)]
    assert stand_in.control.status().sessions >= 3
    for connection in connections:
        connection.close()
    wait_until(lambda: stand_in.control.status().sessions == 0)


def test_pool_pings_reuses_and_rolls_back(one: oracledb.Connection, stand_in: OracleStandIn) -> None:
    pool = oracledb.create_pool(
        user=stand_in.user, password=stand_in.password, dsn=stand_in.dsn, min=1, max=2, ping_interval=0
    )
    with pool.acquire() as connection:
        execute(connection, INSERT, 1, "left open")
        assert connection.transaction_in_progress
    before = stand_in.control.status()
    with pool.acquire() as connection:
        assert not connection.transaction_in_progress
        assert count(connection) == 0
    after = stand_in.control.status()
    assert (after.logons - before.logons, after.pings - before.pings) == (0, 1)
    assert count(one) == 0
    pool.close()


def test_statement_cache_forgets_and_closes_cursors(one: oracledb.Connection) -> None:
    one.stmtcachesize = 3
    for number in range(20):
        assert execute(one, f"SELECT {number} FROM dual").fetchone() == (number,)
    assert execute(one, "SELECT 1 FROM dual").fetchone() == (1,)


def test_statement_survives_its_tables_return(one: oracledb.Connection) -> None:
    execute(one, INSERT, 1, "a")
    execute(one, "DROP TABLE k")
    with pytest.raises(oracledb.DatabaseError, match="ORA-00942"):
        execute(one, INSERT, 1, "a")
    execute(one, "CREATE TABLE k (id NUMBER PRIMARY KEY, note VARCHAR2(100), more NUMBER)")
    execute(one, INSERT, 1, "a")
    assert execute(one, "SELECT * FROM k").fetchall() == [(1, "a", None)]


def test_rows_are_seen_by_others_after_the_commit(one: oracledb.Connection, two: oracledb.Connection) -> None:
    execute(one, INSERT, 1, "a")
    assert (count(one), count(two), one.transaction_in_progress) == (1, 0, True)
    one.commit()
    assert (count(one), count(two), one.transaction_in_progress) == (1, 1, False)
    execute(one, "DELETE FROM k")
    execute(one, INSERT, 2, "b")
    assert (count(one), count(two)) == (1, 1)
    assert execute(two, "SELECT id FROM k").fetchall() == [(1,)]
    one.rollback()
    assert execute(one, "SELECT id FROM k").fetchall() == [(1,)]


def test_commit_and_rollback_work_as_statements(one: oracledb.Connection, two: oracledb.Connection) -> None:
    execute(one, INSERT, 1, "a")
    execute(one, "ROLLBACK")
    assert not one.transaction_in_progress
    execute(one, INSERT, 2, "b")
    execute(one, "COMMIT")
    assert execute(two, "SELECT id FROM k").fetchall() == [(2,)]


def test_ddl_commits_what_was_open(one: oracledb.Connection, two: oracledb.Connection) -> None:
    execute(one, INSERT, 1, "a")
    execute(one, "CREATE INDEX k_note ON k (note)")
    assert count(two) == 1


def test_closing_a_connection_rolls_back(one: oracledb.Connection, stand_in: OracleStandIn) -> None:
    with connect(stand_in) as other:
        execute(other, INSERT, 1, "a")
    assert count(one) == 0
    execute(one, INSERT, 1, "mine")
    assert count(one) == 1


def test_same_key_waits_and_fails_if_the_other_commits(
    one: oracledb.Connection, two: oracledb.Connection, thread: ThreadPoolExecutor
) -> None:
    execute(one, INSERT, 1, "first")
    second = thread.submit(execute, two, INSERT, 1, "second")
    assert has_to_wait(second)
    one.commit()
    with pytest.raises(oracledb.IntegrityError, match="ORA-00001"):
        second.result(timeout=5)


def test_same_key_waits_and_is_stored_if_the_other_rolls_back(
    one: oracledb.Connection, two: oracledb.Connection, thread: ThreadPoolExecutor
) -> None:
    execute(one, INSERT, 1, "first")
    second = thread.submit(execute, two, INSERT, 1, "second")
    assert has_to_wait(second)
    one.rollback()
    second.result(timeout=5)
    two.commit()
    assert execute(one, "SELECT note FROM k").fetchall() == [("second",)]


def test_batch_waits_at_the_row_that_is_taken(
    one: oracledb.Connection, two: oracledb.Connection, thread: ThreadPoolExecutor
) -> None:
    execute(one, INSERT, 3, "first")
    cursor = two.cursor()
    batch = thread.submit(cursor.executemany, INSERT, [(i, "second") for i in range(5)], batcherrors=True)
    with pytest.raises(TimeoutError):
        batch.result(timeout=0.1)
    one.commit()
    batch.result(timeout=5)
    assert [error.offset for error in cursor.getbatcherrors()] == [3]
    assert count(two) == 5


def test_lost_connection_lets_go_of_its_locks(
    stand_in: OracleStandIn, one: oracledb.Connection, thread: ThreadPoolExecutor
) -> None:
    holder = connect(stand_in)
    execute(holder, INSERT, 1, "first")
    second = thread.submit(execute, one, INSERT, 1, "second")
    assert has_to_wait(second)
    holder.close()
    second.result(timeout=5)


def test_waiting_for_each_other_is_noticed(
    one: oracledb.Connection, two: oracledb.Connection, thread: ThreadPoolExecutor
) -> None:
    execute(one, INSERT, 1, "one")
    execute(two, INSERT, 2, "two")
    waiting = thread.submit(execute, one, INSERT, 2, "one")
    assert has_to_wait(waiting)
    with pytest.raises(oracledb.DatabaseError, match="ORA-00060"):
        execute(two, INSERT, 1, "two")
    two.rollback()
    waiting.result(timeout=5)


def test_deleted_row_keeps_its_key_until_the_commit(
    one: oracledb.Connection, two: oracledb.Connection, thread: ThreadPoolExecutor
) -> None:
    execute(one, INSERT, 1, "old")
    one.commit()
    execute(one, "DELETE FROM k WHERE id = 1")
    waiting = thread.submit(execute, two, INSERT, 1, "new")
    assert has_to_wait(waiting)
    one.commit()
    waiting.result(timeout=5)
    gone = thread.submit(execute, one, "DELETE FROM k WHERE id = 1")
    two.rollback()
    assert gone.result(timeout=5).rowcount == 0


def test_wait_ends_with_the_clients_patience(one: oracledb.Connection, two: oracledb.Connection) -> None:
    execute(one, INSERT, 1, "first")
    two.call_timeout = 250
    with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
        execute(two, INSERT, 1, "second")
    assert count(two) == 0
    one.rollback()
    execute(two, INSERT, 1, "second")
    two.rollback()


def test_statement_that_gives_up_waiting_changes_nothing(one: oracledb.Connection, two: oracledb.Connection) -> None:
    one.cursor().executemany(INSERT, [(1, "a"), (2, "b"), (3, "c")])
    one.commit()
    execute(one, "DELETE FROM k WHERE id = 2")
    two.call_timeout = 250
    with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
        execute(two, "UPDATE k SET note = 'x'")
    assert execute(two, "SELECT note FROM k ORDER BY id").fetchall() == [("a",), ("b",), ("c",)]
    assert not two.transaction_in_progress


def test_wait_can_be_cancelled(one: oracledb.Connection, two: oracledb.Connection) -> None:
    execute(one, INSERT, 1, "first")
    timer = threading.Timer(0.1, two.cancel)
    timer.start()
    with pytest.raises(oracledb.OperationalError, match="ORA-01013"):
        execute(two, INSERT, 1, "second")
    timer.join()
    assert count(two) == 0


def test_ddl_does_not_wait_for_other_transactions(one: oracledb.Connection, two: oracledb.Connection) -> None:
    execute(one, INSERT, 1, "a")
    for statement in ("TRUNCATE TABLE k", "DROP TABLE k"):
        with pytest.raises(oracledb.DatabaseError, match="ORA-00054"):
            execute(two, statement)


def test_sessions_work_side_by_side(one: oracledb.Connection, stand_in: OracleStandIn) -> None:
    def work(worker: int) -> int:
        with connect(stand_in) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            for batch in range(5):
                first = worker * 10_000 + batch * 100
                cursor.executemany(INSERT, [(first + i, "x") for i in range(100)])
            return 500

    with ThreadPoolExecutor(4) as executor:
        assert sum(executor.map(work, range(4))) == count(one) == 2_000
