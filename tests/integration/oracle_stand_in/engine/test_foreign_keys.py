"""Foreign keys with the real driver: parents that are missing, children that are left, and sessions that wait."""

import threading
from collections.abc import Iterator

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.waiting import wait_until
from tests.integration.oracle_stand_in.connecting import connect

TABLES = {
    "part": """CREATE TABLE part (id NUMBER CONSTRAINT part_plant REFERENCES plant, code VARCHAR2(10),
        CONSTRAINT part_code FOREIGN KEY (code) REFERENCES plant (code))""",
    "plant": "CREATE TABLE plant (id NUMBER CONSTRAINT plant_pk PRIMARY KEY, code VARCHAR2(10) UNIQUE, note CHAR(3))",
    "step": "CREATE TABLE step (id NUMBER PRIMARY KEY, after NUMBER CONSTRAINT step_after REFERENCES step)",
}


@pytest.fixture
def cursor(stand_in: OracleStandIn) -> Iterator[oracledb.Cursor]:
    with connect(stand_in) as connection, connection.cursor() as cursor:
        for name in reversed(TABLES):
            cursor.execute(TABLES[name])
        cursor.execute("INSERT INTO plant VALUES (1, 'a', 'x')")
        cursor.execute("INSERT INTO plant VALUES (2, 'b', 'y')")
        connection.commit()
        yield cursor
        connection.rollback()
        for name in TABLES:
            cursor.execute(f"DROP TABLE {name}")


def refused(cursor: oracledb.Cursor, statement: str) -> str:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement)
    return str(caught.value.args[0].message).splitlines()[0]


def test_a_batch_loses_the_rows_whose_parent_is_missing(stand_in: OracleStandIn, cursor: oracledb.Cursor) -> None:
    rows = [(1, "a"), (3, "a"), (2, "c"), (None, "b"), (2, None), (None, None)]
    cursor.executemany("INSERT INTO part VALUES (:1, :2)", rows, batcherrors=True)
    owner = stand_in.user.upper()
    assert [(error.offset, error.message.splitlines()[0]) for error in cursor.getbatcherrors()] == [
        (1, f"ORA-02291: integrity constraint ({owner}.PART_PLANT) violated - parent key not found"),
        (2, f"ORA-02291: integrity constraint ({owner}.PART_CODE) violated - parent key not found"),
    ]
    assert cursor.execute("SELECT COUNT(*) FROM part").fetchone() == (4,)


def test_without_batch_errors_the_rows_before_the_orphan_stay(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.IntegrityError, match="ORA-02291"):
        cursor.executemany("INSERT INTO part VALUES (:1, :2)", [(1, "a"), (3, "a"), (2, "b")])
    assert cursor.rowcount == 1
    assert cursor.execute("SELECT id FROM part").fetchall() == [(1,)]


def test_a_parent_with_children_stays(cursor: oracledb.Cursor) -> None:
    cursor.execute("INSERT INTO part VALUES (1, 'a')")
    assert "PART_PLANT) violated - child record found" in refused(cursor, "DELETE FROM plant")
    assert "ORA-02292" in refused(cursor, "UPDATE plant SET id = 3 WHERE id = 1")
    assert "ORA-02292" in refused(cursor, "UPDATE plant SET code = 'z' WHERE id = 1")
    assert "ORA-02291" in refused(cursor, "UPDATE part SET id = 9")
    cursor.execute("UPDATE plant SET note = 'z', id = 3 - id")  # each key is there afterwards
    cursor.execute("DELETE FROM plant WHERE code = 'b' AND id = 9")
    cursor.execute("UPDATE part SET code = NULL, id = NULL")
    cursor.execute("DELETE FROM plant")
    assert cursor.rowcount == 2


def test_a_row_may_refer_to_itself_and_to_its_like(cursor: oracledb.Cursor) -> None:
    cursor.execute("INSERT INTO step VALUES (1, 1)")
    cursor.execute("INSERT INTO step VALUES (2, 1)")
    assert "ORA-02291" in refused(cursor, "INSERT INTO step VALUES (3, 4)")
    assert "ORA-02292" in refused(cursor, "DELETE FROM step WHERE id = 1")
    cursor.execute("DELETE FROM step")


def test_the_definition_must_fit_and_holds_the_parent(cursor: oracledb.Cursor) -> None:
    assert "ORA-02449" in refused(cursor, "DROP TABLE plant")
    assert "ORA-02266" in refused(cursor, "TRUNCATE TABLE plant")
    wrong = {
        "id NUMBER REFERENCES plant (note)": "ORA-02267",
        "id CHAR(3) REFERENCES plant (note)": "ORA-02270",
        "id NUMBER REFERENCES part": "ORA-02268",
        "id NUMBER REFERENCES none": "ORA-00942",
        "id NUMBER, FOREIGN KEY (id) REFERENCES plant (id, code)": "ORA-02256",
        "id NUMBER REFERENCES plant ON DELETE CASCADE": "ORA-00900: .*ON DELETE CASCADE",
        "id NUMBER REFERENCES plant DEFERRABLE": "ORA-00900: .*checked at the commit",
    }
    for columns, code in wrong.items():
        with pytest.raises(oracledb.DatabaseError, match=code):
            cursor.execute(f"CREATE TABLE other ({columns})")
    cursor.execute(
        "SELECT constraint_name, r_constraint_name, delete_rule FROM user_constraints WHERE constraint_type = 'R' "
        "AND table_name = 'PART' ORDER BY 1"
    )
    (_, _, rule), by_key = cursor.fetchall()
    assert (rule, by_key) == ("NO ACTION", ("PART_PLANT", "PLANT_PK", "NO ACTION"))


@pytest.mark.parametrize("commits", [True, False])
def test_a_child_waits_for_whoever_has_its_parent_open(
    stand_in: OracleStandIn, cursor: oracledb.Cursor, commits: bool
) -> None:
    """A parent that is not committed is there or not only when its transaction has ended."""
    cursor.execute("INSERT INTO plant VALUES (3, 'c', 'z')")
    told: list[str] = []

    def insert() -> None:
        with connect(stand_in) as other:
            try:
                other.cursor().execute("INSERT INTO part VALUES (3, NULL)")
                told.append("stored")
            except oracledb.IntegrityError as error:
                told.append(error.args[0].full_code)

    before = stand_in.control.status().executions
    thread = threading.Thread(target=insert)
    thread.start()
    wait_until(lambda: stand_in.control.status().executions > before)
    assert told == []
    (cursor.connection.commit if commits else cursor.connection.rollback)()
    thread.join(10)
    assert told == (["stored"] if commits else ["ORA-02291"])


def test_a_parent_waits_for_whoever_has_a_child_open(stand_in: OracleStandIn, cursor: oracledb.Cursor) -> None:
    cursor.execute("INSERT INTO part VALUES (2, NULL)")
    told: list[str] = []

    def delete() -> None:
        with connect(stand_in) as other:
            try:
                other.cursor().execute("DELETE FROM plant WHERE id = 2")
            except oracledb.IntegrityError as error:
                told.append(error.args[0].full_code)

    before = stand_in.control.status().executions
    thread = threading.Thread(target=delete)
    thread.start()
    wait_until(lambda: stand_in.control.status().executions > before)
    assert told == []
    cursor.connection.commit()
    thread.join(10)
    assert told == ["ORA-02292"]
    cursor.execute("DELETE FROM part")
