"""Keys, indexes, partitions, the dictionary: what tables are and hold."""

from datetime import datetime

import oracledb
import pytest

from tests.integration.oracle_stand_in.sql.asking import fill, refused, rows


def test_duplicate_key_names_its_constraint(cursor: oracledb.Cursor) -> None:
    fill(cursor)
    message = refused(cursor, "INSERT INTO t (name, at) VALUES (:1, TIMESTAMP '2026-03-01 12:00:01.0')", "b")
    assert message == "ORA-00001: unique constraint (APP.T_PK) violated"


def test_inline_primary_key_and_unique_keys_hold(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE u (id NUMBER PRIMARY KEY, code VARCHAR2(5) UNIQUE, x NUMBER, y NUMBER)")
    cursor.execute("CREATE UNIQUE INDEX u_xy ON u (x, y)")
    cursor.execute("INSERT INTO u VALUES (1, 'a', 1, 1)")
    cursor.execute("INSERT INTO u VALUES (2, NULL, NULL, NULL)")
    cursor.execute("INSERT INTO u VALUES (3, NULL, NULL, NULL)")
    assert "(APP.SYS_C" in refused(cursor, "INSERT INTO u VALUES (1.0, 'b', 2, 2)")
    assert "ORA-00001" in refused(cursor, "INSERT INTO u VALUES (4, 'a', 2, 2)")
    assert "(APP.U_XY) violated" in refused(cursor, "INSERT INTO u VALUES (4, 'b', 1, 1)")
    cursor.execute("DELETE FROM u WHERE id = 1")
    cursor.execute("INSERT INTO u VALUES (4, 'a', 1, 1)")
    cursor.connection.commit()
    assert "(APP.U_XY) violated" in refused(cursor, "INSERT INTO u VALUES (5, 'b', 1, 1)")


def test_unique_index_needs_unique_rows(cursor: oracledb.Cursor) -> None:
    fill(cursor)
    cursor.connection.commit()
    assert "ORA-01452" in refused(cursor, "CREATE UNIQUE INDEX t_q ON t (quality)")
    cursor.execute("CREATE INDEX t_q ON t (quality)")
    assert "ORA-00955" in refused(cursor, "CREATE INDEX t_q ON t (num)")
    cursor.execute("DROP INDEX t_q")
    assert "ORA-02429" in refused(cursor, "DROP INDEX t_pk")


def test_truncate_drop_and_rename(cursor: oracledb.Cursor) -> None:
    fill(cursor)
    cursor.execute("TRUNCATE TABLE t")
    assert rows(cursor, "SELECT COUNT(*) FROM t") == [(0,)]
    cursor.execute("ALTER TABLE t RENAME TO renamed")
    assert "ORA-00942" in refused(cursor, "SELECT * FROM t")
    cursor.execute("DROP TABLE renamed PURGE")
    cursor.execute("DROP TABLE IF EXISTS renamed")
    cursor.execute("CREATE TABLE t (n NUMBER)")
    cursor.execute("ALTER TABLE t RENAME COLUMN n TO m")
    assert 'ORA-00904: "N"' in refused(cursor, "INSERT INTO t (n) VALUES (1)")


def test_dictionary_shows_tables_columns_and_keys(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE INDEX t_at ON t (at)")
    cursor.execute("CREATE TABLE chars (c VARCHAR2(10 CHAR), d DATE, n NUMBER(5), ts TIMESTAMP(3))")
    columns = rows(
        cursor,
        "SELECT column_name, data_type, data_length, data_precision, data_scale, nullable, column_id, char_used "
        "FROM user_tab_columns WHERE table_name = :1 ORDER BY column_id",
        "CHARS",
    )
    assert columns == [
        ("C", "VARCHAR2", 40, None, None, "Y", 1, "C"),
        ("D", "DATE", 7, None, None, "Y", 2, None),
        ("N", "NUMBER", 22, 5, 0, "Y", 3, None),
        ("TS", "TIMESTAMP(3)", 11, None, 3, "Y", 4, None),
    ]
    key = rows(
        cursor,
        "SELECT cc.column_name FROM user_constraints c, user_cons_columns cc "
        "WHERE c.constraint_name = cc.constraint_name AND c.constraint_type = 'P' AND c.table_name = 'T' "
        "ORDER BY cc.position",
    )
    assert key == [("NAME",), ("AT",)]
    indexes = rows(
        cursor,
        "SELECT i.index_name, i.uniqueness, ic.column_name FROM user_indexes i "
        "JOIN user_ind_columns ic ON ic.index_name = i.index_name WHERE i.table_name = 'T' ORDER BY 1, "
        "ic.column_position",
    )
    assert indexes == [("T_AT", "NONUNIQUE", "AT"), ("T_PK", "UNIQUE", "NAME"), ("T_PK", "UNIQUE", "AT")]
    assert ("CREATE SESSION",) in rows(cursor, "SELECT privilege FROM session_privs")
    assert rows(cursor, "SELECT * FROM user_tab_privs") == []
    assert rows(cursor, "SELECT owner FROM all_tables WHERE table_name = 'T'") == [("APP",)]


def test_what_tools_ask_of_all_there_is(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE seen (a NUMBER)")
    asked = {
        "SELECT COUNT(*) FROM all_users WHERE username = USER": 1,
        "SELECT COUNT(*) FROM all_views WHERE owner = USER": 0,
        "SELECT COUNT(*) FROM all_tab_comments WHERE table_name = 'SEEN' AND comments IS NULL": 1,
        "SELECT DBTIMEZONE FROM dual": "+00:00",
        "SELECT value FROM nls_database_parameters WHERE parameter = 'NLS_CHARACTERSET'": "AL32UTF8",
        "SELECT value FROM nls_session_parameters WHERE parameter = 'NLS_DATE_FORMAT'": "DD-MON-RR",
    }
    assert {sql: cursor.execute(sql).fetchone()[0] for sql in asked} == asked


def test_date_column_is_not_matched_by_a_fraction(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE days (d DATE PRIMARY KEY)")
    cursor.execute("INSERT INTO days VALUES (DATE '2026-03-01')")
    query = "SELECT COUNT(*) FROM days WHERE d = TO_TIMESTAMP(:1, 'YYYY-MM-DD HH24:MI:SS.FF')"
    assert rows(cursor, query, "2026-03-01 00:00:00.5") == [(0,)]
    assert rows(cursor, query, "2026-03-01 00:00:00.0") == [(1,)]


def test_lookup_by_many_keys_needs_no_scan(cursor: oracledb.Cursor) -> None:
    moments = [datetime(2026, 3, 1, 0, i // 60, i % 60) for i in range(200)]
    cursor.executemany("INSERT INTO t (name, at) VALUES ('k', :1)", [(moment,) for moment in moments])
    condition = " OR ".join(f"(name = :n{i} AND at = :t{i})" for i in range(200))
    binds = {f"n{i}": "k" for i in range(200)} | {f"t{i}": moment for i, moment in enumerate(moments)}
    cursor.setinputsizes(**{f"t{i}": oracledb.DB_TYPE_TIMESTAMP for i in range(200)})
    assert len(cursor.execute(f"SELECT name, at, quality FROM t WHERE {condition}", binds).fetchall()) == 200


PARTITIONED = """CREATE TABLE parted (
  name VARCHAR2(10), at TIMESTAMP, CONSTRAINT p_pk PRIMARY KEY (name, at) USING INDEX LOCAL)
PARTITION BY RANGE (at) {interval} (
  PARTITION p1 VALUES LESS THAN (TIMESTAMP '2026-01-01 00:00:00'), PARTITION p2 VALUES LESS THAN ({end}))"""


@pytest.mark.parametrize(
    ("interval", "end", "codes"),
    [
        ("", "TIMESTAMP '2026-02-01 00:00:00'", ["ORA-14400"]),
        ("", "MAXVALUE", []),
        ("INTERVAL (NUMTODSINTERVAL(1, 'DAY'))", "TIMESTAMP '2026-02-01 00:00:00'", []),
    ],
)
def test_a_row_behind_the_last_partition_is_refused(
    cursor: oracledb.Cursor, interval: str, end: str, codes: list[str]
) -> None:
    cursor.execute(PARTITIONED.format(interval=interval, end=end))
    cursor.setinputsizes(oracledb.DB_TYPE_TIMESTAMP)
    times = [datetime(2025, 1, 1), datetime(2026, 1, 31), datetime(2026, 2, 1)]
    cursor.executemany("INSERT INTO parted VALUES ('a', :1)", [(at,) for at in times], batcherrors=True)
    assert [error.full_code for error in cursor.getbatcherrors()] == codes
    assert rows(cursor, "SELECT COUNT(*) FROM parted") == [(3 - len(codes),)]
    assert rows(cursor, "SELECT constraint_name FROM user_constraints WHERE table_name = 'PARTED'") == [("P_PK",)]
