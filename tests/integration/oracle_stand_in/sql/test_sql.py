"""The SQL that the stand-in knows, asked with the real driver; and the errors for what it does not know."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import oracledb
import pytest

from tests.integration.oracle_stand_in.sql.asking import fill, refused, rows

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000)


def test_defaults_literals_and_functions_fill_a_row(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "INSERT INTO t (name, at, day, free, dbl) VALUES "
        "(UPPER(:n), TO_TIMESTAMP(:at, 'YYYY-MM-DD HH24:MI:SS.FF6'), TO_DATE('2026-03-01', 'YYYY-MM-DD'), -1.5e3, 2.5)",
        ["k", "2026-03-01 12:00:00.250000"],
    )
    row = rows(cursor, "SELECT name, at, num, free, day, dbl, quality FROM t")[0]
    assert row == ("K", NOON, None, -1500, datetime(2026, 3, 1), 2.5, "GOOD")
    made = rows(cursor, "SELECT made FROM t")[0][0]
    assert abs((made - rows(cursor, "SELECT SYSTIMESTAMP FROM dual")[0][0]).total_seconds()) < 5


def test_explicit_default_and_null_differ(cursor: oracledb.Cursor) -> None:
    cursor.execute("INSERT INTO t (name, at, quality, made) VALUES ('a', SYSTIMESTAMP, DEFAULT, NULL)")
    assert rows(cursor, "SELECT quality, made FROM t") == [("GOOD", None)]
    # If: the column's default stands for NULL as well
    cursor.execute("CREATE TABLE zero (n NUMBER, v NUMBER DEFAULT ON NULL 0)")
    cursor.executemany("INSERT INTO zero VALUES (:1, :2)", [(1, None), (2, 5)])
    cursor.execute("INSERT INTO zero (n) VALUES (3)")
    assert rows(cursor, "SELECT v FROM zero ORDER BY n") == [(0,), (5,), (0,)]


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("num = 1", "a"),
        ("num <> 1", "b"),
        ("num != 1 OR num IS NULL", "bc"),
        ("num IS NOT NULL AND num < 2", "a"),
        ("num BETWEEN 1 AND 2", "ab"),
        ("num NOT BETWEEN 2 AND 3", "a"),
        ("name IN ('a', 'c')", "ac"),
        ("name NOT IN ('a', 'c')", "b"),
        ("name NOT IN ('a', NULL)", ""),
        ("name LIKE '_'", "abc"),
        ("name LIKE 'a%' OR name LIKE '\\_' ESCAPE '\\'", "a"),
        ("NOT (name = 'a' OR name = 'b')", "c"),
        ("at >= TIMESTAMP '2026-03-01 12:00:01'", "bc"),
        ("at > TO_TIMESTAMP('2026-03-01 12:00:01', 'YYYY-MM-DD HH24:MI:SS')", "c"),
        ("(name = 'a' AND at = TIMESTAMP '2026-03-01 12:00:00.25') OR (name = 'c' AND num IS NULL)", "ac"),
        ("(name, quality) IN (('a', 'GOOD'), ('b', 'GOOD'))", "a"),
        ("name IN (SELECT name FROM t WHERE quality = 'BAD')", "bc"),
        ("name = (SELECT MAX(name) FROM t)", "c"),
        ("1 = 0", ""),
        ("num = '1'", "a"),
        ("made > SYSTIMESTAMP - INTERVAL '1' HOUR", "abc"),
        ("LENGTH(name) + 1 = 2 AND num * 2 - 1 = 3 / 1", "b"),
        ("ROWNUM <= 2", "ab"),
    ],
)
def test_where_selects(cursor: oracledb.Cursor, where: str, names: str) -> None:
    fill(cursor)
    assert "".join(name for (name,) in rows(cursor, f"SELECT name FROM t WHERE {where}")) == names


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT COUNT(*) FROM t", [(3,)]),
        ("SELECT COUNT(*) FROM t WHERE name > 'a'", [(2,)]),
        ("SELECT COUNT(num), COUNT(DISTINCT quality) FROM t", [(2, 2)]),
        ("SELECT MIN(num), MAX(num), SUM(num), AVG(num) FROM t", [(1, 2, 3, 1.5)]),
        ("SELECT MAX(at) FROM t WHERE 1 = 0", [(None,)]),
        ("SELECT quality, COUNT(*) FROM t GROUP BY quality ORDER BY quality", [("BAD", 2), ("GOOD", 1)]),
        ("SELECT x.quality AS q, COUNT(*) n FROM t x GROUP BY quality ORDER BY n DESC", [("BAD", 2), ("GOOD", 1)]),
        ("SELECT quality FROM t GROUP BY quality HAVING COUNT(*) > 1", [("BAD",)]),
        ("SELECT COUNT(*) FROM (SELECT quality FROM t GROUP BY quality)", [(2,)]),
        ("SELECT DISTINCT quality FROM t ORDER BY 1", [("BAD",), ("GOOD",)]),
        ("SELECT name FROM t ORDER BY num DESC", [("c",), ("b",), ("a",)]),
        ("SELECT name FROM t ORDER BY num NULLS FIRST, name", [("c",), ("a",), ("b",)]),
        ("SELECT name FROM t ORDER BY num DESC NULLS LAST FETCH FIRST 1 ROW ONLY", [("b",)]),
        ("SELECT name FROM t ORDER BY name OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY", [("b",)]),
        ("SELECT name || '-' || num FROM t WHERE name = 'a'", [("a-1",)]),
        ("SELECT t.name, u.name FROM t JOIN t u ON u.quality = t.quality AND u.name > t.name", [("b", "c")]),
        ("SELECT NVL(num, 0) FROM t ORDER BY name", [(1,), (2,), (0,)]),
        ("SELECT TO_CHAR(at, 'YYYY-MM-DD HH24:MI:SS.FF3') FROM t WHERE name = 'a'", [("2026-03-01 12:00:00.250",)]),
        ("SELECT CAST('12' AS NUMBER) + 1, 'x', NULL FROM dual", [(13, "x", None)]),
        ("SELECT USER FROM dual", [("APP",)]),
        ("SELECT SYS_CONTEXT('USERENV', 'SERVICE_NAME') FROM dual", [("FREEPDB1",)]),
    ],
)
def test_query_answers(cursor: oracledb.Cursor, query: str, expected: list[Any]) -> None:
    fill(cursor)
    assert rows(cursor, query) == expected


def test_columns_are_described(cursor: oracledb.Cursor) -> None:
    cursor.execute("SELECT * FROM t")
    described = [(d[0], d[1].name, d[2], d[4], d[5], d[6]) for d in cursor.description or ()]
    assert described[:6] == [
        ("NAME", "DB_TYPE_VARCHAR", 10, None, None, False),
        ("AT", "DB_TYPE_TIMESTAMP", 23, 0, 6, False),
        ("NUM", "DB_TYPE_NUMBER", 9, 5, 2, True),
        ("FREE", "DB_TYPE_NUMBER", 127, 0, -127, True),
        ("DAY", "DB_TYPE_DATE", 23, None, None, True),
        ("DBL", "DB_TYPE_BINARY_DOUBLE", 127, None, None, True),
    ]
    cursor.execute("SELECT COUNT( * ), 'it''s' FROM t")
    assert [d[0] for d in cursor.description or ()] == ["COUNT(*)", "'it''s'"]


def test_parse_describes_without_running(cursor: oracledb.Cursor) -> None:
    cursor.parse("SELECT name, num FROM t WHERE name = :1")
    assert [d[0] for d in cursor.description or ()] == ["NAME", "NUM"]


def test_update_and_delete_report_rows(cursor: oracledb.Cursor) -> None:
    fill(cursor)
    cursor.execute("UPDATE t SET num = num + :1, quality = 'GOOD' WHERE quality = 'BAD'", [10])
    assert cursor.rowcount == 2
    assert rows(cursor, "SELECT name, num, quality FROM t ORDER BY 1") == [
        ("a", 1, "GOOD"),
        ("b", 12, "GOOD"),
        ("c", None, "GOOD"),
    ]
    cursor.executemany("DELETE FROM t WHERE name = :1", [("a",), ("nobody",), ("b",)])
    assert cursor.rowcount == 2
    assert rows(cursor, "SELECT name FROM t") == [("c",)]


def test_update_of_a_key_is_checked(cursor: oracledb.Cursor) -> None:
    fill(cursor)
    assert "ORA-00001" in refused(cursor, "UPDATE t SET name = 'x', at = TIMESTAMP '2026-01-01 00:00:00'")
    assert rows(cursor, "SELECT name FROM t ORDER BY 1") == [("a",), ("b",), ("c",)]
    cursor.execute("UPDATE t SET name = 'z' WHERE name = 'a'")
    assert rows(cursor, "SELECT name FROM t ORDER BY 1") == [("b",), ("c",), ("z",)]


def test_insert_select_copies_all_or_nothing(cursor: oracledb.Cursor) -> None:
    fill(cursor)
    cursor.execute("INSERT INTO t (name, at, num) SELECT name, TIMESTAMP '2026-01-01 00:00:00', num FROM t")
    assert cursor.rowcount == 3
    assert "ORA-00001" in refused(cursor, "INSERT INTO t (name, at) SELECT name, at FROM t")
    assert rows(cursor, "SELECT COUNT(*) FROM t") == [(6,)]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELEC 1 FROM dual", "ORA-00900: invalid SQL statement (the stand-in does not support"),
        ("MERGE INTO t USING dual ON (1 = 1)", "ORA-00900"),
        ("CREATE TABLE i (id NUMBER GENERATED ALWAYS AS IDENTITY)", "GENERATED in CREATE TABLE"),
        ("SELECT LISTAGG(name, ',') WITHIN GROUP (ORDER BY name) FROM t", "ORA-00900"),
        ("BEGIN NULL; END;", "ORA-00900"),
        ("SELECT name FROM t FOR UPDATE", "ORA-00900"),
        ("SELECT name FROM t UNION SELECT name, at FROM t", "ORA-01789"),
        ("SELECT name FROM t UNION SELECT num FROM t", "ORA-01790"),
        ("SELECT name FROM t CONNECT BY 1 = 1", "ORA-00900"),
        ("SELECT RANK() OVER (ORDER BY at) FROM t", "ORA-00900"),
        ("SELECT * FROM nowhere", "ORA-00942: table or view does not exist"),
        ("SELECT * FROM other.t", "ORA-00942"),
        ("INSERT INTO nowhere VALUES (1)", "ORA-00942"),
        ("DROP TABLE nowhere", "ORA-00942"),
        ("SELECT nothing FROM t", 'ORA-00904: "NOTHING": invalid identifier'),
        ("INSERT INTO t (name, nothing) VALUES ('a', 1)", 'ORA-00904: "NOTHING": invalid identifier'),
        ("SELECT nofunc(1) FROM dual", 'ORA-00904: "NOFUNC": invalid identifier'),
        ("INSERT INTO t (name, at) VALUES ('a')", "ORA-00947: not enough values"),
        ("INSERT INTO t VALUES ('a')", "ORA-00947"),
        ("INSERT INTO t (name) VALUES ('a', 1)", "ORA-00913: too many values"),
        ("INSERT INTO t (name, at, num) VALUES ('a', SYSTIMESTAMP, 'x')", "ORA-01722: invalid number"),
        ("SELECT name FROM t WHERE num = 'x'", "ORA-01722"),
        (
            "INSERT INTO t (name, at) VALUES (NULL, SYSTIMESTAMP)",
            'ORA-01400: cannot insert NULL into ("APP"."T"."NAME")',
        ),
        ("INSERT INTO t (name, at) VALUES ('', SYSTIMESTAMP)", "ORA-01400"),
        ("INSERT INTO t (at) VALUES (SYSTIMESTAMP)", "ORA-01400"),
        (
            "INSERT INTO t (name, at) VALUES ('12345678901', SYSTIMESTAMP)",
            'ORA-12899: value too large for column "APP"."T"."NAME" (actual: 11, maximum: 10)',
        ),
        (
            "INSERT INTO t (name, at, num) VALUES ('a', SYSTIMESTAMP, 1000)",
            "ORA-01438: value larger than specified precision allowed for this column",
        ),
        (
            "INSERT INTO t (name, at, quality) VALUES ('a', SYSTIMESTAMP, 'UGLY')",
            "ORA-02290: check constraint (APP.SYS_C",
        ),
        ("INSERT INTO t (name, at) VALUES ('a', 'yesterday')", "ORA-01858"),
        ("INSERT INTO t (name, at) VALUES ('a', 5)", "ORA-00932"),
        ("CREATE TABLE t (x NUMBER)", "ORA-00955: name is already used by an existing object"),
        ("CREATE TABLE u (x BLOB)", "ORA-00902"),
        ("CREATE TABLE u (x NUMBER, x NUMBER)", "ORA-00957"),
        ("SELECT name, COUNT(*) FROM t", "ORA-00937"),
        ("SELECT name, COUNT(*) FROM t GROUP BY quality", "ORA-00979"),
        ("SELECT name FROM t WHERE COUNT(*) > 1", "ORA-00934"),
        ("SELECT t.name FROM t, t u WHERE name = 'a'", "ORA-00918"),
        ("SELECT 1 / 0 FROM dual", "ORA-01476"),
        ("SELECT (1 FROM dual", "ORA-00907"),
        ("SELECT 1 FROM dual WHERE", "ORA-00936"),
        ("SELECT TO_TIMESTAMP('x', 'GG') FROM dual", "ORA-01821"),
        ("SELECT TO_TIMESTAMP('4', 'Q') FROM dual", "ORA-01820"),
        ("SELECT TO_DATE('2026-02-30', 'YYYY-MM-DD') FROM dual", "ORA-01847"),
        ("SELECT TO_DATE('2026-13-01', 'YYYY-MM-DD') FROM dual", "ORA-01843"),
        ("SELECT TO_DATE('2026-01-01x', 'YYYY-MM-DD') FROM dual", "ORA-01830"),
        ("ALTER SESSION SET CONTAINER = FREEPDB1", "ORA-00900"),
        ("GRANT SELECT ON t TO x", "ORA-01917"),
        ("CREATE USER x IDENTIFIED BY y", "ORA-01031"),
    ],
)
def test_statement_is_refused(cursor: oracledb.Cursor, statement: str, message: str) -> None:
    fill(cursor)
    assert message in refused(cursor, statement)
    assert rows(cursor, "SELECT COUNT(*) FROM t") == [(3,)]


def test_missing_binds_are_refused(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError, match=r"DPY-4010"):
        cursor.execute("SELECT name FROM t WHERE name = :1")


def test_version_says_that_it_is_no_oracle(cursor: oracledb.Cursor) -> None:
    assert "stand-in" in rows(cursor, "SELECT banner FROM v$version")[0][0]
    assert rows(cursor, "SELECT version_full FROM product_component_version") == [("19.3.0.0.0",)]
    assert cursor.connection.version == "19.3.0.0.0"


def test_numbers_come_back_as_they_were(cursor: oracledb.Cursor) -> None:
    numbers = [
        Decimal(text) for text in ["0", "1", "-1", "100", "0.1", "-123456.789", "1e37", "1e-100", "255", "-1e20"]
    ]
    cursor.execute("CREATE TABLE n (i NUMBER, v NUMBER)")
    cursor.executemany("INSERT INTO n VALUES (:1, :2)", list(enumerate(numbers)))
    texts = rows(cursor, "SELECT TO_CHAR(v) FROM n ORDER BY i")
    assert [Decimal(text) for (text,) in texts] == numbers
    by_value = sorted(range(10), key=lambda index: numbers[index])
    assert rows(cursor, "SELECT i FROM n ORDER BY v") == [(i,) for i in by_value]


def test_scrollable_cursors_are_refused(cursor: oracledb.Cursor) -> None:
    scrollable = cursor.connection.cursor(scrollable=True)
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-00900.*scrollable"):
        scrollable.execute("SELECT 1 FROM dual")


def test_many_rows_are_fetched_in_pieces(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE many (n NUMBER, text VARCHAR2(50))")
    cursor.executemany("INSERT INTO many VALUES (:1, :2)", [(i, f"row {i}") for i in range(100_000)])
    cursor.arraysize = 10_000
    fetched = cursor.execute("SELECT n, text FROM many").fetchall()
    assert len(fetched) == 100_000
    assert fetched[99_999] == (99_999, "row 99999")
