"""What a browser loads of the dashboard: the page as it is now, its style and script, and the news that follow."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.monitor.api.whole import Whole
from services.monitor.dashboard import charts
from services.monitor.dashboard.picture import Painter
from services.monitor.dashboard.rendering import render
from shared import __version__
from shared.logs import get_logger
from shared.settings import BufferSettings

#: Everything for people is below this.
PAGES = "/monitoring"
DASHBOARD_PATH = f"{PAGES}/buffer"

#: Style and script: no secrets, and their addresses hold what they are, so that browsers may keep them.
STATIC = f"{PAGES}/static/"

#: Seconds between two looks for a new picture: with the reading's own interval well below a second in all.
_NEWS_S = 0.2

_FILES = {path.name: path for path in Path(__file__).with_name("static").iterdir()}
_FINGERPRINTS = {name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for name, path in _FILES.items()}

#: Cards in the order in which they are read, before and after the charts.
_BEFORE, _AFTER = ("gauge", "flow", "writing"), ("ledger", "services", "polling", "backups", "events")

_log = get_logger()

router = APIRouter(include_in_schema=False)


def static(name: str) -> str:
    """Return the address of a style or script; another one when it changes."""
    return f"{STATIC}{_FINGERPRINTS[name]}/{name}"


class Dashboard:
    """One picture for all pages that are open."""

    def __init__(self, newest: Whole, settings: BufferSettings, closing: asyncio.Event) -> None:
        self._painter = Painter(newest, settings)
        self._closing = closing
        self._has_partitions = settings.partitions > 1

    def page(self) -> str:
        """Return the page as it is now; it needs no script to be read."""
        return render(
            "page.html",
            picture=self._painter.picture(),
            has_partitions=self._has_partitions,
            before=_BEFORE,
            after=_AFTER,
            charts=charts.CHARTS,
            ranges=charts.RANGES,
            version=__version__,
            static=static,
        )

    async def news(self) -> AsyncIterator[ServerSentEvent]:
        """Yield the whole picture, then what changes, at least once a second, until the server stops."""
        seen = -1
        while not self._closing.is_set():
            try:
                picture = self._painter.picture()
                if picture.number != seen:
                    text = picture.changes if picture.number == seen + 1 else picture.whole
                    seen = picture.number
                    yield ServerSentEvent(raw_data=text)
            except Exception:  # noqa: BLE001 - logged
                # What can't be shown now may be shown next time; the page sees that it hears nothing.
                _log.exception("the dashboard could not be drawn")
            try:
                await asyncio.wait_for(self._closing.wait(), _NEWS_S)
            except TimeoutError:
                continue


@router.get(DASHBOARD_PATH)
async def page(request: Request) -> HTMLResponse:
    """Show the dashboard."""
    dashboard: Dashboard = request.app.state.dashboard
    return HTMLResponse(dashboard.page())


@router.get(f"{PAGES}/news", response_class=EventSourceResponse)
async def news(request: Request) -> AsyncIterator[ServerSentEvent]:
    """Send what changes on the page."""
    dashboard: Dashboard = request.app.state.dashboard
    async for event in dashboard.news():
        yield event


@router.get(STATIC + "{fingerprint}/{name}")
async def file(fingerprint: str, name: str) -> FileResponse:
    """Return a style or a script."""
    if _FINGERPRINTS.get(name) != fingerprint:
        raise HTTPException(404)
    return FileResponse(_FILES[name], headers={"Cache-Control": "public, max-age=31536000, immutable"})
