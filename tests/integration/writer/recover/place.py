"""What the tests of `recover` share: a directory, a table, the command as a process, and values."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import oracledb

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.command import Command
from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.format import backup_row
from shared.clock import SystemClock
from shared.models import TagValue

DEPLOY = Path("deploy/oracle")

NOON = datetime(2025, 11, 2, 12, 0, 0, 123456)


@dataclass
class Place:
    """One test's directory, settings and table."""

    oracle: OracleStandIn
    environment: dict[str, str]
    directory: Path

    def recover(self, *arguments: str, **settings: str) -> tuple[int, str]:
        with self.start(*arguments, **settings) as process:
            output = process.output()
        assert "Traceback" not in output
        return process.returncode, output

    def start(self, *arguments: str, command: str = "recover", **settings: str) -> Command:
        return Command("services.writer", command, *arguments, environ={**self.environment, **settings})

    def start_writer(self, **settings: str) -> Command:
        return Command("services.writer", environ={**self.environment, **settings})

    def write(self, values: Sequence[TagValue]) -> Path:
        """Write a file as the writer does."""
        backup = CsvBackup(self.directory, "backup", SystemClock(), rotate_bytes=10**9, min_free_bytes=0)
        path = backup.append([backup_row(value, "2025-11-02T12:00:01.000+00:00") for value in values])
        backup.finish()
        return path

    def sql(self, *statements: str) -> list[Any]:
        login = {"user": self.oracle.user, "password": self.oracle.password, "dsn": self.oracle.dsn}
        with oracledb.connect(**login) as connection:
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

    def stored(self) -> dict[tuple[str, datetime], tuple[str, str]]:
        rows = self.sql("SELECT tag_name, timestamp, tag_value, quality FROM tag_data")
        return {(name, moment): (value, quality) for name, moment, value, quality in rows}

    def count(self) -> int:
        return int(self.sql("SELECT COUNT(*) FROM tag_data")[0][0])

    def files(self, pattern: str) -> list[str]:
        return sorted(str(path.relative_to(self.directory)) for path in self.directory.glob(pattern))


def numbered(count: int, first: int = 0) -> list[TagValue]:
    return [
        TagValue(NOON + timedelta(microseconds=n), "PLC01", f"D{n % 7}", str(n), "GOOD")
        for n in range(first, first + count)
    ]


def expected(values: Sequence[TagValue]) -> dict[tuple[str, datetime], tuple[str, str]]:
    return {(v.tag_name, v.timestamp): ("NULL" if v.tag_value is None else v.tag_value, v.quality) for v in values}
