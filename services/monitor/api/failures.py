"""Failures as the API answers them: one shape, never a stack trace."""

import json
import reprlib
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.monitor.api.answers.schemas import Error
from services.monitor.api.state import Blame, Failure, NotFreshError

#: Seconds after which a client may try again while Redis is away.
RETRY_AFTER_S = 1

#: Letters of what was given that an answer quotes; so it is never nested deeper than what encodes it goes.
_MAX_QUOTED = 1000

_MESSAGES = {
    Blame.REDIS: "Redis can't be read; this ends by itself once it answers again",
    Blame.MONITOR: "The monitor is behind: Redis answers, but its newest reading is too old to be shown as the present",
}


def not_fresh(failure: Failure) -> Error:
    """Return what is answered while there is nothing fresh."""
    return Error(error=failure.blame.value, message=_MESSAGES[failure.blame], details={"reason": failure.reason})


class _Failure(JSONResponse):
    """A failure quotes what it was given: half of a pair of surrogates stays what it was in the request, an escape."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def failure_response(status: int, error: Error, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a failure as a response."""
    return _Failure(dict(error), status, headers)


def _quoted(given: Any) -> Any:
    """Return what was given; its beginning where it is long, or JSON can't say it: NaN, bytes that are no text."""
    try:
        known = jsonable_encoder(given)
        is_short = len(json.dumps(known, allow_nan=False)) <= _MAX_QUOTED
    except (ValueError, RecursionError):
        is_short = False
    return known if is_short else reprlib.repr(given)


async def _not_fresh(_request: Request, error: NotFreshError) -> JSONResponse:
    return failure_response(503, not_fresh(error.failure), {"Retry-After": str(RETRY_AFTER_S)})


async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    status = HTTPStatus(error.status_code)
    message = {
        HTTPStatus.NOT_FOUND: "There is no such path; /openapi.json lists all",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not for this path",
    }.get(status, str(error.detail))
    details: dict[str, Any] = {"path": request.url.path, "method": request.method}
    return failure_response(status, Error(error=status.name, message=message, details=details), error.headers)


async def _bad_parameter(_request: Request, error: RequestValidationError) -> JSONResponse:
    faults = [
        {
            "parameter": ".".join(map(str, fault["loc"])),
            "problem": _problem(fault),
            "given": _quoted(fault.get("input")),
        }
        for fault in error.errors()
    ]
    message = "; ".join(f"{fault['parameter']}: {fault['problem']}" for fault in faults)
    return failure_response(422, Error(error="INVALID_PARAMETER", message=message, details=faults))


def _problem(fault: Mapping[str, Any]) -> str:
    # What curl sends by itself is a form; of what stands in it pydantic would say that it is no dictionary.
    if fault["loc"] == ("body",) and isinstance(fault.get("input"), str | bytes):
        return "It came without the header Content-Type: application/json"
    return str(fault["msg"])


async def _gone(_request: Request, _error: Exception) -> JSONResponse:
    # Nobody reads this; a traceback in the log would be what strangers write into it.
    return failure_response(400, Error(error="BAD_REQUEST", message="The request ended before it was whole"))


#: What gives every failure of the app the one shape; a fault of ours is answered further out.
HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    NotFreshError: _not_fresh,
    HTTPException: _http_error,
    RequestValidationError: _bad_parameter,
    ClientDisconnect: _gone,
}
