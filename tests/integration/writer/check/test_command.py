"""`python -m services.writer check` as a process, against the real driver and tables of all kinds."""

import re
from pathlib import Path

import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.command import run_command
from tests.integration.writer.check.asking import check, line_of, run_sql


@pytest.mark.req("OPS-5", "FR-006")
@pytest.mark.parametrize("layout", ["tag_data", "tag_values"])
def test_sound_table_passes_and_is_left_as_it_was(
    oracle: OracleStandIn, environment: dict[str, str], layout: str
) -> None:
    status, output = check(environment, ORACLE_TABLE=layout, ORACLE_TABLE_LAYOUT=layout)

    assert status == 0, output
    assert "FAILED" not in output
    for name in ("connection", "table", "primary key", "insert and read back", "duplicate detection",
                 "commit, seen by another connection", "insert of 500 rows", "Redis"):  # fmt: skip
        assert " ok " in line_of(name, output), name
    # Tests run in containers, too.
    assert " ok " in (line := line_of("backup directory", output)) or "the container's own layer" in line
    assert "index on timestamp" in output
    assert "rows/s" in output
    assert run_sql(oracle, f"SELECT COUNT(*) FROM {layout}") == [(0,)]


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("ORACLE_PASSWORD", "wrong", ["user or password wrong", "ORA-01017", "ORACLE_PASSWORD"]),
        ("ORACLE_TABLE", "nowhere", ["no such table", "ORA-00942", "GRANT SELECT"]),
        ("ORACLE_DSN", "127.0.0.1:1/FREEPDB1", ["nothing accepts connections", "DPY-6005", "ORACLE_PORT"]),
        ("ORACLE_DSN", "no-such-host.invalid/FREEPDB1", ["nobody knows a host of this name", "ORACLE_HOST"]),
        ("REDIS_URL", "redis://no-such-host.invalid:6379/0", ["nobody knows a host of this name", "REDIS_URL"]),
        (
            "REDIS_URL",
            "redis://127.0.0.1:1/0",
            ["Redis", "FAILED", "nothing listens there", "Connection refused", "REDIS_URL"],
        ),
    ],
)
@pytest.mark.req("OPS-5", "EC-8")
def test_wrong_setting_fails_with_its_remedy(
    environment: dict[str, str], setting: str, value: str, words: list[str]
) -> None:
    status, output = check(environment, **{setting: value})

    assert status == 1
    assert [word for word in words if word not in output] == []


def test_unknown_service_fails_with_its_remedy(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    status, output = check(environment, ORACLE_DSN=oracle.dsn.replace("FREEPDB1", "ELSEWHERE"))

    assert status == 1
    assert "the listener knows no such service" in output
    assert "ORACLE_SERVICE_NAME" in output


def test_wrong_password_costs_the_account_one_try(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    before = oracle.control.status().errors
    check(environment, ORACLE_PASSWORD="wrong")

    assert oracle.control.status().errors == before + 1


def test_locked_account_is_named(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    oracle.control.lock_account()
    status, output = check(environment)

    assert status == 1
    assert "the account is locked" in output


def test_password_that_expires_is_a_warning(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    oracle.control.warn_at_logon()
    status, output = check(environment)
    oracle.control.reset()

    assert status == 0
    assert "ORA-28002: the password will expire within 7 days" in output
    assert re.search(r"0 failed, [1-3] warnings", output)


def test_listener_that_says_nothing_ends_the_check(oracle: OracleStandIn, environment: dict[str, str]) -> None:
    oracle.control.hang_new_connections()
    status, output = check(environment, ORACLE_CONNECT_TIMEOUT="0.3", ORACLE_CALL_TIMEOUT="0.3")

    assert status == 1
    assert "says nothing" in output


def test_directory_that_cannot_be_written_fails(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, output = check(environment, BACKUP_DIR=str(tmp_path / "file"))

    assert status == 1
    assert "FAILED" in line_of("backup directory", output)


def test_the_stand_in_is_never_taken_for_a_database(environment: dict[str, str]) -> None:
    """Kind: a trial's set-up that goes on in the plant."""
    status, output = check(environment)

    assert status == 0
    assert "warning" in line_of("database", output)
    assert "no database" in output


@pytest.mark.parametrize("command", [[], ["check"], ["recover"]])
@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        ("PLANT", "is an alias: ORACLE_CONFIG_DIR (or TNS_ADMIN)"),
        ("(DESCRIPTION=(ADDRESS=", "ORACLE_DSN is not understood (DPY-2049)"),
        ("db.plant:1521", "ORACLE_DSN is not understood"),
    ],
)
def test_an_address_that_makes_no_sense_is_one_line_and_status_2(
    environment: dict[str, str], command: list[str], dsn: str, words: str
) -> None:
    """Kind: the driver's own words, as a traceback, for a slip of the pen."""
    done = run_command("services.writer", *command, environ={**environment, "ORACLE_DSN": dsn})
    assert done.returncode == 2
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_an_alias_that_is_not_in_its_file_yet_is_a_finding(environment: dict[str, str], tmp_path: Path) -> None:
    status, output = check(environment, ORACLE_DSN="PLANT", ORACLE_CONFIG_DIR=str(tmp_path))
    assert status == 1
    assert "tnsnames.ora is missing" in output
    (tmp_path / "tnsnames.ora").write_text(f"PLANT={environment['ORACLE_DSN']}\n")
    assert check(environment, ORACLE_DSN="PLANT", ORACLE_CONFIG_DIR=str(tmp_path))[0] == 0


def test_disk_without_the_room_that_must_stay_fails(environment: dict[str, str]) -> None:
    status, output = check(environment, BACKUP_MIN_FREE_BYTES=str(10**18))

    assert status == 1
    assert "BACKUP_MIN_FREE_BYTES" in line_of("backup directory", output)
