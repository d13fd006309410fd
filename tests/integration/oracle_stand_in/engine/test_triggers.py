"""Row triggers with the real driver: what they raise, what they write, and what becomes of it with their row."""

from collections.abc import Iterator
from pathlib import Path

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from tests.integration.oracle_stand_in.connecting import connect

TRIGGER = """CREATE OR REPLACE TRIGGER watch BEFORE INSERT ON tag FOR EACH ROW WHEN (NEW.id > 1)
BEGIN
  IF :new.quality = 'BAD' THEN
    RAISE_APPLICATION_ERROR(-20001, 'not ' || :new.quality);
  ELSIF :new.quality IS NULL THEN
    NULL;
  ELSE
    INSERT INTO seen (quality) VALUES (:new.quality);
  END IF;
END watch;"""


@pytest.fixture
def cursor(stand_in: OracleStandIn) -> Iterator[oracledb.Cursor]:
    with connect(stand_in) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE seen (quality VARCHAR2(10) CONSTRAINT seen_pk PRIMARY KEY)")
        cursor.execute("CREATE TABLE tag (id NUMBER CONSTRAINT tag_pk PRIMARY KEY, quality VARCHAR2(10))")
        cursor.execute(TRIGGER)
        yield cursor
        connection.rollback()
        for name in ("tag", "seen"):
            cursor.execute(f"DROP TABLE {name}")


def test_a_batch_loses_the_rows_that_a_trigger_refuses(stand_in: OracleStandIn, cursor: oracledb.Cursor) -> None:
    rows = [(1, "BAD"), (2, "BAD"), (3, "GOOD"), (4, "GOOD"), (5, None), (3, "OLD"), (6, "NEW")]
    cursor.executemany("INSERT INTO tag VALUES (:1, :2)", rows, batcherrors=True)
    owner = stand_in.user.upper()
    stack = f"ORA-06512: at \"{owner}.WATCH\", line {{}}\nORA-04088: error during execution of trigger '{owner}.WATCH'"
    texts = {error.offset: error.message.partition("\nHelp:")[0] for error in cursor.getbatcherrors()}
    assert texts == {
        1: f"ORA-20001: not BAD\n{stack.format(3)}",
        3: f"ORA-00001: unique constraint ({owner}.SEEN_PK) violated\n{stack.format(7)}",
        5: f"ORA-00001: unique constraint ({owner}.TAG_PK) violated",
    }
    assert cursor.execute("SELECT id FROM tag ORDER BY id").fetchall() == [(1,), (3,), (5,), (6,)]
    # what the trigger wrote for the row with a key that is there went with that row
    assert cursor.execute("SELECT quality FROM seen ORDER BY 1").fetchall() == [("GOOD",), ("NEW",)]


