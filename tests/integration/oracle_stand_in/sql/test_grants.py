"""What users may do with the tables of others: GRANT, REVOKE, synonyms, and what the dictionary shows them."""

import os
from pathlib import Path

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.command import run_command
from tests.integration.oracle_stand_in.sql.asking import refused, rows
from tests.integration.oracle_stand_in.sql.users import INSERT, Connect, make_tables

GRANT = "GRANT SELECT, INSERT ON o.tag_data TO w"
SYNONYM = "CREATE OR REPLACE SYNONYM w.tag_data FOR o.tag_data"


@pytest.fixture
def writer(dba: oracledb.Cursor, connect: Connect) -> oracledb.Cursor:
    """A cursor of w, who may do what the writer must."""
    make_tables(dba)
    for statement in (GRANT, SYNONYM, GRANT, SYNONYM):
        dba.execute(statement)
    return connect("w").cursor()


def test_who_may_select_and_insert_does_so_by_either_name(dba: oracledb.Cursor, writer: oracledb.Cursor) -> None:
    for name in ("tag_data", "o.tag_data"):
        writer.execute(INSERT.format(name), [name])
        assert refused(writer, INSERT.format(name), name).startswith("ORA-00001: unique constraint (O.TAG_DATA_PK)")
        writer.connection.commit()
        assert rows(writer, f"SELECT COUNT(*) FROM {name} WHERE tag_name = :1", name) == [(1,)]
    assert rows(dba, "SELECT tag_name FROM tag_data ORDER BY 1") == [("o.tag_data",), ("tag_data",)]
    writer.executemany(INSERT.format("tag_data"), [(f"t{n}",) for n in range(100)])
    assert writer.rowcount == 100


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE {} SET quality = 'BAD'",
        "DELETE FROM {}",
        "TRUNCATE TABLE o.tag_data",
        "DROP TABLE o.tag_data",
        "ALTER TABLE o.tag_data RENAME TO other",
        "CREATE INDEX ix ON o.tag_data (quality)",
        "GRANT SELECT ON o.tag_data TO system",
    ],
)
def test_who_has_another_right_lacks_this_one(writer: oracledb.Cursor, sql: str) -> None:
    for name in ("tag_data", "o.tag_data"):
        assert refused(writer, sql.format(name)) == "ORA-01031: insufficient privileges"


def test_the_dictionary_shows_what_one_may_see(writer: oracledb.Cursor) -> None:
    asked = {
        "table_name FROM all_tables": [("TAG_DATA",)],
        "COUNT(*) FROM all_tab_columns": [(4,)],
        "constraint_name FROM all_constraints": [("TAG_DATA_PK",)],
        "index_name FROM all_indexes": [("TAG_DATA_PK",), ("TAG_DATA_TIMESTAMP_IX",)],
    }
    assert {sql: sorted(rows(writer, f"SELECT {sql} WHERE owner = 'O'")) for sql in asked} == asked
    assert rows(writer, "SELECT owner, synonym_name, table_owner, table_name FROM all_synonyms") == [
        ("W", "TAG_DATA", "O", "TAG_DATA")
    ]
    assert rows(writer, "SELECT owner, table_name, privilege FROM user_tab_privs ORDER BY 3") == [
        ("O", "TAG_DATA", "INSERT"), ("O", "TAG_DATA", "SELECT"),
    ]  # fmt: skip
    assert rows(writer, "SELECT COUNT(*) FROM user_tables") == [(0,)]


def test_what_is_taken_back_is_gone_at_once(dba: oracledb.Cursor, writer: oracledb.Cursor) -> None:
    writer.execute("SELECT * FROM tag_data")
    dba.execute("REVOKE SELECT ON o.tag_data FROM w")
    assert refused(writer, "SELECT * FROM tag_data") == "ORA-01031: insufficient privileges"
    writer.execute(INSERT.format("tag_data"), ["a"])
    writer.connection.rollback()
    dba.execute("REVOKE ALL ON o.tag_data FROM w")
    for sql in ("SELECT * FROM tag_data", INSERT.format("tag_data").replace(":1", "'a'")):
        assert refused(writer, sql) == "ORA-00942: table or view does not exist"
    assert rows(writer, "SELECT COUNT(*) FROM all_tables WHERE owner = 'O'") == [(0,)]
    assert refused(dba, "REVOKE SELECT ON o.tag_data FROM w").startswith("ORA-01927")


def test_a_table_that_is_made_again_is_nobody_else_s(dba: oracledb.Cursor, writer: oracledb.Cursor) -> None:
    dba.execute("DROP TABLE tag_data")
    for sql in ("SELECT * FROM tag_data", INSERT.format("tag_data").replace(":1", "'a'")):
        assert refused(writer, sql) == "ORA-00980: synonym translation is no longer valid"
    assert refused(writer, "SELECT * FROM o.tag_data").startswith("ORA-00942")
    dba.execute("CREATE TABLE tag_data (a NUMBER)")
    assert refused(writer, "SELECT * FROM tag_data").startswith("ORA-00942")


