"""The paths by which people act: what is asked for goes on the board, and the owner of the thing does it."""

import asyncio
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from secrets import token_hex
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException, Path, Query, Response
from fastapi import Request as HttpRequest

from services.monitor.api import asking, schemas
from services.monitor.api.actions import (
    ActionEntry,
    Actions,
    Asked,
    ForgetGroupRequest,
    ForgetServiceRequest,
    MessagesRequest,
    RecoverRequest,
    RejectedFileRequest,
    Request,
    RetryRejectedFileRequest,
    ServiceRequest,
)
from services.monitor.api.asking import RefusedRequestError, Wanted
from services.monitor.api.roles import Operator
from services.monitor.api.routes import AWAY, FreshOverview
from services.monitor.api.state import Blame, Failure, NotFreshError
from services.monitor.api.whole import Whole
from services.monitor.read.overview import KnownAction, Overview
from shared.acting.board import ActionTooLargeError, Board, TooManyActionsError
from shared.errors import RedisUnavailableError
from shared.records.actions import Action, ActionKind

_REFUSED: dict[int | str, dict[str, Any]] = {
    200: {"model": Asked, "description": "The same is open already: that one"},
    400: {"model": schemas.Error, "description": "What was posted is no text"},
    403: {"model": schemas.Error, "description": "Who asks may not act"},
    409: {"model": schemas.Error, "description": "There is nothing to do, or it may not be done"},
    422: {"model": schemas.Error, "description": "The request can't be understood"},
    503: {"model": schemas.Error, "description": "Redis can't be reached, or too many actions are open"},
}

router = APIRouter(tags=["actions"])


async def _boards(request: HttpRequest) -> Sequence[Board]:
    boards: Sequence[Board] = request.app.state.boards
    return boards


async def _everything(request: HttpRequest) -> Overview:
    newest: Whole = request.app.state.newest
    return (await newest.settled()).fresh().overview


#: Of all partitions: which one is meant stands in the body.
Everything = Annotated[Overview, Depends(_everything)]
Boards = Annotated[Sequence[Board], Depends(_boards)]


@router.get("/api/actions", responses=AWAY)
async def actions(
    overview: FreshOverview,
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most", examples=[50])] = 50,
) -> Actions:
    """The actions that are open, and those that ended last, newest first."""
    return Actions(items=[ActionEntry.of(known) for known in overview.actions[:limit]])


@router.post("/api/actions/recover", status_code=202, responses=_REFUSED)
async def recover(
    body: Annotated[RecoverRequest, Body(default_factory=RecoverRequest)],
    overview: Everything,
    asker: Operator,
    boards: Boards,
    response: Response,
) -> Asked:
    """Put backup files into the table: all that wait, or one."""
    return await ask(boards, _wanted(asking.recover, body, overview), str(asker), response)


@router.post("/api/actions/pause", status_code=202, responses=_REFUSED)
async def pause(
    body: ServiceRequest, overview: Everything, asker: Operator, boards: Boards, response: Response
) -> Asked:
    """Let writers or consumers give back what they hold and take nothing up until they are resumed."""
    return await ask(boards, _wanted(asking.pause, body, overview), str(asker), response)


@router.post("/api/actions/resume", status_code=202, responses=_REFUSED)
async def resume(
    body: ServiceRequest, overview: Everything, asker: Operator, boards: Boards, response: Response
) -> Asked:
    """Let paused writers or consumers go on."""
    return await ask(boards, _wanted(asking.resume, body, overview), str(asker), response)


@router.post("/api/actions/forget_group", status_code=202, responses=_REFUSED)
async def forget_group(
    body: ForgetGroupRequest, overview: Everything, asker: Operator, boards: Boards, response: Response
) -> Asked:
    """Forget a polling group that is gone, so that nobody is told of its silence."""
    return await ask(boards, _wanted(asking.forget_group, body, overview), str(asker), response)


@router.post("/api/actions/forget_service", status_code=202, responses=_REFUSED)
async def forget_service(
    body: ForgetServiceRequest, overview: Everything, asker: Operator, boards: Boards, response: Response
) -> Asked:
    """Forget a process that is dead, so that it is no longer listed as lost."""
    return await ask(boards, _wanted(asking.forget_service, body, overview), str(asker), response)


