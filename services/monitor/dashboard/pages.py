"""What a browser loads of the dashboard: the page as it is now, its style and script, and the news that follow."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.datastructures import Headers

from services.monitor.api.roles import Role, Visitor, is_still_admitted
from services.monitor.api.whole import Whole
from services.monitor.dashboard import charts, plcs, rejected
from services.monitor.dashboard.language import Language, languages
from services.monitor.dashboard.last_values import found_tags
from services.monitor.dashboard.offers import Offers
from services.monitor.dashboard.picture import Painter
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

#: Cards in the order in which they are read, before and after the charts.
_BEFORE, _AFTER = (
    ("gauge", "flow", "writing"),
    ("ledger", "actions", "services", "polling", "backups", "rejected", "events"),
)

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


def _path(path: str, **query: object) -> str:
    """Return a part of ours as a page asks for it."""
    return f"{UP}{path}?{urlencode(query)}" if query else UP + path


def _static(wishes: Wishes) -> Callable[[str], str]:
    return lambda name: wishes.up + static(name)


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
        self._source_zone = settings.source_zone
        self._closing = closing
        self._has_partitions = settings.partitions > 1

    def wishes(self, query: str, headers: Headers) -> Wishes:
        """Return how who sends these wants to see the dashboard."""
        return Wishes.of(query, headers, set(self._languages))

    def page(self, wishes: Wishes) -> str:
        """Return the page as it is now; it needs no script to be read."""
        return self._page(
            "page.html",
            wishes,
            has_partitions=self._has_partitions,
            before=_BEFORE,
            after=_AFTER,
            charts=charts.CHARTS,
            ranges=charts.RANGES,
            plc_code="",
        )

    def _page(self, template: str, wishes: Wishes, **parts: object) -> str:
        return render(
            template,
            self._languages[wishes.language],
            picture=self._painter(wishes).picture(),
            wishes=wishes,
            others=[language for code, language in self._languages.items() if code != wishes.language],
            version=__version__,
            static=_static(wishes),
            tags_path=_path(_TAGS_PATH, plc=parts.get("plc_code", "")),
            **parts,
        )

    def plc_page(self, wishes: Wishes, code: str) -> str:
        """Return the page of one PLC, or of all of them where none is named."""
        card, path = self.plc_card(wishes, code), _path(f"{PLC_PATH}/card", code=code)
        return self._page("plc_page.html", wishes, plc_code=code, card=card, card_path=path)

    def plc_card(self, wishes: Wishes, code: str) -> str:
        """Return what is known of a PLC, or of all of them, as it was when Redis was last read."""
        return self._card(wishes, lambda t, now: plcs.one_plc(t, now, code) if code else plcs.all_plcs(t, now))

    def rejected_page(self, wishes: Wishes) -> str:
        """Return the page of what was rejected."""
        return self._page(
            "rejected_page.html", wishes, card=self.rejected_card(wishes), card_path=_path(f"{REJECTED_PATH}/card")
        )

    def rejected_card(self, wishes: Wishes) -> str:
        """Return what was rejected, as it was when Redis was last read."""
        return self._card(wishes, lambda t, now: rejected.page(t, now, Offers(t, may_act=wishes.may_act)))

    def tags(self, wishes: Wishes, search: str, plc_code: str) -> str:
        """Return the tags that somebody looks for."""
        return self._card(wishes, lambda t, now: found_tags(t, now, self._source_zone, search, plc_code))

    def _card(self, wishes: Wishes, draw: Callable[[Language, Overview], str]) -> str:
        t, known = self._languages[wishes.language], self._newest.state.assessment
        return t("page.no_data_yet") if known is None else draw(t, known.overview)

    def title(self, wishes: Wishes) -> str:
        """Return the page's title as it is now."""
        return self._painter(wishes).picture().title

    def whole(self, wishes: Wishes) -> str:
        """Return all that the page shows as it is now, as JSON."""
        return self._painter(wishes).picture().whole

    def login_page(self, wishes: Wishes, path: str, refusal: str = "") -> str:
        """Return the form that asks for the token; `refusal` is the key of why the last one was not taken."""
        t = self._languages[wishes.language]
        why = t(f"login.{refusal}") if refusal else ""
        return render("login.html", t, path=wishes.address(path), refusal=why, static=_static(wishes))

    def _painter(self, wishes: Wishes) -> Painter:
        return self._painters[wishes.language, wishes.may_act]

    async def news(self, wishes: Wishes) -> AsyncIterator[ServerSentEvent]:
        """Yield the whole picture, then what changes, at least once a second, until the server stops."""
        painter, seen = self._painter(wishes), -1
        while not self._closing.is_set():
            try:
                picture = painter.picture()
                if picture.number != seen:
                    text = picture.changes if picture.number == seen + 1 else picture.whole
                    seen = picture.number
                    yield ServerSentEvent(raw_data=text)
            except Exception:  # noqa: BLE001 - logged
                # What can't be shown now may be shown next time; the page sees that it hears nothing.
                _log.exception("the dashboard could not be drawn")
            try:
                await asyncio.wait_for(self._closing.wait(), _NEWS_S)
            except TimeoutError:
                continue


