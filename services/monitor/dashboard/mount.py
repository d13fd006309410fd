"""The dashboard on the monitor's application, and what sends news to its pages."""

import asyncio
from pathlib import Path

from fastapi import FastAPI
from nicegui import app, ui

from services.monitor.dashboard.page import Page
from services.monitor.dashboard.picture import Painter
from services.monitor.settings import MonitorSettings
from shared.logs import get_logger

#: Everything for people is below this; `/` leads there.
PAGES = "/monitoring"

#: Seconds between two looks for a new reading: with the reading's own interval well below a second in all.
_LOOK_S = 0.1

#: Pages open at the same time; each costs memory here, and a processor's while to keep up to date.
MAX_PAGES = 50

#: Seconds that a page which lost its connection has to come back before it is forgotten.
_RECONNECT_S = 10.0

_STYLE = Path(__file__).with_name("style.css")

#: An icon without a file: three bars.
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#14507d"/>'
    '<path d="M3 11h10M3 8h7M3 5h4" stroke="#fff" stroke-width="2"/></svg>'
)

_log = get_logger()


class Dashboard:
    """All open pages."""

    def __init__(self, painter: Painter, style: str) -> None:
        self._painter = painter
        self._style = style
        self._pages: set[Page] = set()

    def open(self, theme: str = "auto") -> None:
        """Build a page for the client that asks."""
        client = ui.context.client
        ui.add_head_html(f"<style>{self._style}</style>")
        if len(self._pages) >= MAX_PAGES:
            ui.label(f"{MAX_PAGES} dashboards are open already: close one, then load this page again.")
            return
        page = Page(client, self._painter.newest(), theme)
        self._pages.add(page)
        client.on_delete(lambda: self._pages.discard(page))

    async def run(self) -> None:
        """Send news to all pages until cancelled; nobody's page, no work."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                if self._pages:
                    self._send()
            except Exception:  # noqa: BLE001 - logged
                # This loop is all pages' only source: what it can't show now it may show next time.
                _log.exception("the dashboard could not be drawn")

    def _send(self) -> None:
        picture = self._painter.newest()
        for page in tuple(self._pages):
            try:
                page.show(picture)
            except Exception:  # noqa: BLE001 - one page's trouble must not keep news from the others
                _log.warning("a page could not be shown the news and is let go", exc_info=True)
                self._pages.discard(page)


def mount(monitor: FastAPI, settings: MonitorSettings) -> None:
    """Add the dashboard to the application; once a process, since NiceGUI has one application."""
    dashboard = Dashboard(Painter(monitor.state.newest, settings), _STYLE.read_text("utf-8"))
    running: set[asyncio.Task[None]] = set()

    @ui.page("/buffer")
    def buffer(theme: str = "auto") -> None:
        dashboard.open(theme)

    app.on_startup(lambda: running.add(asyncio.create_task(dashboard.run())))
    app.on_shutdown(lambda: [task.cancel() for task in running])
    app.on_exception(lambda error: _log.error(f"dashboard: {error!r}"))
    ui.run_with(
        monitor,
        mount_path=PAGES,
        title="tagpipe",
        favicon=_ICON,
        dark=None,
        language="en-US",
        binding_refresh_interval=None,
        reconnect_timeout=_RECONNECT_S,
        message_history_length=50,
        tailwind=False,
        show_welcome_message=False,
    )
