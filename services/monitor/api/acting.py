"""The paths by which people act: what is asked for goes on the board, and the owner of the thing does it."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from secrets import token_hex
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Depends, HTTPException, Path, Query, Response

from services.monitor.api import asking
from services.monitor.api.answers import schemas
from services.monitor.api.answers.actions import (
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
from services.monitor.api.routes import AWAY, AllPartitions, FreshOverview, of_app
from services.monitor.api.state import Blame, Failure, NotFreshError
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

R = TypeVar("R", bound=Request)

router = APIRouter(tags=["actions"])


async def _everything(whole: AllPartitions) -> Overview:
    return (await whole.settled()).fresh().overview


Everything = Annotated[Overview, Depends(_everything)]
Boards = Annotated[Sequence[Board], of_app("boards")]


class _Desk:
    """Where somebody asks who may act: for all partitions; which one is meant stands in the body."""

    def __init__(self, overview: Everything, asker: Operator, boards: Boards, response: Response) -> None:
        self._overview = overview
        self._asker = str(asker)
        self._boards = boards
        self._response = response

    async def ask(self, make: Callable[[R, Overview], list[Wanted]], body: R) -> Asked:
        """Ask for the actions, at least one, that `make` makes of a body; 200 where all of them are open already.

        Raises: HTTPException: 409, it is refused; 503, too many are open. NotFreshError: Redis is away.
        """
        away = self._away(body.partition)
        try:
            wanted = make(body, self._overview)
        except RefusedRequestError as error:
            unknown = (
                f"; the Redis of partition {', '.join(map(str, away))} is away, nobody knows of that" if away else ""
            )
            raise HTTPException(HTTPStatus.CONFLICT, f"{error}{unknown}") from error
        asked = [await _in_redis(_ask, self._boards[each.partition], each, self._asker) for each in wanted]
        if not any(is_new for _, is_new in asked):
            self._response.status_code = HTTPStatus.OK
        numbers = [each.partition if len(self._boards) > 1 else None for each in wanted]
        entries = [
            ActionEntry.of(KnownAction(action, number)) for (action, _), number in zip(asked, numbers, strict=True)
        ]
        return Asked(**entries[0].model_dump(), others=entries[1:], partitions_away=away)

    def _away(self, only: int | None) -> list[int]:
        """Return the partitions of which nothing can be asked, of those that are meant."""
        return [number for number in range(len(self._boards)) if number not in self._overview.parts and only is None]


Desk = Annotated[_Desk, Depends()]


@router.get("/api/actions", responses=AWAY)
async def actions(
    overview: FreshOverview,
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most", examples=[50])] = 50,
) -> Actions:
    """The actions that are open, and those that ended last, newest first."""
    return Actions(items=[ActionEntry.of(known) for known in overview.actions[:limit]])


@router.post("/api/actions/recover", status_code=202, responses=_REFUSED)
async def recover(body: Annotated[RecoverRequest, Body(default_factory=RecoverRequest)], desk: Desk) -> Asked:
    """Put backup files into the table: all that wait, or one."""
    return await desk.ask(asking.recover, body)


@router.post("/api/actions/pause", status_code=202, responses=_REFUSED)
async def pause(body: ServiceRequest, desk: Desk) -> Asked:
    """Let writers or consumers give back what they hold and take nothing up until they are resumed."""
    return await desk.ask(partial(asking.of_each, ActionKind.PAUSE), body)


@router.post("/api/actions/resume", status_code=202, responses=_REFUSED)
async def resume(body: ServiceRequest, desk: Desk) -> Asked:
    """Let paused writers or consumers go on."""
    return await desk.ask(partial(asking.of_each, ActionKind.RESUME), body)


@router.post("/api/actions/forget_group", status_code=202, responses=_REFUSED)
async def forget_group(body: ForgetGroupRequest, desk: Desk) -> Asked:
    """Forget a polling group that is gone, so that nobody is told of its silence."""
    return await desk.ask(asking.forget_group, body)


@router.post("/api/actions/forget_service", status_code=202, responses=_REFUSED)
async def forget_service(body: ForgetServiceRequest, desk: Desk) -> Asked:
    """Forget a process that is dead, so that it is no longer listed as lost."""
    return await desk.ask(asking.forget_service, body)


@router.post("/api/actions/retry_messages", status_code=202, responses=_REFUSED)
async def retry_messages(body: Annotated[MessagesRequest, Body(default_factory=MessagesRequest)], desk: Desk) -> Asked:
    """Put rejected messages and tags back on the DataQueue, the oldest first: all, or those of some codes or ids."""
    return await desk.ask(partial(asking.messages, ActionKind.RETRY_MESSAGES), body)


@router.post("/api/actions/drop_messages", status_code=202, responses=_REFUSED)
async def drop_messages(body: Annotated[MessagesRequest, Body(default_factory=MessagesRequest)], desk: Desk) -> Asked:
    """Drop rejected messages and tags, counted: all, or those of some codes or ids."""
    return await desk.ask(partial(asking.messages, ActionKind.DROP_MESSAGES), body)


@router.post("/api/actions/retry_rejected_file", status_code=202, responses=_REFUSED)
async def retry_rejected_file(body: RetryRejectedFileRequest, desk: Desk) -> Asked:
    """Put the rows of a rejected file into the table, all or some; what is refused again is in a new file."""
    return await desk.ask(partial(asking.rejected_file, ActionKind.RETRY_REJECTED_FILE), body)


@router.post("/api/actions/set_aside_rejected_file", status_code=202, responses=_REFUSED)
async def set_aside_rejected_file(body: RejectedFileRequest, desk: Desk) -> Asked:
    """Put a rejected file, or some of its rows, into BACKUP_DIR/set_aside, where they wait for nobody."""
    return await desk.ask(partial(asking.rejected_file, ActionKind.SET_ASIDE_REJECTED_FILE), body)


@router.post("/api/actions/acknowledge", status_code=202, responses=_REFUSED)
async def acknowledge(body: Annotated[Request, Body(default_factory=Request)], desk: Desk) -> Asked:
    """Say that the losses that `/api/losses` tells now are known; what is lost from now on is told again."""
    return await desk.ask(asking.acknowledge, body)


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
