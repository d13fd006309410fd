"""What deploy/feeds/package-lock.json pins, in a cache outside the tree; skips the test where it can't be had."""

from pathlib import Path

import pytest

from sandbox.npm import NodeUnavailableError, npm_install
from tests.integration.feeds.feeds import FEEDS


def installed() -> Path:
    """Return the directory that holds `node_modules`."""
    try:
        return npm_install("feeds", FEEDS)
    except NodeUnavailableError as error:
        pytest.skip(str(error))
