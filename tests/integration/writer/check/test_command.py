"""`python -m services.writer check` as a process, against the real driver and tables of all kinds."""

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.command import run_command
from sandbox.harness.redis import EmbeddedRedis
from services.writer.check.redis_rights import NEEDED, OPTIONAL
from shared.errors import RedisRefusedError
from shared.redis.link import RedisLink

DEPLOY = Path("deploy/oracle")


@pytest.fixture(scope="module")
def oracle() -> Iterator[OracleStandIn]:
    with OracleStandIn(init_sql=[DEPLOY / "02_tag_data.sql", DEPLOY / "03_tag_values.sql"]) as server:
        yield server


@pytest.fixture(autouse=True)
def without_faults(oracle: OracleStandIn) -> Iterator[None]:
    yield
    oracle.control.reset()


@pytest.fixture
def environment(oracle: OracleStandIn, redis_server: EmbeddedRedis, namespace: str, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "ORACLE_DSN": oracle.dsn,
        "ORACLE_USER": oracle.user,
        "ORACLE_PASSWORD": oracle.password,
        "REDIS_URL": redis_server.url,
        "REDIS_NAMESPACE": namespace,
        "BACKUP_DIR": str(tmp_path / "backup"),
        "BACKUP_MIN_FREE_BYTES": "1000",
    }


def check(environment: dict[str, str], *arguments: str, **settings: str) -> tuple[int, str]:
    done = run_command("services.writer", "check", *arguments, environ={**environment, **settings})
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout


def line_of(check: str, output: str) -> str:
    return next((line for line in output.splitlines() if f"│ {check} " in line), "")


def run_sql(oracle: OracleStandIn, *statements: str) -> list[tuple[object, ...]]:
    with oracledb.connect(user=oracle.user, password=oracle.password, dsn=oracle.dsn) as connection:
        with connection.cursor() as cursor:
            for statement in statements:
                if statement.startswith("CREATE TABLE "):
                    # The same test ran before, against another kind of Redis.
                    with suppress(oracledb.DatabaseError):
                        cursor.execute(f"DROP TABLE {statement.split()[2]}")
                cursor.execute(statement)
            rows = list(cursor) if cursor.description else []
        connection.commit()
    return rows


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


@pytest.mark.parametrize(
    ("before", "database", "said"),
    [
        ([], 99, "DB index is out of range"),
        (["REPLICAOF", "127.0.0.1", "1"], 0, "READONLY"),
        (["CONFIG", "SET", "min-replicas-to-write", "1"], 0, "NOREPLICAS"),
        (["CONFIG", "SET", "maxmemory", "1"], 0, "refuses writes"),
        (["ACL", "SETUSER", "default", "-@scripting"], 0, "NOPERM"),
    ],
)
def test_redis_that_refuses_what_services_write_fails(
    environment: dict[str, str], before: list[str], database: int, said: str
) -> None:
    """Kind: a check of what nobody needs. Redis counted as well that answered each command with an error."""
    with EmbeddedRedis() as redis:
        admin = RedisLink(redis.url)
        if before:
            admin.command(*before)
        status, output = check(environment, REDIS_URL=f"{redis.url.rsplit('/', 1)[0]}/{database}")
        admin.close()
    (line,) = (line for line in output.splitlines() if "│ Redis  " in line)
    assert status == 1
    assert "FAILED" in line
    assert said in line


def test_redis_that_says_nothing_is_waited_for_once(environment: dict[str, str]) -> None:
    """Kind: a wait for each question where one answers them all: `check` took 33 s to say that Redis is silent."""
    tries: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept_all, args=(listener, tries), daemon=True).start()
        status, output = check(environment, REDIS_URL=f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
    assert (status, "FAILED" in line_of("Redis", output), "ok" in line_of("connection", output)) == (1, True, True)
    assert len(tries) == 1
    for connection in tries:
        connection.close()


def accept_all(listener: socket.socket, accepted: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            accepted.append(listener.accept()[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--appendfsync", "everysec"], ["Redis may lose", "appendfsync everysec", "appendfsync always"]),
        (["--appendonly", "no"], ["Redis may lose", "appendonly no", "appendonly yes"]),
        (["--appendfsync", "everysec", "--rename-command", "CONFIG", ""], []),
        (["--maxmemory-policy", "allkeys-lru"], ["Redis may lose", "throws away keys of ours", "noeviction"]),
        ([], []),
    ],
)
def test_redis_that_may_lose_what_it_acknowledged_is_a_warning(
    environment: dict[str, str], options: list[str], words: list[str]
) -> None:
    """Kind: trust in a neighbour's promise that was never looked at."""
    with EmbeddedRedis(options=options) as redis:
        _, output = check(environment, REDIS_URL=redis.url)
    assert ("Redis may lose" in output) == bool(words)
    assert all(word in output for word in words)


@pytest.mark.parametrize("right", [*NEEDED, *OPTIONAL])
def test_each_right_that_is_missing_is_named(redis_server: EmbeddedRedis, right: str) -> None:
    """Kind: a right that nobody tried. `check` was well, and the writer waited for ever."""
    if right in {"auth", "hello", "eval", "evalsha"}:
        pytest.skip("without it there is no logon, or no script to ask with: below")
    name = f"check-{right.replace('|', '-')}"
    admin = RedisLink(redis_server.url)
    rights = [f"+{each}" for each in (*NEEDED, *OPTIONAL) if each != right]
    admin.command("ACL", "SETUSER", name, "reset", "on", ">p", "~*", *rights)
    link = RedisLink(f"redis://{name}:p@127.0.0.1:{redis_server.port}/0")
    try:
        asked = [*NEEDED, *OPTIONAL]
        if right in {"client|setname", "ping"}:
            with pytest.raises(RedisRefusedError, match="NOPERM"):
                link.command("PING")
        else:
            assert [each.decode() for each in link.run("may", ["{tagpipe}:x"], asked)] == [right]
    finally:
        link.close()
        admin.command("ACL", "DELUSER", name)
        admin.close()


@pytest.mark.parametrize(
    ("right", "status"), [("lrange", 1), ("evalsha", 1), ("eval", 1), ("client|setname", 1), ("info", 0)]
)
def test_a_right_that_is_missing_is_said_by_the_command(
    redis_server: EmbeddedRedis, environment: dict[str, str], right: str, status: int
) -> None:
    admin = RedisLink(redis_server.url)
    rights = [f"+{each}" for each in (*NEEDED, *OPTIONAL) if each != right]
    admin.command("ACL", "SETUSER", "narrow", "reset", "on", ">p", "~*", *rights)
    admin.close()
    found, output = check(environment, REDIS_URL=f"redis://narrow:p@127.0.0.1:{redis_server.port}/0")
    assert found == status
    assert right.split("|", maxsplit=1)[0] in output.lower()


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