def test_a_statement_that_fails_takes_back_what_its_triggers_wrote(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE source (id NUMBER, quality VARCHAR2(10))")
    cursor.executemany("INSERT INTO source VALUES (:1, :2)", [(2, "GOOD"), (3, "NEW"), (4, "BAD")])
    with pytest.raises(oracledb.DatabaseError, match="ORA-20001"):
        cursor.execute("INSERT INTO tag SELECT id, quality FROM source")
    assert cursor.execute("SELECT COUNT(*) FROM seen").fetchone() == (0,)
    cursor.execute("INSERT INTO tag SELECT id, quality FROM source WHERE id < 4")
    assert cursor.execute("SELECT COUNT(*) FROM seen").fetchone() == (2,)
    cursor.execute("UPDATE tag SET quality = 'BAD'")  # it is for rows that are inserted
    cursor.execute("DROP TABLE source")


def test_after_the_row_and_one_trigger_after_the_other(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE log (id NUMBER CHECK (id < 10))")
    after = "CREATE TRIGGER count_it AFTER INSERT ON seen FOR EACH ROW BEGIN INSERT INTO log VALUES ({}); END;"
    cursor.execute(after.format("7"))
    cursor.execute("INSERT INTO tag VALUES (2, 'GOOD')")
    assert cursor.execute("SELECT id FROM log").fetchall() == [(7,)]
    cursor.execute(after.format("17").replace("CREATE", "CREATE OR REPLACE"))
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("INSERT INTO tag VALUES (3, 'OLD')")
    assert [line[:9] for line in caught.value.args[0].message.splitlines()[:5]] == [
        "ORA-02290", "ORA-06512", "ORA-04088", "ORA-06512", "ORA-04088",
    ]  # fmt: skip
    assert cursor.execute("SELECT COUNT(*) FROM seen").fetchone() == (1,)
    itself = "CREATE TRIGGER more AFTER INSERT ON log FOR EACH ROW BEGIN INSERT INTO log VALUES (:NEW.id); END;"
    cursor.execute(itself)
    with pytest.raises(oracledb.DatabaseError, match="ORA-00036"):
        cursor.execute("INSERT INTO log VALUES (1)")
    cursor.execute("DROP TABLE log")
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-04098: trigger '.*COUNT_IT' is invalid"):
        cursor.execute("INSERT INTO tag VALUES (4, 'OLD')")


def test_names_are_kept_apart_and_shown(cursor: oracledb.Cursor) -> None:
    def refused(statement: str, code: str) -> None:
        with pytest.raises(oracledb.DatabaseError, match=code):
            cursor.execute(statement)

    nothing = "FOR EACH ROW BEGIN NULL; END;"
    refused(TRIGGER.replace("OR REPLACE ", ""), "ORA-04081")
    refused(f"CREATE OR REPLACE TRIGGER watch AFTER INSERT ON seen {nothing}", "ORA-04095")
    refused(f"CREATE TRIGGER other AFTER INSERT ON none {nothing}", "ORA-00942")
    refused(TRIGGER.replace(":new.quality IS", ":new.none IS"), 'ORA-00904: ":NEW"."NONE"')
    refused(TRIGGER.replace("(:new.quality)", "(quality)"), 'ORA-00904: "QUALITY"')
    cursor.execute("SELECT table_name, trigger_type, triggering_event, status FROM user_triggers")
    assert cursor.fetchall() == [("TAG", "BEFORE EACH ROW", "INSERT", "ENABLED")]
    cursor.execute("DROP TRIGGER watch")
    refused("DROP TRIGGER watch", "ORA-04080")
    cursor.execute("INSERT INTO tag VALUES (7, 'BAD')")


def test_a_user_without_the_right_makes_none(stand_in: OracleStandIn) -> None:
    with connect(stand_in, user="system") as dba:
        for statement in ("CREATE USER maker IDENTIFIED BY x", "GRANT CREATE SESSION, CREATE TABLE TO maker"):
            dba.cursor().execute(statement)
    with connect(stand_in, user="maker", password="x") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE tag (id NUMBER)")
        with pytest.raises(oracledb.DatabaseError, match="ORA-01031"):
            cursor.execute("CREATE TRIGGER t BEFORE INSERT ON tag FOR EACH ROW BEGIN NULL; END;")
    with connect(stand_in, user="system") as dba:
        dba.cursor().execute("DROP USER maker CASCADE")


def test_a_script_makes_them_and_they_are_there_after_a_restart(tmp_path: Path) -> None:
    script = tmp_path / "schema.sql"
    more = "CREATE TRIGGER dear BEFORE INSERT ON tag FOR EACH ROW BEGIN :new.id := 1; END;"
    script.write_text(
        "CREATE TABLE seen (quality VARCHAR2(10) PRIMARY KEY);\nCREATE TABLE tag (id NUMBER, quality VARCHAR2(10));\n"
        f"{TRIGGER.replace('OR REPLACE ', '')}\n/\n{more}\n/\n"
    )
    with OracleStandIn(init_sql=script, data=tmp_path / "data") as stand_in:
        assert "skipped: CREATE TRIGGER dear" in stand_in.log_text()
        stand_in.kill()
        stand_in.start()
        with connect(stand_in) as connection, pytest.raises(oracledb.DatabaseError, match="ORA-20001"):
            connection.cursor().execute("INSERT INTO tag VALUES (2, 'BAD')")
