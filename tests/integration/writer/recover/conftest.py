"""An Oracle with both tables, and a place of the test's own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.redis import EmbeddedRedis
from tests.integration.writer.recover.place import DEPLOY, Place


@pytest.fixture(scope="module")
def oracle() -> Iterator[OracleStandIn]:
    with OracleStandIn(init_sql=[DEPLOY / "02_tag_data.sql", DEPLOY / "03_tag_values.sql"]) as server:
        yield server


@pytest.fixture
def place(oracle: OracleStandIn, redis_server: EmbeddedRedis, namespace: str, tmp_path: Path) -> Iterator[Place]:
    environment = {
        **os.environ,
        "ORACLE_DSN": oracle.dsn,
        "ORACLE_USER": oracle.user,
        "ORACLE_PASSWORD": oracle.password,
        "ORACLE_RETRY_BASE_DELAY": "0.05",
        "REDIS_URL": redis_server.url,
        "REDIS_NAMESPACE": namespace,
        "BACKUP_DIR": str(tmp_path),
        "BACKUP_MIN_FREE_BYTES": "1000",
    }
    place = Place(oracle, environment, tmp_path)
    yield place
    oracle.control.reset()
    place.sql("TRUNCATE TABLE tag_data", "TRUNCATE TABLE tag_values")
