"""Faults take long: one kind of Redis server is enough for them."""

from collections.abc import Iterator

import pytest

from sandbox.harness.redis import EmbeddedRedis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """The wheel's server; tests share it and keep apart by their namespaces."""
    with EmbeddedRedis() as server:
        yield server
