"""Queries as people and tools write them: joins, sets, choices, functions."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn


@pytest.fixture(scope="module")
def cursor() -> Iterator[oracledb.Cursor]:
    with (
        OracleStandIn() as stand_in,
        oracledb.connect(user=stand_in.user, password=stand_in.password, dsn=stand_in.dsn) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE a (id NUMBER PRIMARY KEY, n VARCHAR2(10))")
        cursor.executemany("INSERT INTO a VALUES (:1, :2)", [(1, "x"), (2, "y"), (3, None)])
        cursor.execute("CREATE TABLE b (id NUMBER, m NUMBER(5, 2))")
        cursor.executemany("INSERT INTO b VALUES (:1, :2)", [(1, 1.5), (1, 2.5), (9, 9)])
        yield cursor


ANSWERS: dict[str, list[Any]] = {
    "SELECT TIMESTAMP '2026-01-02 00:00:00 -05:30' AT TIME ZONE 'UTC' FROM dual": [datetime(2026, 1, 2, 5, 30)],
    "SELECT TIMESTAMP '2026-01-02 09:00:00 +09:00' AT TIME ZONE 'UTC' FROM dual": [datetime(2026, 1, 2)],
    "SELECT TO_TIMESTAMP_TZ('20260102 -02:30', 'YYYYMMDD TZH:TZM') AT TIME ZONE 'UTC' FROM dual": [
        datetime(2026, 1, 2, 2, 30)
    ],
    "SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.id = a.id)": [1],
    "SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.id = a.id) ORDER BY id DESC": [3, 2],
    "SELECT (SELECT SUM(m) FROM b WHERE b.id = x.id) FROM a x ORDER BY x.id": [4, None, None],
    "SELECT x.n FROM a x WHERE (SELECT COUNT(*) FROM b WHERE b.id = x.id) = 2": ["x"],
    "SELECT COUNT(*) FROM a x WHERE n = 'x' AND EXISTS (SELECT 1 FROM b WHERE b.id = x.id AND m > 2)": [1],
    "SELECT m FROM b WHERE m = (SELECT MAX(m) FROM b i WHERE i.id = b.id) ORDER BY id": [2.5, 9],
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.id = a.id) THEN 'y' END c FROM a ORDER BY id": ["y", None, None],
    "SELECT n FROM a WHERE n LIKEC '_' AND (CASE WHEN id = 2 THEN 1 END) = 1": ["y"],
    "SELECT CASE WHEN n = 'x' THEN 'ex' WHEN n IS NULL THEN 'none' ELSE n END FROM a ORDER BY id": ["ex", "y", "none"],
    "SELECT CASE id WHEN 1 THEN 10 END FROM a ORDER BY id": [10, None, None],
    "SELECT DECODE(n, 'x', 1, NULL, 2, 3) FROM a ORDER BY id": [1, 3, 2],
    "SELECT a.id, m FROM a LEFT JOIN b ON a.id = b.id ORDER BY a.id, m": [(1, 1.5), (1, 2.5), (2, None), (3, None)],
    "SELECT a.id, b.id FROM a RIGHT JOIN b ON a.id = b.id AND m > 2 ORDER BY 2, 1": [(1, 1), (None, 1), (None, 9)],
    "SELECT a.id, b.id FROM a FULL OUTER JOIN b ON b.id = a.id ORDER BY 1, 2": [
        (1, 1), (1, 1), (2, None), (3, None), (None, 9),
    ],
    "SELECT x.id, m, c.n FROM a x JOIN b ON x.id = b.id LEFT JOIN a c ON c.id = x.id + 1 ORDER BY m": [
        (1, 1.5, "y"), (1, 2.5, "y"),
    ],
    "SELECT id FROM a UNION SELECT id FROM b ORDER BY 1 DESC": [9, 3, 2, 1],
    "SELECT id, n FROM a WHERE id = 1 UNION ALL SELECT id, 'b' FROM b ORDER BY id, n FETCH FIRST 2 ROWS ONLY": [
        (1, "b"), (1, "b"),
    ],
    "SELECT id FROM a MINUS SELECT id FROM b": [2, 3],
    "SELECT id FROM a INTERSECT SELECT id FROM b": [1],
    "(SELECT 1 x FROM dual) UNION ALL (SELECT NULL FROM dual)": [1, None],
    "WITH q AS (SELECT id i FROM a WHERE id > 1), r AS (SELECT MAX(i) m FROM q) SELECT m FROM r": [3],
    "SELECT id FROM (SELECT id FROM a ORDER BY id DESC) WHERE ROWNUM <= 2": [3, 2],
    "SELECT ROWNUM, id FROM a WHERE id > 1 ORDER BY id DESC": [(2, 3), (1, 2)],
    "SELECT COUNT(*) FROM a WHERE EXISTS (SELECT 1 FROM b WHERE m > 5)": [3],
    "SELECT COUNT(*) FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE m > 5)": [0],
    "SELECT LAG(id) OVER (ORDER BY id), LEAD(id, 2, 0) OVER (ORDER BY id DESC) FROM a ORDER BY id": [
        (None, 0), (1, 0), (2, 1),
    ],
    "SELECT m, LAG(m, 1, -1) OVER (PARTITION BY id ORDER BY m) FROM b ORDER BY m FETCH FIRST 2 ROWS ONLY": [
        (1.5, -1), (2.5, 1.5),
    ],
    "SELECT id FROM (SELECT id, LAG(n) OVER (ORDER BY id) p FROM a) WHERE p = 'x'": [2],
    "SELECT id, MAX(m) KEEP (DENSE_RANK LAST ORDER BY m), SUM(m) KEEP (DENSE_RANK FIRST ORDER BY id DESC, m) FROM b "
    "GROUP BY id ORDER BY id": [(1, 2.5, 1.5), (9, 9, 9)],
    "SELECT COUNT(*) KEEP (DENSE_RANK FIRST ORDER BY id), MIN(n) KEEP (DENSE_RANK LAST ORDER BY n NULLS FIRST), "
    "MIN(id) KEEP (DENSE_RANK LAST ORDER BY n) FROM a": [(1, "y", 3)],
    "SELECT COUNT(*) KEEP (DENSE_RANK FIRST ORDER BY id) FROM b": [2],
    "SELECT TIMESTAMP '2026-01-02 01:00:00' - TIMESTAMP '2026-01-01 00:59:58.5' FROM dual": [
        timedelta(days=1, seconds=1.5)
    ],
    "SELECT TIMESTAMP '2026-01-01 00:00:00' - TIMESTAMP '2026-01-02 01:00:00.25' FROM dual": [
        -timedelta(days=1, hours=1, seconds=0.25)
    ],
    "SELECT EXTRACT(DAY FROM t), EXTRACT(HOUR FROM t), EXTRACT(MINUTE FROM t), EXTRACT(SECOND FROM t) FROM "
    "(SELECT TIMESTAMP '2026-01-01 00:00:00' - TIMESTAMP '2026-01-02 01:02:03.5' AS t FROM dual)": [(-1, -1, -2, -3.5)],
    "SELECT COUNT(*) FROM a WHERE TIMESTAMP '2026-01-01 00:01:00' - DATE '2026-01-01' > INTERVAL '59' SECOND": [3],
    "SELECT DATE '2026-01-01' + INTERVAL '90' MINUTE FROM dual": [datetime(2026, 1, 1, 1, 30)],
    "SELECT TO_NUMBER('x' DEFAULT NULL ON CONVERSION ERROR), TO_NUMBER('7' DEFAULT -1 ON CONVERSION ERROR) FROM dual": [
        (None, 7),
    ],
    "SELECT TRANSLATE('1.5-a', '.-a', ','), TRANSLATE('abca', 'aba', 'xyz') FROM dual": [("1,5", "xycx")],
    "SELECT NVL(n, 'none') FROM a ORDER BY id": ["x", "y", "none"],
    "SELECT TRUNC(DATE '2026-05-17', 'MM') FROM dual": [datetime(2026, 5, 1)],
    "SELECT TRUNC(TIMESTAMP '2026-05-17 10:20:30') FROM dual": [datetime(2026, 5, 17)],
    "SELECT DATE '2026-05-17' - DATE '2026-05-01' FROM dual": [16],
    "SELECT ADD_MONTHS(DATE '2026-01-31', 1) FROM dual": [datetime(2026, 2, 28)],
    "SELECT EXTRACT(SECOND FROM TIMESTAMP '2026-01-01 00:00:01.5') FROM dual": [1.5],
    "SELECT TRUNC(12.789, 1), ROUND(-2.5), MOD(7, 3), FLOOR(-1.5), CEIL(1.2), POWER(2, 10), SIGN(-3) FROM dual": [
        (12.7, -3, 1, -2, 2, 1024, -1),
    ],
    "SELECT GREATEST(1, 5, 3), LEAST('b', 'a'), NVL2(NULL, 1, 2), NULLIF(1, 1) FROM dual": [(5, "a", 2, None)],
    "SELECT LPAD('7', 3, '0'), RPAD('7', 3), INSTR('hello', 'l'), REPLACE('aXb', 'X', '-') FROM dual": [
        ("007", "7  ", 3, "a-b"),
    ],
    "SELECT TO_CHAR(1234567.891, '9,999,999.99'), TO_CHAR(7, 'FM000'), TO_CHAR(-5, '999') FROM dual": [
        (" 1,234,567.89", "007", "  -5"),
    ],
    "SELECT TO_CHAR(DATE '2026-03-01', 'Day, DD Month YYYY'), TO_CHAR(DATE '2026-03-01', 'Q IW D') FROM dual": [
        ("Sunday   , 01 March     2026", "1 09 1"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("sql", ANSWERS)
def test_a_query_is_answered_as_oracle_does(cursor: oracledb.Cursor, sql: str) -> None:
    found = [row[0] if len(row) == 1 else row for row in cursor.execute(sql).fetchall()]
    assert found == ANSWERS[sql]


#: What looks like one of those, and is refused at once, by what is said.
REFUSED = {
    "SELECT ROW_NUMBER() OVER (ORDER BY id) FROM a": "analytic functions but LAG and LEAD",
    "SELECT SUM(id) OVER () FROM a": "analytic functions but LAG and LEAD",
    "SELECT id FROM a WHERE LAG(id) OVER (ORDER BY id) = 1": "an analytic function here",
    "SELECT LAG(id) FROM a": "ORA-30484",
    "SELECT LAG(id) OVER (PARTITION BY n) FROM a": "ORA-30485",
    "SELECT LAG(id, id) OVER (ORDER BY n) FROM a": "by anything but a number",
    "SELECT LAG(id) OVER (ORDER BY id) FROM a WHERE ROWNUM < 2": "ROWNUM together",
    "SELECT MAX(id) KEEP (DENSE_RANK ORDER BY id) FROM a": "ORA-00905",
    "SELECT UPPER(n) KEEP (DENSE_RANK LAST ORDER BY id) FROM a": "UPPER with KEEP",
    "SELECT SUM(TIMESTAMP '2026-01-01 00:00:00' - TIMESTAMP '2026-01-01 00:00:00') FROM a": "ORA-00932",
    "SELECT TO_CHAR(INTERVAL '1' DAY) FROM dual": "ORA-00932",
}


@pytest.mark.parametrize("sql", REFUSED)
def test_what_is_not_known_of_other_rows_is_refused(cursor: oracledb.Cursor, sql: str) -> None:
    with pytest.raises(oracledb.DatabaseError, match=REFUSED[sql]):
        cursor.execute(sql)


def test_how_far_another_row_is_may_be_a_bind(cursor: oracledb.Cursor) -> None:
    """As SQLAlchemy and Django have it."""
    cursor.execute("SELECT LEAD(id, :1, :2) OVER (ORDER BY id) FROM a ORDER BY id", [2, -1])
    assert cursor.fetchall() == [(3,), (-1,), (-1,)]


def test_an_interval_may_be_a_bind(cursor: oracledb.Cursor) -> None:
    week = timedelta(days=7, microseconds=3)
    after = "WHERE DATE '2026-01-09' - TIMESTAMP '2026-01-01 00:00:00' > :3"
    cursor.execute(f"SELECT :1, TIMESTAMP '2026-01-01 00:00:00' - :2 FROM dual {after}", [week, week, -week])
    assert cursor.fetchall() == [(week, datetime(2026, 1, 1) - week)]
    with pytest.raises(oracledb.DatabaseError, match="ORA-00932"):
        cursor.execute("INSERT INTO b (id) VALUES (:1)", [week])


def test_a_set_is_described_by_its_first_query(cursor: oracledb.Cursor) -> None:
    cursor.execute("SELECT n AS first, id FROM a UNION SELECT 'longer than ten', 1.5 FROM dual")
    described: Any = cursor.description
    assert [(info.name, info.type_code) for info in described] == [
        ("FIRST", oracledb.DB_TYPE_VARCHAR), ("ID", oracledb.DB_TYPE_NUMBER),
    ]  # fmt: skip
