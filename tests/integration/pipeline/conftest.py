"""What several tests of the whole pipeline start from."""

from collections.abc import Iterator

import pytest

from sandbox.harness.redis import EmbeddedRedis


@pytest.fixture
def two_servers() -> Iterator[list[EmbeddedRedis]]:
    with EmbeddedRedis() as first, EmbeddedRedis() as second:
        yield [first, second]
