"""What a DBA does to users, profiles, tablespaces and sessions, with the codes that Oracle's documentation gives."""

from collections.abc import Callable, Iterator

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.waiting import wait_until


@pytest.fixture(scope="module", params=["19c", "23ai"])
def stand_in(request: pytest.FixtureRequest) -> Iterator[OracleStandIn]:
    with OracleStandIn(field_version=request.param, minute_s=0.3) as stand_in:
        yield stand_in


def connect(stand_in: OracleStandIn, user: str, password: str = "Pw_1") -> oracledb.Connection:  # noqa: S107 - of a user that a test makes
    return oracledb.connect(user=user, password=password, dsn=stand_in.dsn)


def code(action: Callable[..., object], *arguments: object) -> str:
    """Return the code in the text of what it raises: the driver names a lost session's code only there."""
    try:
        action(*arguments)
    except oracledb.Error as error:
        return next(word[:9] for word in str(error).split() if word.startswith("ORA-"))
    return ""


@pytest.fixture
def dba(stand_in: OracleStandIn) -> Iterator[Callable[[str], str]]:
    """A DBA's hands: runs a statement and returns its code; what there is of u, p and s is dropped at the end."""
    with connect(stand_in, "system", stand_in.password) as connection:
        cursor = connection.cursor()
        yield lambda sql: code(cursor.execute, sql)
        wait_until(lambda: code(cursor.execute, "DROP USER u CASCADE") != "ORA-01940", 5)
        for name in ("TABLESPACE s INCLUDING CONTENTS AND DATAFILES", "PROFILE p CASCADE"):
            code(cursor.execute, f"DROP {name}")


def make_user(dba: Callable[[str], str], more: str = "") -> None:
    assert dba(f'CREATE USER u IDENTIFIED BY "Pw_1" {more}') == ""
    assert dba("GRANT CREATE SESSION, CREATE TABLE TO u") == ""


def test_an_account_is_locked_expired_or_without_rights(stand_in: OracleStandIn, dba: Callable[[str], str]) -> None:
    assert dba("CREATE USER u IDENTIFIED BY Pw_1") == ""
    refused = [code(connect, stand_in, "u")]
    for change in ("ACCOUNT LOCK", "ACCOUNT UNLOCK PASSWORD EXPIRE"):
        assert dba(f"ALTER USER u {change}") == ""
        refused.append(code(connect, stand_in, "u"))
    assert dba("ALTER USER u IDENTIFIED BY Other_2") == dba("GRANT CREATE SESSION TO u") == ""
    refused.append(code(connect, stand_in, "u"))
    assert refused == ["ORA-01045", "ORA-28000", "ORA-28001", "ORA-01017"]
    with connect(stand_in, "u", "Other_2") as connection:
        cursor = connection.cursor()
        assert code(cursor.execute, "CREATE TABLE t (a NUMBER)") == "ORA-01031"
        assert code(cursor.execute, "CREATE USER v IDENTIFIED BY w") == "ORA-01031"
        assert dba("DROP USER u CASCADE") == "ORA-01940"


def test_sessions_are_limited_sniped_and_killed(stand_in: OracleStandIn, dba: Callable[[str], str]) -> None:
    assert dba("CREATE PROFILE p LIMIT SESSIONS_PER_USER 2 IDLE_TIME UNLIMITED") == ""
    make_user(dba, "PROFILE p")
    with connect(stand_in, "u") as victim, connect(stand_in, "u") as other:
        assert code(connect, stand_in, "u") == "ORA-02391"
        victim.cursor().execute("CREATE TABLE t (a NUMBER PRIMARY KEY)")
        victim.cursor().execute("INSERT INTO t VALUES (1)")
        assert dba(f"ALTER SYSTEM KILL SESSION '{victim.session_id},{victim.serial_num}' IMMEDIATE") == ""
        other.cursor().execute("INSERT INTO t VALUES (1)")
        assert code(victim.cursor().execute, "INSERT INTO t VALUES (2)") == "ORA-00028"
        assert other.cursor().execute("SELECT COUNT(*) FROM t").fetchone() == (1,)
        assert dba("ALTER SYSTEM KILL SESSION '9999,1'") == "ORA-00030"
        assert dba("ALTER PROFILE p LIMIT IDLE_TIME 1") == ""
        with connect(stand_in, "system", stand_in.password) as watcher:
            asked = "SELECT status FROM v$session WHERE username = 'U'"
            wait_until(lambda: ("SNIPED",) in watcher.cursor().execute(asked).fetchall(), 5)
        assert code(other.cursor().execute, "SELECT 1 FROM dual") == "ORA-02396"


