"""SQL into syntax trees, and formats into moments."""

from datetime import datetime

import pytest

from oracle_stand_in.data.datetimes import parse, write
from oracle_stand_in.data.values import decode_timestamp, encode_timestamp
from oracle_stand_in.engine.init_script import SKIP, split_script
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.evaluation.conditions import like_pattern
from oracle_stand_in.sql.parser.lexer import tokenize
from oracle_stand_in.sql.parser.statement import parse_statement
from oracle_stand_in.sql.statements import CreateTable, Delete, Insert
from oracle_stand_in.sql.syntax import All, Any, Bind, Comparison, Name, Select

NOW = datetime(2026, 5, 17, 12, 0)


def test_tokens_know_where_they_are() -> None:
    tokens = tokenize("select -- x\n 'it''s', \"Q\" /* y */ <> :a")
    assert [(t.text, t.position) for t in tokens[:-1]] == [
        ("SELECT", 0),
        ("it's", 13),
        (",", 20),
        ("Q", 22),
        ("<>", 34),
        (":a", 37),
    ]


def test_binds_are_numbered_as_they_occur() -> None:
    statement, binds = parse_statement("INSERT INTO t (a, b, c) VALUES (:x, :1, :x)")
    assert isinstance(statement, Insert)
    assert (statement.values, binds) == ((Bind(0), Bind(1), Bind(2)), 3)


def test_and_binds_tighter_than_or() -> None:
    statement, _ = parse_statement("DELETE FROM t WHERE a = b OR c = d AND (e = f OR g = h)")
    assert isinstance(statement, Delete)
    one, two, three, four = (Comparison("=", Name(x), Name(y)) for x, y in ("AB", "CD", "EF", "GH"))
    assert statement.where == Any((one, All((two, Any((three, four))))))


@pytest.mark.parametrize("condition", ["(a) = 1", "(a + 1) * 2 > 3", "((a = 1))", "(a) IN (1)", "(a, b) IN ((1, 2))"])
def test_parentheses_hold_values_or_conditions(condition: str) -> None:
    statement, _ = parse_statement(f"SELECT 1 FROM t WHERE {condition}")
    assert isinstance(statement, Select)
    assert statement.where is not None


def test_keys_inline_and_out_of_line_are_the_same() -> None:
    inline, _ = parse_statement("CREATE TABLE t (a NUMBER(*, 0) CONSTRAINT k PRIMARY KEY USING INDEX TABLESPACE x)")
    outside, _ = parse_statement("CREATE TABLE t (a INTEGER, CONSTRAINT k PRIMARY KEY (a)) PCTFREE 5 NOLOGGING")
    assert isinstance(inline, CreateTable)
    assert inline == outside


@pytest.mark.parametrize(
    ("sql", "code", "position"),
    [
        ("", 900, 0),
        ("SELECT # FROM t", 911, 7),
        ("SELECT 1 FROM", 903, 13),
        ("SELECT 1 FRM t", 923, 13),
        ("SELECT a FROM t ORDER BY a x", 933, 27),
        ("INSERT INTO t (a) (1)", 926, 18),
        ("CREATE TABLE t (a VARCHAR2)", 906, 26),
        ("CREATE TABLE t (a VARCHAR2(4001))", 910, 32),
        ("SELECT a FROM t WHERE a", 920, 23),
        ("SELECT MAX(1) OVER () FROM dual", 900, 7),
    ],
)
def test_mistakes_are_located(sql: str, code: int, position: int) -> None:
    with pytest.raises(OracleError) as caught:
        parse_statement(sql)
    assert (caught.value.code, caught.value.position) == (code, position)


@pytest.mark.parametrize(
    ("text", "picture", "moment"),
    [
        ("2026-03-01 23:04:05.5", "YYYY-MM-DD HH24:MI:SS.FF", datetime(2026, 3, 1, 23, 4, 5, 500_000)),
        ("2026-03-01T23:04:05", 'YYYY-MM-DD"T"HH24:MI:SS', datetime(2026, 3, 1, 23, 4, 5)),
        ("01-MAR-26 11.04.05.000001 PM", "DD-MON-RR HH.MI.SSXFF AM", datetime(2026, 3, 1, 23, 4, 5, 1)),
        ("1/3/1999", "DD/MM/YYYY", datetime(1999, 3, 1)),
        ("01-MAR-99", "DD-MON-RR", datetime(1999, 3, 1)),
        ("20260301", "YYYYMMDD", datetime(2026, 3, 1)),
        ("10", "HH24", datetime(2026, 5, 1, 10)),
    ],
)
def test_moment_is_read_by_its_format(text: str, picture: str, moment: datetime) -> None:
    assert decode_timestamp(parse(text, picture, NOW))[0] == moment


