"""The pages of logging in and out."""

import asyncio
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.monitor.dashboard.pages import DASHBOARD_PATH, PAGES, static
from services.monitor.dashboard.rendering import render
from services.monitor.http.gate import COOKIE, Gate

LOGIN_PATH, LOGOUT_PATH = f"{PAGES}/login", f"{PAGES}/logout"

#: Bytes of a form that are read, and seconds in which they must have arrived.
_MAX_FORM, _FORM_ARRIVES_S = 4096, 5.0

router = APIRouter(include_in_schema=False)


@router.post(LOGIN_PATH)
async def login(request: Request) -> Response:
    """Begin a session for the token. It changes nothing in the pipeline."""
    gate: Gate = request.app.state.gate
    address = request.client.host if request.client else ""
    if gate.is_beset(address):
        return login_page(429, "Too many wrong tokens come from there; try again in a moment.")
    try:
        async with asyncio.timeout(_FORM_ARRIVES_S):
            token = await _token_in(request)
    except TimeoutError:
        return login_page(408, "The token took too long to arrive.")
    if token is None:
        return login_page(413, "That is too long for a token.")
    session = gate.begin_session(token)
    if session is None:
        async with gate.holding_back(address):
            return login_page(401, "That is not the token.")
    answer = RedirectResponse(DASHBOARD_PATH, 303)
    # Without an age: it is gone with the browser, and a session ends by itself before that.
    answer.set_cookie(COOKIE, session, path="/", secure=request.url.scheme == "https", httponly=True, samesite="strict")
    return answer


@router.post(LOGOUT_PATH)
async def logout(request: Request) -> Response:
    """End the session."""
    gate: Gate = request.app.state.gate
    gate.end_session(request.headers)
    answer = RedirectResponse(LOGIN_PATH, 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


@router.get(LOGIN_PATH)
async def ask_to_log_in() -> Response:
    """Show the form."""
    return login_page(200)


@router.get("/")
async def root() -> Response:
    """Lead to the dashboard."""
    return RedirectResponse(DASHBOARD_PATH, 307)


def login_page(status: int, refusal: str = "") -> HTMLResponse:
    """Return the form that asks for the token."""
    return HTMLResponse(render("login.html", path=LOGIN_PATH, refusal=refusal, static=static), status)


async def _token_in(request: Request) -> str | None:
    """Return the form's token; None when the form is too long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            return None
    return parse_qs(body.decode(errors="replace")).get("token", [""])[0].strip()
