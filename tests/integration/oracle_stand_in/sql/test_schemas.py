"""Several users' schemas: whose tables a name means, and deploy/oracle as a DBA runs it."""

from pathlib import Path

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from tests.integration.oracle_stand_in.sql.asking import refused, rows
from tests.integration.oracle_stand_in.sql.users import INSERT, Connect, make_tables, run_script


def test_nobody_logs_on_as_a_user_without_authentication(dba: oracledb.Cursor, stand_in: OracleStandIn) -> None:
    run_script(dba, "01_user.sql")
    dba.execute("GRANT CREATE SESSION TO o")
    for password in ("tagpipe", "o", "NO AUTHENTICATION"):
        with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
            oracledb.connect(user="o", password=password, dsn=stand_in.dsn)
    found = rows(dba, "SELECT account_status, default_tablespace FROM dba_users WHERE username = 'O'")
    assert found == [("OPEN", "USERS")]


@pytest.mark.parametrize("script", ["02_tag_data.sql", "04_tag_data_partitioned.sql", "11_tag_data_iot.sql"])
def test_a_dba_makes_tables_in_the_current_schema(dba: oracledb.Cursor, stand_in: OracleStandIn, script: str) -> None:
    make_tables(dba, script)
    assert rows(dba, "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA'), USER FROM dual") == [("O", "SYSTEM")]
    dba.execute(INSERT.format("tag_data"), ["a"])
    dba.connection.commit()
    assert rows(dba, "SELECT COUNT(*) FROM o.tag_data") == [(1,)]
    assert rows(dba, "SELECT COUNT(*) FROM user_tables") == [(0,)]
    indexes = rows(dba, "SELECT index_owner, index_name FROM all_ind_columns WHERE table_owner = 'O' ORDER BY 2, 1")
    assert indexes == [("O", "TAG_DATA_PK")] * 2 + [("O", "TAG_DATA_TIMESTAMP_IX")]
    dba.execute("ALTER SESSION SET CURRENT_SCHEMA = system")
    assert refused(dba, "SELECT * FROM tag_data").startswith("ORA-00942")
    assert stand_in.control.status().tables == {}


def test_a_current_schema_is_a_user_s(dba: oracledb.Cursor) -> None:
    assert refused(dba, "ALTER SESSION SET CURRENT_SCHEMA = nobody") == "ORA-01435: user does not exist"
    assert rows(dba, "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM dual") == [("SYSTEM",)]


def test_the_driver_sets_the_current_schema(dba: oracledb.Cursor) -> None:
    """It does so with the next call, and without a statement."""
    make_tables(dba)
    dba.execute("ALTER SESSION SET CURRENT_SCHEMA = system")
    dba.connection.current_schema = "O"
    assert rows(dba, "SELECT COUNT(*) FROM tag_data") == [(0,)]
    dba.connection.current_schema = "NOBODY"
    assert refused(dba, "SELECT COUNT(*) FROM tag_data").startswith("ORA-01435")


def test_others_tables_are_not_there_without_a_right(dba: oracledb.Cursor, connect: Connect) -> None:
    """Neither to be read nor to be seen, nor is there room for others in a schema."""
    make_tables(dba)
    cursor = connect("w").cursor()
    cursor.execute("ALTER SESSION SET CURRENT_SCHEMA = o")
    for sql in (
        "SELECT * FROM {}",
        INSERT.replace(":1", "'a'"),
        "DELETE FROM {}",
        "DROP TABLE {}",
        "TRUNCATE TABLE {}",
    ):
        for name in ("tag_data", "o.tag_data"):
            assert refused(cursor, sql.format(name)).startswith("ORA-00942")
    for view in ("tables", "tab_columns", "constraints", "indexes", "objects"):
        assert rows(cursor, f"SELECT COUNT(*) FROM all_{view} WHERE owner = 'O'") == [(0,)]
        assert refused(cursor, f"SELECT * FROM dba_{view}").startswith("ORA-00942")
    for sql in ("CREATE TABLE other (a NUMBER)", "CREATE SYNONYM o.s FOR t", "DROP INDEX tag_data_timestamp_ix"):
        assert refused(cursor, sql).startswith("ORA-01031")


def test_what_a_dba_does_in_a_schema_that_is_kept_is_kept(tmp_path: Path) -> None:
    """A file of data holds the schema of one user: whoever works in it, and whatever others do in the same commit."""
    with OracleStandIn(user="app", password="Pw_1", data=tmp_path / "data") as stand_in:
        with oracledb.connect(user="system", password="Pw_1", dsn=stand_in.dsn) as connection:
            cursor = connection.cursor()
            cursor.execute("CREATE TABLE t (a VARCHAR2(9) PRIMARY KEY)")
            cursor.execute("CREATE TABLE app.t (a NUMBER PRIMARY KEY)")
            cursor.execute("INSERT INTO t VALUES ('mine')")
            cursor.execute("INSERT INTO app.t VALUES (1)")
            connection.commit()
        stand_in.kill()
        stand_in.start()
        assert stand_in.control.status().tables == {"T": 1}
