"""The pages of logging in and out."""

import asyncio
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.monitor.dashboard.pages import DASHBOARD_PATH, PAGES, dashboard_of, remembering, wishes_of
from services.monitor.http.gate import Gate, session_cookie

LOGIN_PATH, LOGOUT_PATH = f"{PAGES}/login", f"{PAGES}/logout"

#: Bytes of a form that are read, and seconds in which they must have arrived.
_MAX_FORM, _FORM_ARRIVES_S = 4096, 5.0

router = APIRouter(include_in_schema=False)


@router.post(LOGIN_PATH)
async def login(request: Request) -> Response:
    """Begin a session for the token. It changes nothing in the pipeline."""
    gate: Gate = request.app.state.gate
    address = request.client.host if request.client else ""
    try:
        async with asyncio.timeout(_FORM_ARRIVES_S):
            token = await _token_in(request)
    except TimeoutError:
        return login_page(request, 408, "slow")
    # Not before the form is there: as many as there is room for would have begun by then.
    if gate.is_beset(address):
        return login_page(request, 429, "many_tries")
    if token is None:
        return login_page(request, 413, "long")
    session = gate.begin_session(token)
    if session is None:
        async with gate.holding_back(address):
            return login_page(request, 401, "wrong")
    answer = RedirectResponse(wishes_of(request).address(DASHBOARD_PATH), 303)
    # Without an age: it is gone with the browser, and a session ends by itself before that. Lax: who follows a link out
    # of a mail must not be asked for the token again; nothing that changes anything is a GET.
    answer.set_cookie(
        session_cookie(request.headers),
        session,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post(LOGOUT_PATH)
async def logout(request: Request) -> Response:
    """End the session."""
    gate: Gate = request.app.state.gate
    gate.end_session(request.headers)
    answer = RedirectResponse(wishes_of(request).address(LOGIN_PATH), 303)
    answer.delete_cookie(session_cookie(request.headers), path="/", httponly=True, samesite="lax")
    return answer


@router.get(LOGIN_PATH)
async def ask_to_log_in(request: Request) -> Response:
    """Show the form."""
    return login_page(request, 200)


@router.get("/")
@router.get(PAGES)
@router.get(f"{PAGES}/")
async def root(request: Request) -> Response:
    """Lead to the dashboard, with what the address says of how it should look."""
    return RedirectResponse(wishes_of(request).address(DASHBOARD_PATH), 307)


@router.get(PAGES + "/{page}/")
async def without_slash(request: Request, page: str) -> Response:
    """Lead to the page that is meant: people and proxies put a slash behind an address."""
    return RedirectResponse(wishes_of(request).address(f"{PAGES}/{page}"), 307)


def login_page(request: Request, status: int, refusal: str = "") -> HTMLResponse:
    """Return the form that asks for the token, and why the last one was not taken: a key of the catalogue."""
    wishes = wishes_of(request)
    return remembering(wishes, HTMLResponse(dashboard_of(request).login_page(wishes, LOGIN_PATH, refusal), status))


async def _token_in(request: Request) -> str | None:
    """Return the form's token; None when the form is too long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            return None
    return parse_qs(body.decode(errors="replace")).get("token", [""])[0].strip()
