"""One browser and one pipeline for all tests of a file of pages: to start them takes longer than most tests.

No longer than a file: the browser's event loop is the thread's, and no other test of it could run one of its own.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import Tab, chromium
from tests.e2e.scene import Scene


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def scene(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:  # noqa: ARG001 - it may skip
    with ExitStack() as stack:
        yield Scene(tmp_path_factory.mktemp("scene"), stack)


@pytest.fixture
def tab(scene: Scene, browser: Browser) -> Iterator[Tab]:
    """A dashboard over a pipeline that is well."""
    scene.make_well()
    tab = Tab(browser, scene.url)
    while re.search("lost|dropped", tab.shows("state", "healthy|are lost|were dropped")):
        # The test before made the scene lose values, and may do so for a while; somebody knows of it.
        scene.run("services.monitor", "acknowledge")
        tab.shows("state", "healthy|since the acknowledgement")
    yield tab
    tab.close()
