"""How the tests ask the command, and the database behind it."""

from contextlib import suppress

import oracledb

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.command import run_command


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
