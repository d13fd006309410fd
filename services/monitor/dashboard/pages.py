"""What a browser loads of the dashboard: the page as it is now, its style and script, and the news that follow."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.monitor.api.roles import Role, Visitor, is_still_admitted
from services.monitor.api.stream import ticks
from services.monitor.api.whole import Whole
from services.monitor.dashboard import charts, plcs, rejected
from services.monitor.dashboard.language import Language, catalogues, languages
from services.monitor.dashboard.offers import Offers
from services.monitor.dashboard.picture import Painter, Picture
from services.monitor.dashboard.rejected import REJECTED_PATH
from services.monitor.dashboard.rendering import render
from services.monitor.dashboard.tables import PLC_PATH
from services.monitor.dashboard.wishes import COOKIE, COOKIE_AGE_S, UP, Wishes, way_up
from services.monitor.read.overview import Overview
from services.monitor.settings import MonitorSettings
from shared import __version__
from shared.logs import get_logger
from shared.texts import TEXT_LIMIT

#: Everything for people is below this.
PAGES = "/monitoring"
DASHBOARD_PATH = f"{PAGES}/buffer"

#: Style and script: no secrets, and their addresses hold what they are, so that browsers may keep them.
STATIC = f"{PAGES}/static/"

#: Seconds between two looks for a new picture: with the reading's own interval well below a second in all.
_NEWS_S = 0.2

_FILES = {path.name: path for path in sorted(Path(__file__).with_name("static").iterdir())}
#: One for all: a script loads others by the names that stand in it.
_FINGERPRINT = hashlib.sha256(b"".join(path.read_bytes() for path in _FILES.values())).hexdigest()[:16]

_log = get_logger()

router = APIRouter(include_in_schema=False)


def static(name: str) -> str:
    """Return the address of a style or script; another one when any of them changes.

    Raises: KeyError: there is none of that name.
    """
    return f"{STATIC}{_FINGERPRINT}/{_FILES[name].name}"


_TAGS_PATH = f"{PAGES}/tags"

#: A code as somebody's address names it.
PlcCode = Annotated[str, Query(max_length=TEXT_LIMIT)]

#: Draws a card of what was last read, in a language, with what is offered to who asks.
Draw = Callable[[Language, Overview, Offers], str]


class Dashboard:
    """One picture for all pages of a language and a role that are open; what nobody looks at is not drawn."""

    def __init__(self, newest: Whole, settings: MonitorSettings, closing: asyncio.Event) -> None:
        self._languages = languages(settings.time_zone)
        self._painters = {
            (code, may_act): Painter(newest, settings, language, may_act=may_act)
            for code, language in self._languages.items()
            for may_act in (False, True)
        }
        self._newest = newest
        self._closing = closing
        self._has_partitions = settings.partitions > 1

    def page(
        self, wishes: Wishes, template: str = "page.html", draw: Draw | None = None, card_path: str = "", plc: str = ""
    ) -> str:
        """Return a page as it is now; it needs no script to be read. `card_path`: where what `draw` drew is anew."""
        return render(
            template,
            self._languages[wishes.language],
            picture=self.picture(wishes),
            wishes=wishes,
            others=[language for code, language in self._languages.items() if code != wishes.language],
            version=__version__,
            static=_static(wishes),
            has_partitions=self._has_partitions,
            charts=charts.CHARTS,
            ranges=charts.RANGES,
            plc_code=plc,
            tags_path=f"{UP}{_TAGS_PATH}?{urlencode({'plc': plc})}",
            card=self.card(wishes, draw) if draw else "",
            card_path=UP + card_path,
        )

    def card(self, wishes: Wishes, draw: Draw) -> str:
        """Return a card that one page has, as it was when Redis was last read."""
        t, known = self._languages[wishes.language], self._newest.state.assessment
        return t("page.no_data_yet") if known is None else draw(t, known.overview, Offers(t, may_act=wishes.may_act))

    def picture(self, wishes: Wishes) -> Picture:
        """Return what every page shows as it is now."""
        return self._painters[wishes.language, wishes.may_act].picture()

    def login_page(self, wishes: Wishes, path: str, refusal: str = "") -> str:
        """Return the form that asks for the token; `refusal` is the key of why the last one was not taken."""
        t = self._languages[wishes.language]
        why = t(f"login.{refusal}") if refusal else ""
        return render("login.html", t, path=wishes.address(path), refusal=why, static=_static(wishes))

    async def news(self, wishes: Wishes) -> AsyncIterator[ServerSentEvent]:
        """Yield the whole picture, then what changes, at least once a second, until the server stops."""
        seen = -1
        async for _ in ticks(_NEWS_S, self._closing):
            try:
                picture = self.picture(wishes)
                if picture.number != seen:
                    text = picture.changes if picture.number == seen + 1 else picture.whole
                    seen = picture.number
                    yield ServerSentEvent(raw_data=text)
            except Exception:  # noqa: BLE001 - logged
                # What can't be shown now may be shown next time; the page sees that it hears nothing.
                _log.exception("the dashboard could not be drawn")


def _static(wishes: Wishes) -> Callable[[str], str]:
    return lambda name: wishes.up + static(name)


def dashboard_of(request: Request) -> Dashboard:
    """Return the dashboard of the application."""
    dashboard: Dashboard = request.app.state.dashboard
    return dashboard


def wishes_of(request: Request) -> Wishes:
    """Return how who asks wants to see the dashboard, and what they may do there."""
    asker: Visitor = getattr(request.state, "visitor", Visitor())
    return replace(
        Wishes.of(request.url.query, request.headers, set(catalogues())),
        may_act=asker.role is Role.OPERATOR,
        has_session=asker.has_session,
        up=way_up(request.scope["path"]),
    )


def _page(request: Request, *parts: Any) -> HTMLResponse:
    wishes = wishes_of(request)
    return remembering(wishes, HTMLResponse(dashboard_of(request).page(wishes, *parts)))


def _card(request: Request, draw: Draw) -> HTMLResponse:
    return HTMLResponse(dashboard_of(request).card(wishes_of(request), draw))


def _plc(code: str) -> Draw:
    return lambda t, now, _: plcs.one_plc(t, now, code) if code else plcs.all_plcs(t, now)


@router.get(DASHBOARD_PATH)
async def page(request: Request) -> HTMLResponse:
    """Show the dashboard."""
    return _page(request)


@router.get(PLC_PATH)
async def plc_page(request: Request, code: PlcCode = "") -> HTMLResponse:
    """Show one PLC, or all of them."""
    return _page(request, "plc_page.html", _plc(code), f"{PLC_PATH}/card?{urlencode({'code': code})}", code)


@router.get(f"{PLC_PATH}/card")
async def plc_card(request: Request, code: PlcCode = "") -> HTMLResponse:
    """Return the same as it is now, for a page that is open."""
    return _card(request, _plc(code))


@router.get(REJECTED_PATH)
async def rejected_page(request: Request) -> HTMLResponse:
    """Show what was rejected."""
    return _page(request, "rejected_page.html", rejected.page, f"{REJECTED_PATH}/card")


@router.get(f"{REJECTED_PATH}/card")
async def rejected_card(request: Request) -> HTMLResponse:
    """Return the same as it is now, for a page that is open."""
    return _card(request, rejected.page)


@router.get(_TAGS_PATH)
async def tags(request: Request, search: Annotated[str, Query(max_length=200)] = "", plc: PlcCode = "") -> HTMLResponse:
    """Return the tags that somebody looks for; elsewhere than where all requests wait, for there may be thousands."""
    zone: tzinfo = request.app.state.settings.source_zone
    return await asyncio.to_thread(_card, request, lambda t, now, _: plcs.found_tags(t, now, zone, search, plc))


R = TypeVar("R", bound=Response)


def remembering(wishes: Wishes, answer: R) -> R:
    """Return an answer that lets the browser keep a language that was chosen in the address."""
    if "lang" in wishes.said:
        answer.set_cookie(COOKIE, wishes.language, max_age=COOKIE_AGE_S, path="/", httponly=True, samesite="lax")
    return answer


@router.get(f"{PAGES}/news", response_class=EventSourceResponse)
async def news(request: Request) -> AsyncIterator[ServerSentEvent]:
    """Send what changes on the page."""
    wishes = wishes_of(request)
    # The page may be older than the process, which knows no session of before.
    yield ServerSentEvent(event="session", raw_data="open" if wishes.has_session else "none")
    async for event in dashboard_of(request).news(wishes):
        if not is_still_admitted(request):
            return
        yield event


@router.get(f"{PAGES}/picture")
async def picture(request: Request) -> Response:
    """Return all that the page shows as it is now: for a window that must not hold a connection."""
    return Response(dashboard_of(request).picture(wishes_of(request)).whole, media_type="application/json")


@router.get(f"{PAGES}/title", response_class=PlainTextResponse)
async def title(request: Request) -> PlainTextResponse:
    """Return the page's title as it is now: for a tab that nobody sees."""
    return PlainTextResponse(dashboard_of(request).picture(wishes_of(request)).title)


@router.get(STATIC + "{fingerprint}/{name}")
async def file(fingerprint: str, name: str) -> FileResponse:
    """Return a style or a script; ours, too, for a page that another version drew which is being replaced."""
    if name not in _FILES:
        raise HTTPException(404)
    kept = "public, max-age=31536000, immutable" if fingerprint == _FINGERPRINT else "no-store"
    return FileResponse(_FILES[name], headers={"Cache-Control": kept})