def test_users_take_their_tables_rights_and_synonyms_along(dba: oracledb.Cursor, connect: Connect) -> None:
    make_tables(dba)
    dba.execute(GRANT)
    dba.execute(SYNONYM)
    assert refused(dba, "DROP USER w").startswith("ORA-01922")
    dba.execute("DROP USER w CASCADE")
    assert rows(dba, "SELECT COUNT(*) FROM dba_synonyms") == [(0,)]
    assert rows(dba, "SELECT COUNT(*) FROM dba_tab_privs") == [(0,)]
    dba.execute('CREATE USER w IDENTIFIED BY "Pw_1"')
    dba.execute("GRANT CREATE SESSION TO w")
    assert refused(connect("w").cursor(), "SELECT * FROM o.tag_data").startswith("ORA-00942")
    dba.execute(GRANT)
    dba.execute("DROP USER o CASCADE")
    assert rows(dba, "SELECT COUNT(*) FROM dba_tables WHERE owner = 'O'") == [(0,)]
    assert refused(dba, "SELECT * FROM o.tag_data").startswith("ORA-00942")


def test_an_owner_grants_what_is_his(dba: oracledb.Cursor, connect: Connect, stand_in: OracleStandIn) -> None:
    """Also the one whose tables are kept; a trigger writes with its owner's rights, whoever sets it off."""
    make_tables(dba)
    with oracledb.connect(user=stand_in.user, password=stand_in.password, dsn=stand_in.dsn) as connection:
        owner = connection.cursor()
        owner.execute("CREATE TABLE mine (a NUMBER)")
        owner.execute("CREATE TABLE noted (a NUMBER)")
        owner.execute(
            "CREATE TRIGGER note AFTER INSERT ON mine FOR EACH ROW BEGIN INSERT INTO noted VALUES (:NEW.a); END;"
        )
        owner.execute("GRANT ALL PRIVILEGES ON mine TO w")
        assert refused(owner, f"GRANT SELECT ON mine TO {stand_in.user}").startswith("ORA-01749")
        assert refused(owner, "GRANT SELECT ON mine TO nobody").startswith("ORA-01917")
        assert refused(owner, "GRANT SELECT ON o.tag_data TO w").startswith("ORA-00942")
        user = connect("w").cursor()
        user.execute(f"INSERT INTO {stand_in.user}.mine VALUES (1)")
        user.execute(f"UPDATE {stand_in.user}.mine SET a = 2")
        user.connection.commit()
        assert refused(user, f"SELECT * FROM {stand_in.user}.noted").startswith("ORA-00942")
        assert rows(owner, "SELECT mine.a, noted.a FROM mine, noted") == [(2, 1)]
        user.execute(f"DELETE FROM {stand_in.user}.mine")
        user.connection.commit()
        owner.execute("DROP TABLE mine")
        owner.execute("DROP TABLE noted")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("GRANT EXECUTE ON o.tag_data TO w", "ORA-00900"),
        ("GRANT SELECT (tag_name) ON o.tag_data TO w", "ORA-00900"),
        ("GRANT SELECT ON o.tag_data TO w WITH GRANT OPTION", "ORA-00933"),
        ("GRANT SELECT ON o.seen TO w", "ORA-00900"),
        ("GRANT SELECT ON o.none_such TO w", "ORA-00942"),
        ("CREATE SYNONYM w.tag_data FOR o.tag_data", "ORA-00955"),
    ],
)
def test_what_is_asked_for_in_vain(dba: oracledb.Cursor, sql: str, expected: str) -> None:
    make_tables(dba)
    dba.execute("CREATE VIEW seen AS SELECT * FROM tag_data")
    dba.execute(SYNONYM)
    assert refused(dba, sql).startswith(expected)


def test_the_writer_finds_its_table_through_the_synonym(
    writer: oracledb.Cursor, stand_in: OracleStandIn, tmp_path: Path
) -> None:
    """Its key and its index, too; that it may not delete, which it needn't, is said and no failure."""
    environment = {
        **os.environ, "ORACLE_DSN": stand_in.dsn, "ORACLE_USER": "w", "ORACLE_PASSWORD": "Pw_1",
        "REDIS_URL": "redis://127.0.0.1:1/0", "BACKUP_DIR": str(tmp_path / "backup"),
    }  # fmt: skip
    told = run_command("services.writer", "check", environ=environment).stdout
    lines = {name: line for line in told.splitlines() if " │ " in line for name in [line.split("│")[1].strip()]}
    for name in (
        "connection",
        "table",
        "primary key",
        "insert and read back",
        "duplicate detection",
        "index on timestamp",
    ):
        assert " ok " in lines[name], told
    assert rows(writer, "SELECT COUNT(*) FROM tag_data") == [(0,)]
