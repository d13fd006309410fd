"""A consumer and a writer for all feeds of a module: each test has PLCs of its own."""

import secrets
from collections.abc import Iterator

import pytest

from sandbox.harness.redis import EmbeddedRedis
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline


@pytest.fixture(scope="module")
def pipeline(
    redis_server: EmbeddedRedis, oracle_server: OracleTarget, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """A pipeline that runs, on a namespace and a table of the module's own."""
    directory = tmp_path_factory.mktemp("feeds")
    namespace = f"test-{secrets.token_hex(4)}"
    with oracle_server.table() as table, Pipeline(redis_server.url, oracle_server, table, namespace, directory) as here:
        here.start("consumer")
        here.start("writer")
        yield here
