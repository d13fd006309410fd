"""A monitor over the tests' Redis, and a pipeline by hand: for those that need no other."""

from collections.abc import Iterator

import pytest

from sandbox.harness.redis import EmbeddedRedis
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.monitor.monitors import Monitor, Pipeline, monitor_in_a_thread


@pytest.fixture
def monitor(redis_server: EmbeddedRedis, namespace: str) -> Iterator[Monitor]:
    with monitor_in_a_thread(redis_server.url, namespace) as monitor:
        yield monitor


@pytest.fixture
def pipeline(link: RedisLink, keys: Keys) -> Iterator[Pipeline]:
    pipeline = Pipeline(link, keys)
    yield pipeline
    pipeline.close()
