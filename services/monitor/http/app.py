"""The web application, made of its edges."""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response

from services.monitor.api import acting, failures, routes
from services.monitor.api.answers.schemas import Error
from services.monitor.api.stream import Stream
from services.monitor.api.whole import Whole
from services.monitor.dashboard import pages
from services.monitor.dashboard.pages import Dashboard
from services.monitor.http import login
from services.monitor.http.answer_cache import AnswerCache
from services.monitor.http.gate import Gate
from services.monitor.http.guard import HEADERS, NOT_KEPT, Guard
from services.monitor.http.head import AnswerHead
from services.monitor.http.hosts import AllowedHosts
from services.monitor.settings import MonitorSettings
from shared import __version__
from shared.acting.board import Board

_DESCRIPTION = """
State of the pipeline that brings PLC tag values into Oracle. Everything is read from Redis, once every half second
for all clients. Units stand in the names (`_ms`, `_seconds`, `_pct`, `_bytes`) or in the description.
Every failure answers `{"error": CODE, "message": ..., "details": ...}`; while Redis is away that is a 503.
If MONITOR_API_TOKEN is set, every path but `/livez` wants `Authorization: Bearer <token>`; what changes something wants
MONITOR_OPERATOR_TOKEN in its place.
"""

_UNAUTHORIZED: dict[int | str, dict[str, Any]] = {401: {"model": Error, "description": "The token is missing or wrong"}}


def create_app(newest: Whole, settings: MonitorSettings, boards: Sequence[Board] = ()) -> FastAPI:
    """Return the application; whoever runs it publishes states and sets `app.state.closing` at the end.

    boards: where people's actions are asked for, one for each partition.
    """
    # Without the interactive pages: they load their scripts from elsewhere, and a plant's network has no elsewhere.
    app = FastAPI(
        title="tagpipe monitor",
        version=__version__,
        description=_DESCRIPTION.strip(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=_UNAUTHORIZED if settings.monitor_api_token else None,
        generate_unique_id_function=lambda route: route.name,
        exception_handlers={**failures.HANDLERS, Exception: _bug},
    )
    app.state.newest = newest
    app.state.boards = boards
    app.state.settings = settings
    #: Set when the server stops: open streams would hold it up.
    closing = app.state.closing = asyncio.Event()
    app.state.stream = Stream(newest, settings, closing)
    app.state.dashboard = Dashboard(newest, settings, closing)
    app.state.gate = Gate(settings.current_api_token, settings.current_operator_token)
    app.include_router(routes.router)
    app.include_router(acting.router)
    app.include_router(pages.router)
    app.include_router(login.router)
    # The last one added is the first to be asked.
    app.add_middleware(AnswerCache, newest=newest)
    app.add_middleware(AnswerHead)
    hosts = AllowedHosts(settings.allowed_hosts, is_open=settings.monitor_api_token is None)
    app.add_middleware(Guard, gate=app.state.gate, hosts=hosts)
    return app


async def _bug(_request: Request, _error: Exception) -> Response:
    # The server logs the traceback; the client gets none. It stands before the guard, which else adds the headers.
    error = Error(error="INTERNAL_ERROR", message="A fault of the monitor; its log tells more")
    return failures.failure_response(500, error, {**HEADERS, **NOT_KEPT})
