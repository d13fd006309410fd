"""Who may see anything: programs send the token with each request, people once, for a cookie made of it."""

import asyncio
import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.monitor.dashboard.pages import DASHBOARD_PATH, PAGES, static
from services.monitor.dashboard.rendering import render

LOGIN_PATH = f"{PAGES}/login"
COOKIE = "tagpipe_monitor"

#: Seconds that a login lasts: a screen on a wall is logged in once a month.
_LOGIN_LASTS_S = 30 * 86_400

#: Seconds that a wrong token costs whoever guesses.
_WRONG_COSTS_S = 0.5

#: Bytes of a form that are read.
_MAX_FORM = 4096


class Gate:
    """Admits those who know the token, in constant time; everyone where none is set."""

    def __init__(self, token: SecretStr | None) -> None:
        secret = token.get_secret_value().encode() if token else b""
        self._token = secret
        # The cookie is not the token: who steals a browser's cookies can't use them as a program does.
        self._cookie = hmac.new(secret, b"tagpipe monitor, dashboard", hashlib.sha256).hexdigest() if token else ""

    def admits(self, headers: Headers) -> bool:
        """Tell whether a request with these headers may be answered."""
        if not self._token:
            return True
        # How long a refusal takes must not tell how much of the token was right.
        if hmac.compare_digest(headers.get("authorization", "").encode(), b"Bearer " + self._token):
            return True
        return hmac.compare_digest(_cookie(headers).encode(), self._cookie.encode())

    def cookie_for(self, token: str) -> str | None:
        """Return the cookie for who knows the token, None for others."""
        return self._cookie if self._token and hmac.compare_digest(token.encode(), self._token) else None


router = APIRouter(include_in_schema=False)


@router.post(LOGIN_PATH)
async def login(request: Request) -> Response:
    """Give a cookie for the token. It changes nothing in the pipeline."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            return login_page(413, "That is too long for a token.")
    gate: Gate = request.app.state.gate
    given = parse_qs(body.decode(errors="replace")).get("token", [""])[0].strip()
    cookie = gate.cookie_for(given)
    if cookie is None:
        await asyncio.sleep(_WRONG_COSTS_S)
        return login_page(401, "That is not the token.")
    answer = RedirectResponse(DASHBOARD_PATH, 303)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=_LOGIN_LASTS_S,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
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


def _cookie(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
