"""What has no end by itself: statements that blow up, clients that say nothing, that never read, or that are too many.

Kind: one client stops the server for all: its sessions share a loop. A LIKE with 25 wildcards, LPAD to a gigabyte and a
client that does not read its answers did.
"""

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.waiting import wait_until
from tests.integration.oracle_stand_in.connecting import connect
from tests.integration.oracle_stand_in.server.costs import memory_kb, processor_s
from tests.integration.oracle_stand_in.server.wire_client import Recording, WireClient, recorded

PATIENCE_S = 1.0
#: Seconds of its processor that a statement may cost a stand-in: all sessions wait meanwhile.
MOST_PROCESSOR_S = 5.0
DEEP, LONG = "nested as deeply", "words and signs"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[OracleStandIn]:
    with OracleStandIn(patience_s=PATIENCE_S) as stand_in:
        yield stand_in


SIXTEEN = "a" * 16
REPLACED = f", 'a', '{SIXTEEN}')"
#: Statement, and what it yields or how it is refused.
STATEMENTS: dict[str, tuple[str, object]] = {
    "parentheses": (f"SELECT {'(' * 90}1{')' * 90} FROM dual", 1),
    "too many parentheses": (f"SELECT {'(' * 5000}1{')' * 5000} FROM dual", DEEP),
    "conditions in parentheses": (f"SELECT 1 FROM dual WHERE {'(' * 90}1=1{')' * 90}", 1),
    "CASE in CASE, as a condition": (
        f"SELECT 1 FROM dual WHERE {'(CASE WHEN ' * 22}1=1{' THEN 1 END)=1' * 22}", 1,
    ),
    "CASE in CASE without end": (f"SELECT {'CASE WHEN 1=1 THEN ' * 400}1{' END' * 400} FROM dual", DEEP),
    "NOT NOT NOT": (f"SELECT 1 FROM dual WHERE {'NOT ' * 5000}1=1", DEEP),
    "a long sum": (f"SELECT {'1+' * 5000}1 FROM dual", DEEP),
    "queries in queries": (f"SELECT * FROM {'(SELECT * FROM ' * 500}dual{')' * 500}", DEEP),
    "calls in calls": (f"SELECT {'UPPER(' * 1000}'a'{')' * 1000} FROM dual", DEEP),
    "a statement without end": (f"SELECT 1 FROM dual WHERE 1 IN ({'1,' * 101_000}2)", LONG),
    "a statement of half as many": (f"SELECT 1 FROM dual WHERE (1, 2) IN ({'(3,4),' * 15_000}(1,2))", 1),
    "a trigger of as many": (
        f"CREATE TRIGGER t BEFORE INSERT ON none FOR EACH ROW BEGIN {'NULL;' * 90_000} END;", "ORA-00942",
    ),
    "a long list": (f"SELECT 1 FROM dual WHERE 1001 IN ({','.join(map(str, range(1001)))})", "ORA-01795"),
    "the longest list": (f"SELECT 1 FROM dual WHERE 999 IN ({','.join(map(str, range(1000)))})", 1),
    "a long text": (f"SELECT '{'x' * 4001}' FROM dual", "ORA-01704"),
    "a wide table": (f"CREATE TABLE wide ({','.join(f'c{n} NUMBER' for n in range(1001))})", "ORA-01792"),
    "many wildcards": (f"SELECT COUNT(*) FROM dual WHERE RPAD('a', 3000, 'a') LIKE '{'%a' * 25}b'", 0),
    "wildcards and places": (f"SELECT COUNT(*) FROM dual WHERE RPAD('a', 3000, 'a') LIKE '{'%a_%a' * 9}b%c'", 0),
    "padding": ("SELECT LENGTH(LPAD('a', 999999999, 'b')) FROM dual", 4000),
    "joined texts": ("SELECT RPAD('a', 4000, 'b') || 'c' FROM dual", "ORA-01489"),
    "replaced texts": (
        f"SELECT {'REPLACE(' * 12}'{SIXTEEN}'{REPLACED * 12} FROM dual", "ORA-01489",
    ),
    "a power": ("SELECT POWER(9, 999999999) FROM dual", "ORA-01426"),
    "a tower of powers": ("SELECT POWER(POWER(2, 400), POWER(2, 400)) FROM dual", "ORA-01426"),
    "a number of many digits": (f"SELECT {'9' * 5000} FROM dual", "ORA-01426"),
    "a large exponent": ("SELECT 1e999999999 + 1 FROM dual", "ORA-01426"),
    "a small exponent": ("SELECT 1e-999999999 + 1 FROM dual", 1),
    "rounding far away": ("SELECT ROUND(1e20, 999999999) + TRUNC(1, -999999999) FROM dual", 10**20),
    "division by zero": ("SELECT 1 / 0 FROM dual", "ORA-01476"),
    "no such character": ("SELECT CHR(1e30) FROM dual", "ORA-01428"),
    "a day far away": ("SELECT SYSDATE + 1e30 FROM dual", "ORA-01426"),
    "a month far away": ("SELECT ADD_MONTHS(SYSDATE, 99999999999) FROM dual", "ORA-01841"),
    "a page far away": (f"SELECT COUNT(*) FROM dual OFFSET {'9' * 20} ROWS", None),
}  # fmt: skip


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_that_blows_up_is_answered(stand_in: OracleStandIn, name: str) -> None:
    statement, expected = STATEMENTS[name]
    spent = processor_s(stand_in)
    with connect(stand_in) as connection, connection.cursor() as cursor:
        connection.call_timeout = 20_000
        if isinstance(expected, str):
            with pytest.raises(oracledb.DatabaseError, match=expected):
                cursor.execute(statement)
        else:
            cursor.execute(statement)
            assert cursor.fetchone() == (None if expected is None else (expected,))
        connection.ping()
    assert processor_s(stand_in) - spent < MOST_PROCESSOR_S
    assert "internal error" not in stand_in.log_text()


