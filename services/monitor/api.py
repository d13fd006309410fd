"""The paths of the API. Each takes the newest overview and answers what one function makes of it."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.sse import EventSourceResponse

from services.monitor import answers, listings, schemas
from services.monitor.feed import Feed
from services.monitor.health import Status
from services.monitor.reader import EVENTS_READ, Overview
from services.monitor.settings import MonitorSettings
from services.monitor.stream import Stream

_AWAY: dict[int | str, dict[str, Any]] = {503: {"model": schemas.Error, "description": "Redis can't be read"}}
_UNHEALTHY: dict[int | str, dict[str, Any]] = {
    503: {"model": schemas.BufferHealth | schemas.Error, "description": "Unhealthy, or Redis can't be read"}
}
_LIMITED: dict[int | str, dict[str, Any]] = {
    **_AWAY,
    422: {"model": schemas.Error, "description": "A parameter is out of its range"},
}

router = APIRouter()


async def _fresh(request: Request) -> Overview:
    feed: Feed = request.app.state.feed
    return await feed.fresh()


def _settings(request: Request) -> MonitorSettings:
    settings: MonitorSettings = request.app.state.settings
    return settings


Now = Annotated[Overview, Depends(_fresh)]
Settings = Annotated[MonitorSettings, Depends(_settings)]
Limit = Annotated[int, Query(ge=1, le=EVENTS_READ, description="How many at most", examples=[50])]


@router.get("/livez", tags=["process"])
async def livez() -> schemas.Alive:
    """Tell that the process runs, whatever Redis does."""
    return schemas.Alive()


@router.get("/readyz", tags=["process"], responses=_AWAY)
async def readyz(request: Request, _now: Now) -> schemas.Ready:
    """Tell that Redis answers; 503 while it does not."""
    return schemas.Ready(age_seconds=request.app.state.feed.age_s)


@router.get("/api/buffer/status", tags=["buffer"], responses=_AWAY)
async def buffer_status(now: Now, settings: Settings) -> schemas.BufferStatus:
    """Size, capacity and totals of the buffer."""
    return answers.buffer_status(now, settings)


@router.get("/api/ledger", tags=["buffer"], responses=_AWAY)
async def ledger(now: Now) -> schemas.Ledger:
    """Where every value that was ever pushed is, and whether that balances."""
    return answers.ledger(now)


@router.get("/api/buffer/writer/metrics", tags=["writer"], responses=_AWAY)
async def writer_metrics(now: Now) -> schemas.WriterMetrics:
    """What the writers did: totals, and averages and percentiles over the last 5 minutes."""
    return answers.writer_metrics(now)


@router.get("/api/buffer/metrics", tags=["buffer"], responses=_AWAY)
async def buffer_metrics(now: Now, settings: Settings) -> schemas.BufferMetrics:
    """Buffer, writers and backup in one answer."""
    return answers.buffer_metrics(now, settings)


@router.get("/api/buffer/health", tags=["buffer"], responses=_UNHEALTHY)
async def buffer_health(now: Now, settings: Settings, response: Response) -> schemas.BufferHealth:
    """Is the pipeline well, and if not, why; status 503 when unhealthy."""
    health = answers.buffer_health(now, settings)
    if health.status is Status.UNHEALTHY:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return health


@router.get("/api/polling/status", tags=["polling"], responses=_AWAY)
async def polling_status(now: Now) -> listings.PollingStatus:
    """Every polling group of every PLC: mode, interval, last poll, values, errors."""
    return answers.polling_status(now)


@router.get("/api/services", tags=["process"], responses=_AWAY)
async def services(now: Now) -> listings.Services:
    """Every process that lives, and those lost in the last 24 hours."""
    return answers.services(now)


@router.get("/api/backups", tags=["writer"], responses=_AWAY)
async def backups(now: Now) -> listings.Backups:
    """The CSV files that writers wrote, and how many wait for `recover`."""
    return answers.backups(now)


@router.get("/api/events", tags=["process"], responses=_LIMITED)
async def events(
    now: Now,
    limit: Limit = 50,
    kind: Annotated[str | None, Query(max_length=50, description="Only this kind", examples=["overflow"])] = None,
) -> listings.Events:
    """What happened last, newest first."""
    return answers.events(now, limit, kind)


@router.get("/api/overflows", tags=["buffer"], responses=_LIMITED)
async def overflows(now: Now, limit: Limit = 50) -> listings.Overflows:
    """The overflow episodes: when, how many values, of which tags and times."""
    return answers.overflows(now, limit)


@router.get("/api/stream", tags=["stream"], response_class=EventSourceResponse)
async def stream(request: Request) -> AsyncIterator[listings.StreamSnapshot]:
    """Everything above once a second, as server-sent events; while Redis is away the last known, marked as stale."""
    source: Stream = request.app.state.stream
    async for snapshot in source.snapshots():
        yield snapshot
