"""Who is at the buffer."""

import pytest

from sandbox.harness.redis import EmbeddedRedis
from tests.integration.shared.queues.sides import Side, side


@pytest.fixture
def one(redis_server: EmbeddedRedis, namespace: str) -> Side:
    return side(redis_server.url, namespace, "one")


@pytest.fixture
def two(redis_server: EmbeddedRedis, namespace: str, one: Side) -> Side:
    del one
    return side(redis_server.url, namespace, "two")