def test_a_session_has_no_more_cursors_than_it_was_told(stand_in: OracleStandIn) -> None:
    with (
        oracledb.connect(
            user=stand_in.user, password=stand_in.password, dsn=stand_in.dsn, stmtcachesize=0
        ) as connection,
        ExitStack() as stack,
    ):

        def execute(number: int) -> None:
            stack.enter_context(connection.cursor()).execute(f"SELECT {number} FROM dual")

        for number in range(1000):
            execute(number)
        with pytest.raises(oracledb.DatabaseError, match="ORA-01000"):
            execute(1000)
        stack.close()
        execute(1001)


def test_a_statement_that_is_executed_without_end_lets_others_go_on(stand_in: OracleStandIn) -> None:
    """Kind: one client stops the server for all. A batch without binds costs its client nothing: 5 million at once."""
    before = stand_in.control.status().executions
    ended: list[str] = []

    def execute() -> None:
        with connect(stand_in) as connection:
            try:
                connection.cursor().executemany("DELETE FROM endless WHERE 1 = 0", 5_000_000)
                ended.append("done")
            except oracledb.DatabaseError as error:
                ended.append(error.args[0].full_code)

    with connect(stand_in) as other:
        other.cursor().execute("CREATE TABLE endless (a NUMBER)")
        thread = threading.Thread(target=execute)
        thread.start()
        wait_until(lambda: stand_in.control.status().executions > before + 1)
        other.ping()
    assert ended == []
    stand_in.control.cut_sessions()
    thread.join(10)
    assert ended == ["DPY-4011"]


@pytest.fixture(scope="module")
def recording(stand_in: OracleStandIn) -> Recording:
    """A session whose last request before its end asks for 2 MB."""
    with recorded(stand_in) as (connection, recording), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE w (a VARCHAR2(4000))")
        cursor.executemany("INSERT INTO w VALUES (:1)", [("x" * 4000,)] * 500)
        connection.commit()
        cursor.prefetchrows = cursor.arraysize = 500
        cursor.execute("SELECT a FROM w")
        assert len(cursor.fetchall()) == 500
    return recording


@pytest.mark.parametrize("said", [0, 1, 20, None])
def test_silence_before_the_logon_ends_in_a_close(stand_in: OracleStandIn, recording: Recording, said: int) -> None:
    with socket.create_connection((stand_in.host, stand_in.port), timeout=10) as client:
        client.sendall(recording.packets[0][:said])
        while client.recv(65536):
            pass


def test_a_client_that_never_reads_is_told_no_more(stand_in: OracleStandIn, recording: Recording) -> None:
    query = next(packet for packet in recording.session if b"SELECT a FROM w" in packet)
    with WireClient(stand_in, recording, 10) as client:
        client.log_on({})
        client.ask(query)
        before = memory_kb(stand_in)
        asked = stand_in.control.status().round_trips
        for _ in range(100):  # 200 MB of answers
            client.say(query)
        # others are served as before, and not after all of these
        with connect(stand_in) as connection:
            for _ in range(20):
                connection.ping()
        assert stand_in.control.status().round_trips < asked + 60
        assert memory_kb(stand_in) < before + 40_000


def test_more_connections_than_there_is_room_for_wait_and_are_served(stand_in: OracleStandIn) -> None:
    """Kind: a loop that does nothing but fail: accept() without a file descriptor left."""
    assert stand_in.process is not None
    limit = 60
    pid, limits = stand_in.process.pid, resource.prlimit(stand_in.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limits[1]))
    with ExitStack() as stack:
        stack.callback(resource.prlimit, pid, resource.RLIMIT_NOFILE, limits)
        for _ in range(limit + 20):
            stack.enter_context(socket.create_connection((stand_in.host, stand_in.port)))
        wait_until(lambda: "cannot accept" in stand_in.log_text())
        with connect(stand_in) as connection:
            connection.ping()
    assert stand_in.log_text().count("cannot accept") < 10
    assert "Traceback" not in stand_in.log_text()
