"""The Oracle that integration tests run against: the stand-in, or a real one named by ORACLE_TEST_DSN."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import oracledb

from oracle_stand_in.faults.control import OracleControl
from oracle_stand_in.process import OracleStandIn
from services.writer.settings import WriterSettings

_SCHEMAS = {
    "tag_data": Path("deploy/oracle/02_tag_data.sql"),
    "tag_values": Path("deploy/oracle/03_tag_values.sql"),
}
_ROOT = Path(__file__).parent.parent

#: For `OracleTarget.table`: a column that no writer fills, with a default that repeats, and a unique index on it.
SECOND_UNIQUE = (("quality   VARCHAR2(20)  NOT NULL", "quality VARCHAR2(20) NOT NULL, id NUMBER DEFAULT 7 UNIQUE"),)


@dataclass(frozen=True)
class OracleTarget:
    """Where the tests' Oracle is; `stand_in` is None for a real one."""

    dsn: str
    user: str
    password: str
    stand_in: OracleStandIn | None

    @property
    def control(self) -> OracleControl:
        """The switch for faults: only for tests that asked for the `faults` fixture."""
        assert self.stand_in is not None
        return self.stand_in.control

    def settings(self, table: str, **changes: object) -> WriterSettings:
        """Return a writer's settings for a table here, quick to give up."""
        quick = {
            "oracle_dsn": self.dsn, "oracle_user": self.user, "oracle_password": self.password, "oracle_table": table,
            "oracle_pool_timeout": 1, "oracle_connect_timeout": 0.5, "oracle_call_timeout": 0.7,
        }  # fmt: skip
        return WriterSettings.model_validate({**quick, **changes})

    @contextmanager
    def connect(self) -> Iterator[oracledb.Connection]:
        """Lend a connection of the test's own."""
        with oracledb.connect(user=self.user, password=self.password, dsn=self.dsn) as connection:
            yield connection

    def query(self, sql: str, *binds: object) -> list[tuple[object, ...]]:
        """Return all rows of a query."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.arraysize = 5000
            cursor.execute(sql, list(binds))
            return list(cursor)

    def execute(self, *statements: str) -> None:
        """Run statements."""
        with self.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    @contextmanager
    def table(self, layout: str = "tag_data", changes: tuple[tuple[str, str], ...] = ()) -> Iterator[str]:
        """Make a table of the layout under a name of its own, with text replaced in its DDL; drop it afterwards."""
        name = f"tt_{secrets.token_hex(5)}"
        ddl = _schema(layout)
        for before, after in changes:
            assert before in ddl, f"{before!r} is not in the schema"
            ddl = ddl.replace(before, after)
        self.execute(*filter(None, map(str.strip, re.sub(rf"\b{layout}", name, ddl).split(";"))))
        try:
            yield name
        finally:
            with suppress(oracledb.Error):
                self.execute(f"DROP TABLE {name}")

    def rows(self, table: str) -> dict[tuple[str, object], tuple[object, str]]:
        """Return a tag_data table: (tag_name, timestamp) -> (tag_value, quality)."""
        return {
            (str(name), timestamp): (value, str(quality))
            for name, timestamp, value, quality in self.query(
                f"SELECT tag_name, timestamp, tag_value, quality FROM {table}"
            )
        }

    def count(self, table: str) -> int:
        """Return the number of rows in a table."""
        return int(str(self.query(f"SELECT COUNT(*) FROM {table}")[0][0]))


def _schema(layout: str) -> str:
    return re.sub(r"--.*", "", (_ROOT / _SCHEMAS[layout]).read_text())