def test_a_tablespace_is_full_or_read_only(stand_in: OracleStandIn, dba: Callable[[str], str]) -> None:
    """19c has no directory for files that nobody names; a partition that can't grow has a code of its own."""
    is_old = stand_in.field_version == "19c"
    assert dba("CREATE SMALLFILE TABLESPACE s DATAFILE SIZE 64K") == ("ORA-02236" if is_old else "")
    assert dba("CREATE TABLESPACE s DATAFILE '/data/s.dbf' SIZE 64K") == ("" if is_old else "ORA-01543")
    make_user(dba, "DEFAULT TABLESPACE s QUOTA UNLIMITED ON s")
    by_day = "PARTITION BY RANGE (a) (PARTITION p1 VALUES LESS THAN (MAXVALUE))"
    with connect(stand_in, "u") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE plain (a VARCHAR2(4000))")
        cursor.execute(f"CREATE TABLE parted (a VARCHAR2(4000)) {by_day}")
        cursor.executemany("INSERT INTO plain VALUES (:1)", [("x" * 1000,)] * 100, batcherrors=True)
        refused = cursor.getbatcherrors()
        assert {error.full_code for error in refused} == {"ORA-01653"}
        assert len(refused) < 100
        assert code(cursor.execute, f"INSERT INTO parted VALUES ('{'x' * 1000}')") == "ORA-01688"
        connection.commit()
        assert dba("ALTER TABLESPACE s READ ONLY") == ""
        assert code(cursor.execute, "DELETE FROM plain") == "ORA-00372"
        assert dba("ALTER TABLESPACE s READ WRITE") == ""
        assert dba("ALTER USER u READ ONLY") == ("ORA-00922" if is_old else "")
        assert code(cursor.execute, "DELETE FROM plain") == ("" if is_old else "ORA-28194")
    assert dba("DROP TABLESPACE s") == "ORA-01549"


def test_each_user_has_a_schema_of_its_own(stand_in: OracleStandIn, dba: Callable[[str], str]) -> None:
    make_user(dba)
    with connect(stand_in, "u") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mine (a NUMBER)")
    assert stand_in.control.status().tables == {}
    assert dba("SELECT * FROM mine") == "ORA-00942"
    assert dba("DROP USER u") == "ORA-01922"
    assert dba("DROP USER u CASCADE") == ""
    make_user(dba)
    with connect(stand_in, "u") as connection, connection.cursor() as cursor:
        assert code(cursor.execute, "SELECT * FROM mine") == "ORA-00942"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE USER tagpipe IDENTIFIED BY x", "ORA-01920"),
        ("CREATE USER v", "ORA-00922"),
        ("ALTER USER nobody ACCOUNT LOCK", "ORA-01918"),
        ("CREATE USER v IDENTIFIED BY x DEFAULT TABLESPACE none_such", "ORA-00959"),
        ("CREATE USER v IDENTIFIED BY x PROFILE none_such", "ORA-02380"),
        ("CREATE PROFILE default LIMIT IDLE_TIME 1", "ORA-00903"),
        ("GRANT DBA TO tagpipe", "ORA-00900"),
        ("ALTER SYSTEM FLUSH SHARED_POOL", "ORA-00900"),
        ("ALTER SYSTEM KILL SESSION 'x'", "ORA-00026"),
    ],
)
def test_what_a_dba_asks_for_in_vain(dba: Callable[[str], str], sql: str, expected: str) -> None:
    assert dba(sql) == expected
