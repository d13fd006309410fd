"""What deploy/feeds/package-lock.json pins, in a cache outside the tree; skips the test where it can't be had."""

import hashlib
from pathlib import Path

import pytest

from sandbox.npm import NodeUnavailableError, npm_install
from tests.integration.feeds.feeds import FEEDS


def installed() -> Path:
    """Return the directory that holds `node_modules`."""
    files = {name: (FEEDS / name).read_text("utf-8") for name in ("package.json", "package-lock.json")}
    digest = hashlib.sha256("".join(files.values()).encode()).hexdigest()[:16]
    try:
        return npm_install(f"feeds-{digest}", files, ["ci"])
    except NodeUnavailableError as error:
        pytest.skip(str(error))
