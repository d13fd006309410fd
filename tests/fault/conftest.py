"""Faults take long: one kind of Redis server is enough for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.redis import EmbeddedRedis
from tests.fault.power_cut import compiled
from tests.pipeline import Pipeline
from tests.redis_servers import REDIS_SERVERS


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """The wheel's server; tests share it and keep apart by their namespaces."""
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture(scope="session", params=[name for name, path in REDIS_SERVERS.items() if path])
def redis_program(request: pytest.FixtureRequest) -> str:
    """Each kind of server that is here, for what depends on how a server itself fails."""
    return str(REDIS_SERVERS[request.param])


@pytest.fixture(scope="session")
def power_cut_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that keeps of a directory what a power cut would leave of it."""
    library = compiled(tmp_path_factory.mktemp("power"))
    if library is None:
        pytest.skip("no C compiler here to build what cuts the power")
    return library


@pytest.fixture
def running(pipeline: Pipeline, faults: OracleControl) -> Pipeline:
    """Consumer and writer at work, and a row that the table took."""
    del faults
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    pipeline.put(polls=1, tags=1, plc_code="WARM")
    pipeline.wait_until_idle()
    pipeline.oracle.execute(f"TRUNCATE TABLE {pipeline.table}")
    return pipeline