def dashboard_of(request: Request) -> Dashboard:
    """Return the dashboard of the application."""
    dashboard: Dashboard = request.app.state.dashboard
    return dashboard


def wishes_of(request: Request) -> Wishes:
    """Return how who asks wants to see the dashboard, and what they may do there."""
    asker: Visitor = getattr(request.state, "visitor", Visitor())
    wishes = dashboard_of(request).wishes(request.url.query, request.headers)
    return replace(
        wishes,
        may_act=asker.role is Role.OPERATOR,
        has_session=asker.has_session,
        up=way_up(request.scope["path"]),
    )


def _page(request: Request, make: Callable[..., str], *about: str) -> HTMLResponse:
    wishes = wishes_of(request)
    return remembering(wishes, HTMLResponse(make(dashboard_of(request), wishes, *about)))


@router.get(DASHBOARD_PATH)
async def page(request: Request) -> HTMLResponse:
    """Show the dashboard."""
    return _page(request, Dashboard.page)


@router.get(PLC_PATH)
async def plc_page(request: Request, code: PlcCode = "") -> HTMLResponse:
    """Show one PLC, or all of them."""
    return _page(request, Dashboard.plc_page, code)


@router.get(f"{PLC_PATH}/card")
async def plc_card(request: Request, code: PlcCode = "") -> HTMLResponse:
    """Return the same as it is now, for a page that is open."""
    return HTMLResponse(dashboard_of(request).plc_card(wishes_of(request), code))


@router.get(REJECTED_PATH)
async def rejected_page(request: Request) -> HTMLResponse:
    """Show what was rejected."""
    return _page(request, Dashboard.rejected_page)


@router.get(f"{REJECTED_PATH}/card")
async def rejected_card(request: Request) -> HTMLResponse:
    """Return the same as it is now, for a page that is open."""
    return HTMLResponse(dashboard_of(request).rejected_card(wishes_of(request)))


@router.get(_TAGS_PATH)
async def tags(request: Request, search: Annotated[str, Query(max_length=200)] = "", plc: PlcCode = "") -> HTMLResponse:
    """Return the tags that somebody looks for; elsewhere than where all requests wait, for there may be thousands."""
    return HTMLResponse(await asyncio.to_thread(dashboard_of(request).tags, wishes_of(request), search, plc))


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
    return Response(dashboard_of(request).whole(wishes_of(request)), media_type="application/json")


@router.get(f"{PAGES}/title", response_class=PlainTextResponse)
async def title(request: Request) -> PlainTextResponse:
    """Return the page's title as it is now: for a tab that nobody sees."""
    return PlainTextResponse(dashboard_of(request).title(wishes_of(request)))


@router.get(STATIC + "{fingerprint}/{name}")
async def file(fingerprint: str, name: str) -> FileResponse:
    """Return a style or a script; ours, too, for a page that another version drew which is being replaced."""
    if name not in _FILES:
        raise HTTPException(404)
    kept = "public, max-age=31536000, immutable" if fingerprint == _FINGERPRINT else "no-store"
    return FileResponse(_FILES[name], headers={"Cache-Control": kept})
