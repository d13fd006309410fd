"""What several files of this directory start and must end."""

from collections.abc import Iterator

import pytest

from tests.integration.poller.pollers import PollerProcess


@pytest.fixture
def pollers() -> Iterator[list[PollerProcess]]:
    """Pollers that are ended with the test."""
    started: list[PollerProcess] = []
    yield started
    for poller in started:
        poller.end()