def test_moment_is_written_by_its_format() -> None:
    raw = encode_timestamp(datetime(2026, 3, 1, 0, 4, 5, 120_000))
    assert write(raw, 'DD-MON-RR "at" HH12:MI AM FF2') == "01-MAR-26 at 12:04 AM 12"


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [("a%", "abc", "ba"), ("_", "x", "xy"), ("100\\%", "100%", "1000"), ("a.c", "a.c", "abc"), ("%\n%", "x\ny", "x")],
)
def test_like_means_what_it_says(pattern: str, matching: str, other: str) -> None:
    expression = like_pattern(pattern, "\\")
    assert expression.fullmatch(matching)
    assert not expression.fullmatch(other)


def test_plsql_of_a_script_ends_with_its_slash_and_is_passed_over() -> None:
    """Kind: a block that is cut at its first semicolon, whose rest is taken for statements."""
    blocks = "BEGIN\n  x := 'a;b'; y;\nEND;\n/\nCREATE OR REPLACE PROCEDURE p AS BEGIN z; END;\n/\n"
    statements = list(split_script(f"SELECT 1 FROM dual;\n{blocks}COMMIT;"))
    assert [bool(SKIP.match(statement)) for statement in statements] == [False, True, True, False]
    assert [statements[0], statements[3]] == ["SELECT 1 FROM dual", "COMMIT"]
    assert (statements[1][:5], statements[1][-4:]) == ("BEGIN", "END;")


def test_script_is_split_outside_of_strings_and_comments() -> None:
    script = (
        "SET ECHO ON\nINSERT INTO t VALUES (';', ':x'); /* ; */ DELETE FROM t\n/\n-- ;\nCREATE TABLE \"a;b\" (x NUMBER)"
    )
    assert list(split_script(script)) == [
        "SET ECHO ON",
        "INSERT INTO t VALUES (';', ':x')",
        "DELETE FROM t",
        'CREATE TABLE "a;b" (x NUMBER)',
    ]


@pytest.mark.parametrize(
    ("statement", "is_skipped"),
    [
        ("alter session set container=FREEPDB1", True),
        ("GRANT SELECT ON t TO x", True),
        ("CREATE USER x IDENTIFIED BY y", True),
        ("ALTER SESSION SET TIME_ZONE = 'UTC'", False),
        ("CREATE TABLE grants (x NUMBER)", False),
    ],
)
def test_only_listed_statements_are_skipped(statement: str, is_skipped: bool) -> None:
    assert bool(SKIP.match(statement)) is is_skipped


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("BEFORE UPDATE ON t FOR EACH ROW BEGIN NULL; END;", "BEFORE"),
        ("AFTER INSERT OR DELETE ON t FOR EACH ROW BEGIN NULL; END;", "OR"),
        ("AFTER INSERT ON t BEGIN NULL; END;", "BEGIN where FOR EACH ROW belongs"),
        ("BEFORE INSERT ON t FOR EACH ROW DECLARE n NUMBER; BEGIN NULL; END;", "DECLARE"),
        ("BEFORE INSERT ON t FOR EACH ROW BEGIN :NEW.a := 1; END;", "':='"),
        ("BEFORE INSERT ON t FOR EACH ROW BEGIN SELECT 1 INTO n FROM dual; END;", "SELECT"),
        ("BEFORE INSERT ON t FOR EACH ROW BEGIN IF :OLD.a = 1 THEN NULL; END IF; END;", ":OLD"),
        ("BEFORE INSERT ON t FOR EACH ROW BEGIN INSERT INTO u SELECT 1 FROM dual; END;", "INSERT ... SELECT"),
        ("BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.a IN (SELECT 1 FROM dual)) BEGIN NULL; END;", "a query"),
        ("BEFORE INSERT ON t FOR EACH ROW BEGIN END;", "END"),
        ("BEFORE INSERT ON t FOR EACH ROW BEGIN NULL; EXCEPTION WHEN OTHERS THEN NULL; END;", "EXCEPTION"),
        ("BEFORE INSERT ON t FOR EACH ROW BEGIN IF a%FOUND THEN NULL; END IF; END;", "'%FOUND'"),
    ],
)
def test_what_a_trigger_does_that_is_not_known_is_refused_by_its_name(text: str, what: str) -> None:
    """Kind: half a trigger. One that is taken and does less than it says would let rows through that Oracle refuses."""
    with pytest.raises(OracleError) as caught:
        parse_statement(f"CREATE OR REPLACE TRIGGER x {text}")
    assert caught.value.code == 900
    assert f"does not support {what} in a trigger" in caught.value.text
