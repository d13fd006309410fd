"""Who asks, and who may act: readers see all that there is, operators may have something done as well."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from services.monitor.settings import MonitorSettings

#: What a browser's own script sends with an action; a form on another site can't, and a script there has to ask first.
ACTION_HEADER, ACTION_VALUE = "X-Tagpipe-Action", "1"


class Role(StrEnum):
    """What somebody has shown."""

    OPEN = "open"  #: nothing, and nothing is asked for
    READER = "reader"  #: MONITOR_API_TOKEN
    OPERATOR = "operator"  #: MONITOR_OPERATOR_TOKEN


@dataclass(frozen=True)
class Visitor:
    """Who sends a request."""

    role: Role = Role.OPEN
    address: str = ""
    #: A cookie, which a browser sends by itself, and not a token.
    has_session: bool = False

    def __str__(self) -> str:
        """Return how events and lists name who asked, such as `operator at 10.0.0.7`."""
        return f"{self.role} at {self.address or 'a socket'}"


async def visitor(request: Request) -> Visitor:
    """Return who sends a request, as the guard found out."""
    found: Visitor = getattr(request.state, "visitor", Visitor())
    return found


def is_still_admitted(request: Request) -> bool:
    """Tell whether who sent a request that goes on may still see what it is answered with, and no less."""
    look: Callable[[], bool] = getattr(request.state, "is_still_admitted", lambda: True)
    return look()


async def may_act(request: Request, asker: Annotated[Visitor, Depends(visitor)]) -> Visitor:
    """Return who asks for an action; every path that changes something depends on this.

    Raises: HTTPException: 403, with what is missing.
    """
    settings: MonitorSettings = request.app.state.settings
    if settings.monitor_operator_token is None:
        missing = "Nobody may act here: set MONITOR_OPERATOR_TOKEN, and log in with it or send it as the Bearer token"
    elif asker.role is not Role.OPERATOR:
        missing = "Only an operator may act: log in with MONITOR_OPERATOR_TOKEN or send it as the Bearer token"
    elif asker.has_session and request.headers.get(ACTION_HEADER) != ACTION_VALUE:
        missing = f"An action of a browser needs the header `{ACTION_HEADER}: {ACTION_VALUE}`"
    else:
        return asker
    raise HTTPException(HTTPStatus.FORBIDDEN, missing)


#: What paths take: whoever asks, or who asks and may act (else a 403).
AnyVisitor = Annotated[Visitor, Depends(visitor)]
Operator = Annotated[Visitor, Depends(may_act)]
