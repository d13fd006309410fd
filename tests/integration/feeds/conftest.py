"""A consumer and a writer for all feeds of a module: each test has PLCs of its own."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.harness.redis import EmbeddedRedis
from tests.integration.feeds.producer import Producer
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


@pytest.fixture(scope="module")
def producer(pipeline: Pipeline) -> Iterator[Producer]:
    """The user of deploy/redis/producer.acl, for the module's namespace."""
    rights = Path("deploy/redis/producer.acl").read_text("utf-8").split()[2:]
    name, password = f"producer-{pipeline.keys.namespace}", secrets.token_hex(8)
    own = [part.replace("{tagpipe}", f"{{{pipeline.keys.namespace}}}") for part in rights]
    pipeline.link.command("ACL", "SETUSER", name, *own, f">{password}")
    url = pipeline.environment["REDIS_URL"].replace("redis://", f"redis://{name}:{password}@")
    yield Producer(name, password, url)
    pipeline.link.command("ACL", "DELUSER", name)
