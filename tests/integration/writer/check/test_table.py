"""What `check` says of the table: its key, its columns, what refuses inserts, what the user may do."""

import pytest

from oracle_stand_in.process import OracleStandIn
from tests.integration.writer.check.asking import check, line_of, run_sql


@pytest.mark.req("FR-014")
def test_table_without_a_key_fails_by_dictionary_and_by_trial(
    oracle: OracleStandIn, environment: dict[str, str]
) -> None:
    run_sql(
        oracle,
        "CREATE TABLE keyless (tag_name VARCHAR2(100) NOT NULL, tag_value VARCHAR2(255) NOT NULL, "
        "timestamp TIMESTAMP(6) NOT NULL, quality VARCHAR2(20) NOT NULL)",
    )
    status, output = check(environment, ORACLE_TABLE="keyless")

    assert status == 1
    assert "FAILED" in line_of("primary key", output)
    assert "FAILED" in line_of("duplicate detection", output)
    assert run_sql(oracle, "SELECT COUNT(*) FROM keyless") == [(0,)]


def test_temporary_table_fails_and_is_given_nothing(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    """Kind: an acknowledgement taken for proof: each insert and each commit go well, and no row is there."""
    run_sql(
        oracle,
        "CREATE GLOBAL TEMPORARY TABLE passing (tag_name VARCHAR2(100) NOT NULL, tag_value VARCHAR2(255) NOT NULL, "
        "timestamp TIMESTAMP(6) NOT NULL, quality VARCHAR2(20) NOT NULL, PRIMARY KEY (tag_name, timestamp)) "
        "ON COMMIT DELETE ROWS",
    )
    status, output = check(environment, ORACLE_TABLE="passing")
    assert status == 1
    assert "FAILED" in output
    assert "the table keeps no row: it is a temporary one" in output
    assert "not tried" in line_of("inserts", output)


def test_session_that_may_not_have_its_commits_wait_is_warned_of(
    oracle: OracleStandIn, environment: dict[str, str]
) -> None:
    """Kind: a wish that was not granted taken for an outage: a lockdown profile refuses ALTER SESSION, and values are
    written all the same.
    """
    oracle.control.fail_next(None, ora_code=1031, verb="ALTER")
    status, output = check(environment)
    assert status == 0, output
    assert "warning" in line_of("commits wait for the disk", output)
    assert "SHOW PARAMETER commit" in output


def test_invisible_column_is_no_missing_one(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    run_sql(
        oracle,
        "CREATE TABLE hiding (tag_name VARCHAR2(100), tag_value VARCHAR2(255) INVISIBLE NOT NULL, "
        "timestamp TIMESTAMP(6), quality VARCHAR2(20) NOT NULL, PRIMARY KEY (tag_name, timestamp))",
    )
    status, output = check(environment, ORACLE_TABLE="hiding")
    assert status == 0, output
    assert "255 bytes" in line_of("column tag_value", output)


def test_key_that_is_too_narrow_fails(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    run_sql(
        oracle,
        "CREATE TABLE narrow (tag_name VARCHAR2(100) PRIMARY KEY, tag_value VARCHAR2(255) NOT NULL, "
        "timestamp TIMESTAMP(6) NOT NULL, quality VARCHAR2(20) NOT NULL)",
    )
    status, output = check(environment, ORACLE_TABLE="narrow")

    assert status == 1
    assert "values would be lost" in output


@pytest.mark.req("FR-013", "EC-8")
def test_number_column_passes_and_a_missing_column_fails(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    run_sql(
        oracle,
        "CREATE TABLE numbers (tag_name VARCHAR2(100), tag_value NUMBER, timestamp TIMESTAMP(6), "
        "quality VARCHAR2(20) NOT NULL, PRIMARY KEY (tag_name, timestamp))",
        "CREATE TABLE lacking (tag_name VARCHAR2(100), tag_value VARCHAR2(255), timestamp TIMESTAMP(6), "
        "PRIMARY KEY (tag_name, timestamp))",
    )
    status, output = check(environment, ORACLE_TABLE="numbers")
    assert status == 0, output
    assert "NUMBER" in line_of("column tag_value", output)
    assert "warning" in line_of("index on timestamp", output)

    status, output = check(environment, ORACLE_TABLE="lacking")
    assert status == 1
    assert "FAILED" in line_of("column quality", output)


@pytest.mark.req("FR-018")
def test_column_that_rounds_to_milliseconds_fails(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    run_sql(
        oracle,
        "CREATE TABLE rounding (tag_name VARCHAR2(100), tag_value VARCHAR2(255), timestamp TIMESTAMP(3), "
        "quality VARCHAR2(20), PRIMARY KEY (tag_name, timestamp))",
    )
    status, output = check(environment, ORACLE_TABLE="rounding")

    assert status == 1
    assert "TIMESTAMP(3)" in line_of("column timestamp", output)


def test_user_without_delete_can_check_and_no_row_stays(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    oracle.control.fail_next(None, ora_code=1031, verb="DELETE")
    status, output = check(environment)

    assert status == 0, output
    assert "may not DELETE" in output
    assert run_sql(oracle, "SELECT COUNT(*) FROM tag_data") == [(0,)]


def test_user_without_delete_is_told_which_row_stays(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    oracle.control.fail_next(None, ora_code=1031, verb="DELETE")
    status, output = check(environment, "--leave-row")
    oracle.control.reset()

    ((name,),) = run_sql(oracle, "SELECT tag_name FROM tag_data")
    run_sql(oracle, "DELETE FROM tag_data")
    assert status == 0
    assert str(name).startswith("tagpipe.check.")
    assert f"{name} at " in output


def test_user_without_insert_fails_with_its_remedy(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    oracle.control.fail_next(None, ora_code=1031, verb="INSERT")
    status, output = check(environment)

    assert status == 1
    assert "a privilege is missing" in line_of("insert and read back", output)
    assert "GRANT SELECT, INSERT" in output


def test_user_without_select_is_warned_and_inserts_are_tried(
    oracle: OracleStandIn, environment: dict[str, str]
) -> None:
    """Kind: a wish taken for a need. Values are written without SELECT, and what that costs is said before."""
    oracle.control.fail_next(None, ora_code=1031, verb="SELECT", table="tag_data")
    status, output = check(environment, "--leave-row")
    oracle.control.reset()
    assert status == 0, output
    assert "the user may not SELECT (ORA-01031)" in line_of("table", output)
    assert "GRANT SELECT ON" in output
    for name in ("insert", "duplicate detection", "reading without a value"):
        assert "ok" in line_of(name, output)
    assert "text with letters" not in output
    assert "not tried" in line_of("commit, seen by another connection", output)
    assert run_sql(oracle, "SELECT COUNT(*) FROM tag_data") == [(0,)]


NUMBERS = "CREATE TABLE {} (tag_name VARCHAR2(100), tag_value {}, timestamp TIMESTAMP(6), quality VARCHAR2(20), {})"


KEY = "PRIMARY KEY (tag_name, timestamp)"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("NUMBER(10,2)", ["NUMBER(10,2)", "'12.345678912' is stored as '12.35'", "text with letters"]),
        ("FLOAT(24)", ["FLOAT(24)", "8 digits", "'12.345678912' is stored as '12.345679'"]),
        ("NUMBER DEFAULT ON NULL 0", ["'no value' is stored as '0', without a word from Oracle"]),
        ("NUMBER", ["text that is no number will be rejected", "is no number"]),
    ],
)
def test_a_number_column_is_tried_with_text_and_decimals(
    oracle: OracleStandIn, environment: dict[str, str], kind: str, words: list[str]
) -> None:
    """Kind: a table tried with what it takes and never with what it changes or refuses."""
    run_sql(oracle, NUMBERS.format("numbers", kind, KEY))
    status, output = check(environment, ORACLE_TABLE="numbers")
    assert status == 0, output
    assert [word for word in words if word not in output] == []


def test_unique_indexes_that_are_not_the_key_are_listed(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    """Kind: a second unique index is found by the values that it refuses. `check` says it before."""
    run_sql(
        oracle, NUMBERS.format("seconds", "VARCHAR2(255)", f"id NUMBER DEFAULT 7, CONSTRAINT id_uk UNIQUE (id), {KEY}")
    )
    _, output = check(environment, ORACLE_TABLE="seconds")
    assert "warning" in line_of("unique index ID_UK", output)
    assert "rejected_*.csv" in output


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (14400, ["no partition of the table takes this time", "add the partition"]),
        (4098, ["a trigger on the table does not compile", "SHOW ERRORS"]),
        (16000, ["the database is read-only", "ORACLE_DSN of the primary"]),
        (1950, ["quota", "ALTER USER"]),
        (28365, ["keystore", "ADMINISTER KEY MANAGEMENT"]),
        (20001, ["a trigger on the table refuses the row"]),
    ],
)
def test_what_refuses_inserts_is_named_with_its_remedy(
    oracle: OracleStandIn, environment: dict[str, str], code: int, words: list[str]
) -> None:
    """Kind: a code that nobody listed. Each has its plain words and its remedy in one place."""
    oracle.control.fail_next(None, ora_code=code, verb="INSERT")
    status, output = check(environment)
    assert status == 1
    assert [word for word in words if word not in output] == []


def test_a_column_that_was_made_with_quotes_is_named_with_what_to_do(
    oracle: OracleStandIn, environment: dict[str, str]
) -> None:
    """Kind: names compared by another rule than the database's. All columns were "ok", and each insert ORA-00904."""
    run_sql(
        oracle,
        'CREATE TABLE quoted ("tag_name" VARCHAR2(100) NOT NULL, tag_value VARCHAR2(255) NOT NULL, '
        "timestamp TIMESTAMP(6) NOT NULL, quality VARCHAR2(20) NOT NULL)",
    )
    status, output = check(environment, ORACLE_TABLE="quoted")
    run_sql(oracle, "DROP TABLE quoted")
    assert status == 1
    assert "FAILED" in (line := line_of("column tag_name", output))
    assert 'made with quotes, as "tag_name"' in line