@router.post("/api/actions/retry_messages", status_code=202, responses=_REFUSED)
async def retry_messages(
    body: Annotated[MessagesRequest, Body(default_factory=MessagesRequest)],
    overview: Everything,
    asker: Operator,
    boards: Boards,
    response: Response,
) -> Asked:
    """Put rejected messages and tags back on the DataQueue, the oldest first: all, or those of some codes or ids."""
    wanted = _wanted(partial(asking.messages, ActionKind.RETRY_MESSAGES), body, overview)
    return await ask(boards, wanted, str(asker), response)


@router.post("/api/actions/drop_messages", status_code=202, responses=_REFUSED)
async def drop_messages(
    body: Annotated[MessagesRequest, Body(default_factory=MessagesRequest)],
    overview: Everything,
    asker: Operator,
    boards: Boards,
    response: Response,
) -> Asked:
    """Drop rejected messages and tags, counted: all, or those of some codes or ids."""
    wanted = _wanted(partial(asking.messages, ActionKind.DROP_MESSAGES), body, overview)
    return await ask(boards, wanted, str(asker), response)


@router.post("/api/actions/retry_rejected_file", status_code=202, responses=_REFUSED)
async def retry_rejected_file(
    body: RetryRejectedFileRequest, overview: Everything, asker: Operator, boards: Boards, response: Response
) -> Asked:
    """Put the rows of a rejected file into the table, all or some; what is refused again is in a new file."""
    wanted = _wanted(partial(asking.rejected_file, ActionKind.RETRY_REJECTED_FILE), body, overview)
    return await ask(boards, wanted, str(asker), response)


@router.post("/api/actions/set_aside_rejected_file", status_code=202, responses=_REFUSED)
async def set_aside_rejected_file(
    body: RejectedFileRequest, overview: Everything, asker: Operator, boards: Boards, response: Response
) -> Asked:
    """Put a rejected file, or some of its rows, into BACKUP_DIR/set_aside, where they wait for nobody."""
    wanted = _wanted(partial(asking.rejected_file, ActionKind.SET_ASIDE_REJECTED_FILE), body, overview)
    return await ask(boards, wanted, str(asker), response)


@router.post("/api/actions/acknowledge", status_code=202, responses=_REFUSED)
async def acknowledge(
    body: Annotated[Request, Body(default_factory=Request)],
    overview: Everything,
    asker: Operator,
    boards: Boards,
    response: Response,
) -> Asked:
    """Say that the losses that `/api/losses` tells now are known; what is lost from now on is told again."""
    return await ask(boards, _wanted(asking.acknowledge, body, overview), str(asker), response)


@router.post("/api/actions/{id}/stop", status_code=202, responses=_REFUSED)
async def stop(
    id_: Annotated[str, Path(alias="id", max_length=100, description="Its `id`")], asker: Operator, boards: Boards
) -> ActionEntry:
    """Let an open action stop; what it has done stays done."""
    for number, board in enumerate(boards):
        action = await _in_redis(board.stop, id_, str(asker))
        if action is not None:
            return ActionEntry.of(KnownAction(action, number if len(boards) > 1 else None))
    raise HTTPException(HTTPStatus.CONFLICT, "No open action has this id; /api/actions lists those that ended")


def _wanted(make: Any, body: Any, overview: Overview) -> list[Wanted]:
    try:
        wanted: list[Wanted] = make(body, overview)
    except RefusedRequestError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from error
    return wanted


async def ask(boards: Sequence[Board], wanted: Sequence[Wanted], asker: str, response: Response) -> Asked:
    """Ask for actions, at least one; status 200 in place of 202 where all of them are open already."""
    first, *others = [await _in_redis(_ask, boards[each.partition], each, asker) for each in wanted]
    if not any(is_new for _, is_new in (first, *others)):
        response.status_code = HTTPStatus.OK
    numbers = [each.partition if len(boards) > 1 else None for each in wanted]
    entries = [
        ActionEntry.of(KnownAction(action, number))
        for (action, _), number in zip((first, *others), numbers, strict=True)
    ]
    return Asked(**entries[0].model_dump(), others=entries[1:])


def _ask(board: Board, wanted: Wanted, asker: str) -> tuple[Action, bool]:
    action = Action(
        id=token_hex(8),
        kind=wanted.kind,
        target=wanted.target,
        place=wanted.place,
        options=dict(wanted.options),
        asked_by=asker,
        asked_at=board.now(),
    )
    return board.ask(action)


async def _in_redis(call: Any, *args: Any) -> Any:
    try:
        return await asyncio.to_thread(call, *args)
    except RedisUnavailableError as error:
        raise NotFreshError(Failure(Blame.REDIS, str(error))) from error
    except ActionTooLargeError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from error
    except TooManyActionsError as error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
