"""What the command is tried against: a stand-in for Oracle with both tables, a Redis, a directory."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.redis import EmbeddedRedis

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
