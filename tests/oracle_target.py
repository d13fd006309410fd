"""The Oracle that integration tests run against: the stand-in, or a real one named by ORACLE_TEST_DSN."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import oracledb

from oracle_stand_in.faults.control import OracleControl
from oracle_stand_in.process import OracleStandIn
from sandbox.harness.oracle import SCHEMAS, Oracle
from services.writer.settings import WriterSettings

#: For `OracleTarget.table`: a column that no writer fills, with a default that repeats, and a unique index on it.
SECOND_UNIQUE = (("quality   VARCHAR2(20)  NOT NULL", "quality VARCHAR2(20) NOT NULL, id NUMBER DEFAULT 7 UNIQUE"),)

#: For the same: no key.
NO_KEY = ((",\n  CONSTRAINT tag_data_pk PRIMARY KEY (tag_name, timestamp) USING INDEX COMPRESS 1", ""),)


@dataclass(frozen=True)
class OracleTarget(Oracle):
    """The tests' Oracle; `stand_in` is None for a real one."""

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


def _schema(layout: str) -> str:
    return re.sub(r"--.*", "", SCHEMAS[layout].read_text())
