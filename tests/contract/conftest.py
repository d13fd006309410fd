"""A monitor that wants a token, for the tests of a module."""

import pytest
from fastapi import FastAPI

from tests.contract.asking import TOKEN, monitor


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """A monitor that wants a token."""
    return monitor(monitor_api_token=TOKEN)
