"""The one form of PL/SQL block that is known: statements put together from the rows of a query."""

import oracledb
import pytest

from tests.integration.oracle_stand_in.sql.asking import refused, rows

BLOCK = """BEGIN
  FOR t IN ({query}) LOOP
    EXECUTE IMMEDIATE {text};
    EXECUTE IMMEDIATE
      'CREATE OR REPLACE SYNONYM s_' || t.name || ' FOR ' || t.name;
  END LOOP;
END;"""
QUERY = "SELECT table_name AS name FROM user_tables WHERE table_name LIKE 'B%' ORDER BY 1"
MAKE = "'CREATE TABLE made_by_' || t.name || ' (a NUMBER)'"


@pytest.fixture
def tables(cursor: oracledb.Cursor) -> oracledb.Cursor:
    """A cursor of a session with the tables b1 and b2."""
    for name in ("b1", "b2"):
        cursor.execute(f"CREATE TABLE {name} (a NUMBER)")
    for (synonym,) in rows(cursor, "SELECT synonym_name FROM user_synonyms"):
        cursor.execute(f"DROP SYNONYM {synonym}")
    return cursor


@pytest.mark.parametrize("begun", ["", "-- All of them\n\n"])
def test_a_statement_is_executed_for_each_row(tables: oracledb.Cursor, begun: str) -> None:
    """Rows are those of the beginning: what the statements make is not gone through as well."""
    tables.execute(begun + BLOCK.format(query=QUERY.replace("'B%'", "'%B_'"), text=MAKE))
    made = rows(tables, "SELECT table_name FROM user_tables WHERE table_name LIKE 'MADE%' ORDER BY 1")
    assert made == [("MADE_BY_B1",), ("MADE_BY_B2",)]
    assert rows(tables, "SELECT COUNT(*) FROM s_b1, s_b2") == [(0,)]


def test_no_row_no_statement(tables: oracledb.Cursor) -> None:
    tables.execute(BLOCK.format(query=QUERY.replace("B%", "X%"), text="'nonsense'"))


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("'DROP TABLE no_' || t.name", "ORA-00942", 3),
        ("'DROP TABLE ' || t.name || ';'", "ORA-00911", 3),
        ("''", "ORA-06535", 3),
        ("'nonsense'", "ORA-00900", 3),
        ("'DELETE FROM ' || t.name", "ORA-00900", 3),
        ("'BEGIN NULL; END;'", "ORA-00900", 3),
        ("'CREATE TABLE made (a NUMBER)';\n    EXECUTE IMMEDIATE 'CREATE TABLE made (a NUMBER)'", "ORA-00955", 4),
    ],
)
def test_what_fails_says_where(tables: oracledb.Cursor, text: str, code: str, line: int) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        tables.execute(BLOCK.format(query=QUERY, text=text))
    message = str(caught.value)
    assert (message[:9], f"ORA-06512: at line {line}" in message) == (code, True), message


@pytest.mark.parametrize(
    ("query", "text", "said"),
    [
        ("SELECT table_name AS name FROM nowhere", MAKE, "PL/SQL: ORA-00942"),
        (QUERY, "'DROP TABLE ' || t.table_name", "PL/SQL: ORA-00904"),
        (QUERY, "'DROP TABLE ' || name", "PL/SQL: ORA-00904"),
    ],
)
def test_a_block_that_names_what_is_not_there_is_not_begun(
    tables: oracledb.Cursor, query: str, text: str, said: str
) -> None:
    with pytest.raises(oracledb.DatabaseError, match=f"ORA-06550: line 2, column 1:\n{said}"):
        tables.execute(BLOCK.format(query=query, text=text))
    assert rows(tables, "SELECT COUNT(*) FROM user_tables WHERE table_name LIKE 'B%'") == [(2,)]


@pytest.mark.parametrize(
    "block",
    [
        "BEGIN NULL; END;",
        "BEGIN END;",
        "BEGIN",
        "DECLARE a NUMBER; BEGIN NULL; END;",
        "BEGIN FOR i IN 1..3 LOOP EXECUTE IMMEDIATE 'x'; END LOOP; END;",
        "BEGIN FOR t IN (SELECT 1 a FROM dual) LOOP NULL; END LOOP; END;",
        "BEGIN FOR t IN (SELECT 1 a FROM dual) LOOP END LOOP; END;",
        "BEGIN FOR t IN (SELECT 1 a FROM dual) LOOP EXECUTE IMMEDIATE 'x' INTO y; END LOOP; END;",
        "BEGIN FOR t IN (SELECT 1 a FROM dual) LOOP EXECUTE IMMEDIATE 'x' USING 1; END LOOP; END;",
        "BEGIN FOR t IN (SELECT 1 a FROM dual) LOOP EXECUTE IMMEDIATE (SELECT 'x' FROM dual); END LOOP; END;",
        "BEGIN FOR t IN (SELECT 1 a FROM dual) LOOP EXECUTE IMMEDIATE 'x'; END LOOP; EXCEPTION WHEN x THEN NULL; END;",
        "BEGIN EXECUTE IMMEDIATE 'x'; END;",
        "BEGIN x := 1; END;",
        "BEGIN <<here>> NULL; END;",
    ],
)
def test_other_blocks_are_refused_at_once(cursor: oracledb.Cursor, block: str) -> None:
    """Also those with signs that are none of SQL's."""
    assert refused(cursor, block).startswith("ORA-00900: invalid SQL statement (the stand-in does not support PL/SQL")


def test_a_block_with_a_bind_is_refused(cursor: oracledb.Cursor) -> None:
    block = "BEGIN FOR t IN (SELECT :x a FROM dual) LOOP EXECUTE IMMEDIATE 'x'; END LOOP; END;"
    assert "PL/SQL (BEGIN): a bind (:x)" in refused(cursor, block, "b")
