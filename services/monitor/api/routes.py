"""The paths of the API. Each takes the newest state and answers what one function makes of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.sse import EventSourceResponse

from services.monitor.api.answers import current, listings, prometheus, schemas, tags
from services.monitor.api.answers import losses as losses_answer
from services.monitor.api.answers import rejections as rejected_answers
from services.monitor.api.answers.history import MINUTES_KEPT, History
from services.monitor.api.answers.history import history as make_history
from services.monitor.api.roles import AnyVisitor, Role, is_still_admitted
from services.monitor.api.state import State
from services.monitor.api.stream import Stream
from services.monitor.api.whole import Whole
from services.monitor.assess.alert_kinds import Status
from services.monitor.assess.assessment import Assessment
from services.monitor.assess.humanize import moment
from services.monitor.read.overview import EVENTS_READ, Overview
from services.monitor.settings import MonitorSettings

_Responses = dict[int | str, dict[str, Any]]
_ASKED: _Responses = {
    404: {"model": schemas.Error, "description": "There is no such partition"},
    422: {"model": schemas.Error, "description": "A parameter is out of its range"},
}
AWAY: _Responses = {**_ASKED, 503: {"model": schemas.Error, "description": "Redis can't be read"}}
_UNHEALTHY: _Responses = {
    **_ASKED,
    503: {"model": schemas.BufferHealth | schemas.Error, "description": "Unhealthy, or Redis can't be read"},
}

router = APIRouter()


def of_app(name: str) -> Any:
    """Return what a path depends on that takes what the application has under a name."""

    # Asynchronous, as all of them: FastAPI would run others in threads, one hop each.
    async def found(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(found)


AllPartitions = Annotated[Whole, of_app("newest")]
Settings = Annotated[MonitorSettings, of_app("settings")]


async def _newest(
    whole: AllPartitions,
    partition: Annotated[
        int | None, Query(ge=0, description="Only this one, where there are several; else all of them together")
    ] = None,
) -> Whole:
    if partition is None:
        return whole
    if partition >= len(whole.partitions):
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There are {len(whole.partitions)} partitions, from 0")
    return whole.only(partition)


async def _state(newest: Annotated[Whole, Depends(_newest)]) -> State:
    return await newest.settled()


async def _assessment(state: Annotated[State, Depends(_state)]) -> Assessment:
    return state.fresh()


async def _overview(assessment: Annotated[Assessment, Depends(_assessment)]) -> Overview:
    return assessment.overview


#: What paths are made of: the state whatever it is, or what there is only while it is fresh (else a 503).
AnyState = Annotated[State, Depends(_state)]
Fresh = Annotated[Assessment, Depends(_assessment)]
FreshOverview = Annotated[Overview, Depends(_overview)]
Limit = Annotated[int, Query(ge=1, le=EVENTS_READ, description="How many at most", examples=[50])]


#: A file, and failures as everywhere.
_CSV: _Responses = {**AWAY, 200: {"description": "The file", "content": {"text/csv": {"schema": {"type": "string"}}}}}


Code = Annotated[str | None, Query(max_length=50, description="Only this code", examples=["ORA-12899"])]
ForSpreadsheet = Annotated[
    bool, Query(description="Formulas begin with an apostrophe, so that no spreadsheet runs them; else cells are exact")
]


@router.get("/livez", tags=["process"])
async def livez() -> schemas.Alive:
    """Tell that the process runs, whatever Redis does."""
    return schemas.Alive()


@router.get("/readyz", tags=["process"], responses=AWAY)
async def readyz(newest: Annotated[Whole, Depends(_newest)], _fresh: Fresh) -> schemas.Ready:
    """Tell that Redis answers; 503 while it does not."""
    return schemas.Ready(age_seconds=newest.age_s)


@router.get("/api/session", tags=["process"])
async def session(asker: AnyVisitor, settings: Settings) -> schemas.Session:
    """Who asks, and whether they may act."""
    return schemas.Session(
        role=asker.role, may_act=asker.role is Role.OPERATOR, has_operators=settings.monitor_operator_token is not None
    )


@router.get("/api/buffer/status", tags=["buffer"], responses=AWAY)
async def buffer_status(overview: FreshOverview, settings: Settings) -> schemas.BufferStatus:
    """Size, capacity and totals of the buffer."""
    return current.buffer_status(overview, settings)


@router.get("/api/ledger", tags=["buffer"], responses=AWAY)
async def ledger(overview: FreshOverview) -> schemas.Ledger:
    """Where every value that was ever pushed is, and whether that balances."""
    return current.ledger(overview)


@router.get("/api/buffer/writer/metrics", tags=["writer"], responses=AWAY)
async def writer_metrics(overview: FreshOverview) -> schemas.WriterMetrics:
    """What the writers did: totals, and averages and percentiles over the last 5 minutes."""
    return current.writer_metrics(overview)


@router.get("/api/buffer/metrics", tags=["buffer"], responses=AWAY)
async def buffer_metrics(overview: FreshOverview, settings: Settings) -> schemas.BufferMetrics:
    """Buffer, writers and backup in one answer."""
    return current.buffer_metrics(overview, settings)


@router.get("/api/buffer/health", tags=["buffer"], responses=_UNHEALTHY)
async def buffer_health(assessment: Fresh, response: Response) -> schemas.BufferHealth:
    """Is the pipeline well, and if not, why; status 503 when unhealthy."""
    health = current.buffer_health(assessment)
    if health.status is Status.UNHEALTHY:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return health


@router.get("/api/polling/status", tags=["polling"], response_model=listings.PollingStatus, responses=AWAY)
async def polling_status(overview: FreshOverview) -> Response:
    """Every polling group of every PLC: mode, interval, last poll, values, errors."""
    # Encoded here, and elsewhere than where all requests wait: there may be thousands, and to validate them again
    # would hold up everybody else.
    return await asyncio.to_thread(_encoded, current.polling_status, overview)


def _encoded(make: Callable[..., schemas.Answer], *made_of: Any) -> Response:
    return Response(make(*made_of).model_dump_json(), media_type="application/json")


ListLimit = Annotated[int, Query(ge=1, le=tags.MAX_LISTED, description="How many at most", examples=[50])]


@router.get("/api/tags", tags=["polling"], response_model=tags.LastValues, responses=AWAY)
async def last_values(
    overview: FreshOverview,
    settings: Settings,
    search: Annotated[
        str, Query(max_length=200, description="Words that the name must have, in any case", examples=["plc01 d100"])
    ] = "",
    plc: Annotated[str | None, Query(max_length=300, description="Only this PLC", examples=["PLC01"])] = None,
    limit: ListLimit = tags.USUALLY_LISTED,
) -> Response:
    """The last value of each tag that was seen, by name; some seconds old."""
    return await asyncio.to_thread(_encoded, tags.last_values, overview, settings.source_zone, search, plc, limit)


@router.get("/api/plcs", tags=["polling"], response_model=tags.Plcs, responses=AWAY)
async def plcs(overview: FreshOverview, settings: Settings, limit: ListLimit = tags.MAX_LISTED) -> Response:
    """Each PLC in short: how many tags, how many of them BAD, how old its newest value is."""
    return await asyncio.to_thread(_encoded, tags.plcs, overview, settings.source_zone, limit)


@router.get("/api/services", tags=["process"], responses=AWAY)
async def services(overview: FreshOverview) -> listings.Services:
    """Every process that lives, and those lost in the last 24 hours."""
    return current.services(overview)


@router.get("/api/backups", tags=["writer"], response_model=listings.Backups, responses=AWAY)
async def backups(overview: FreshOverview) -> Response:
    """The CSV files that writers wrote, and how many wait for `recover`."""
    return await asyncio.to_thread(_encoded, current.backups, overview)


@router.get("/api/losses", tags=["buffer"], responses=AWAY)
async def losses(overview: FreshOverview) -> losses_answer.Losses:
    """What was lost and nobody has acknowledged, with the times and tags; and who acknowledged last."""
    return losses_answer.losses(overview)


@router.get("/api/rejections", tags=["rejections"], response_model=rejected_answers.Rejections, responses=AWAY)
async def rejections(overview: FreshOverview) -> Response:
    """Rows, messages and tags that were rejected: how many by code, exactly, and the newest of each with its reason."""
    return await asyncio.to_thread(_encoded, rejected_answers.rejections, overview)


@router.get("/api/rejections/rows.csv", tags=["rejections"], response_class=Response, responses=_CSV)
async def rejected_rows(overview: FreshOverview, code: Code = None, spreadsheet: ForSpreadsheet = False) -> Response:
    """The rejected rows that are kept here, in the form of a rejected_*.csv."""
    return await asyncio.to_thread(_download, rejected_answers.rows_csv, overview, code, spreadsheet)


@router.get("/api/rejections/messages.csv", tags=["rejections"], response_class=Response, responses=_CSV)
async def rejected_messages(
    overview: FreshOverview, code: Code = None, spreadsheet: ForSpreadsheet = False
) -> Response:
    """The rejected messages and tags that are kept here, with their reasons."""
    return await asyncio.to_thread(_download, rejected_answers.messages_csv, overview, code, spreadsheet)


def _download(make: Callable[..., bytes], overview: Overview, code: str | None, spreadsheet: bool) -> Response:
    kind = "rejected" if make is rejected_answers.rows_csv else "rejected_messages"
    name = f"{kind}_{moment(overview.taken_at):%Y%m%d_%H%M%S}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(make(overview, code, spreadsheet=spreadsheet), media_type="text/csv", headers=headers)


@router.get("/api/partitions", tags=["process"], responses=_ASKED)
async def partitions(state: AnyState) -> listings.Partitions:
    """The partitions at a glance: which is away, and how each is."""
    return listings.Partitions(partitions=current.partitions(state))


@router.get("/api/events", tags=["process"], responses=AWAY)
async def events(
    overview: FreshOverview,
    limit: Limit = 50,
    kind: Annotated[str | None, Query(max_length=50, description="Only this kind", examples=["overflow"])] = None,
) -> listings.Events:
    """What happened last, newest first."""
    return current.events(overview, limit, kind)


@router.get("/api/overflows", tags=["buffer"], responses=AWAY)
async def overflows(overview: FreshOverview, limit: Limit = 50) -> listings.Overflows:
    """The overflow episodes: when, how many values, of which tags and times."""
    return current.overflows(overview, limit)


@router.get("/api/alerts", tags=["process"], responses=_ASKED)
async def alerts(state: AnyState) -> listings.Alerts:
    """What is wrong now, since when, and what to do; while Redis is away that, and the last known."""
    found = [listings.AlertEntry.of(alert) for alert in state.alerts]
    return listings.Alerts(stale=state.failure is not None, alerts=found)


@router.get("/api/history", tags=["buffer"], response_model=History, responses=AWAY)
async def history(
    overview: FreshOverview,
    minutes: Annotated[int, Query(ge=1, le=MINUTES_KEPT, description="How far back", examples=[60])] = 60,
) -> Response:
    """The last hour, ten seconds a point: what came in, what became of it, depth, latency and lag."""
    # Encoded here: to validate hundreds of points again would hold up everybody else.
    return Response(make_history(overview, minutes).model_dump_json(), media_type="application/json")


@router.get("/metrics", tags=["process"], response_class=PlainTextResponse)
async def metrics(whole: AllPartitions, settings: Settings) -> Response:
    """Everything for Prometheus; while Redis is away only `tagpipe_redis_up 0`."""
    return Response(prometheus.metrics(await whole.settled(), settings), media_type=prometheus.CONTENT_TYPE)


@router.get("/api/stream", tags=["stream"], response_class=EventSourceResponse)
async def stream(
    request: Request, source: Annotated[Stream, of_app("stream")]
) -> AsyncIterator[listings.StreamSnapshot]:
    """Everything above once a second, as server-sent events; while Redis is away the last known, marked as stale."""
    async for event in source.events():
        if not is_still_admitted(request):
            return
        # Encoded once for all clients; the annotation is what the documentation is made of.
        yield event  # type: ignore[misc]
