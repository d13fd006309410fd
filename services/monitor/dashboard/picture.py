"""What every page shows at one moment: drawn once, sent to all. No I/O, no clock."""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.monitor.api.state import Newest, State
from services.monitor.assess.assessment import Assessment
from services.monitor.assess.humanize import clock_time, duration
from services.monitor.dashboard import cards, charts, tables
from services.monitor.dashboard.charts import Series
from services.monitor.dashboard.markup import heading
from shared.logs import get_logger
from shared.settings import BufferSettings

_log = get_logger()


@dataclass(frozen=True)
class Picture:
    """Cards by name, as HTML, and the charts' points by range and chart."""

    title: str
    freshness: str
    moment: str
    cards: dict[str, str] = field(default_factory=dict)
    charts: dict[str, dict[str, Series]] = field(default_factory=dict)


class Painter:
    """Draws the newest picture, and of it only what changed since the last one."""

    def __init__(self, newest: Newest, settings: BufferSettings) -> None:
        self._newest = newest
        self._settings = settings
        self._drawn_of: object = None
        self._charts_at: dict[str, int] = {}
        self._cards: dict[str, str] = {}
        self._charts: dict[str, dict[str, Series]] = {}
        self._picture = Picture("tagpipe", "", "")

    def newest(self) -> Picture:
        """Return the picture of now; the same object as before when nothing changed."""
        state = self._newest.state
        drawn_of = (state, int(self._newest.age_s)) if state.failure is not None else (state, 0)
        if drawn_of != self._drawn_of:
            self._drawn_of = drawn_of
            self._picture = self._draw(state)
        return self._picture

    def _draw(self, state: State) -> Picture:
        view, failure = state.assessment, state.failure
        taken_at = view.overview.taken_at if view is not None else None
        moment = f"{clock_time(taken_at)} UTC" if taken_at is not None else "no data yet"
        if failure is not None or view is None:
            why = state.alerts[0].message if failure is not None else "Redis was not read yet"
            top = {
                "state": cards.unknown_state(why, taken_at),
                "spoken": "unknown: what is shown is old",
                "alerts": cards.alerts(state.alerts, taken_at),
            }
            self._cards = {**self._cards, **top}
            old = f"stale for {duration(self._newest.age_s)}" if taken_at is not None else "no data"
            return Picture("? unknown, tagpipe", old, moment, self._cards, self._charts)
        self._cards = _cards(view, self._settings)
        ticks = {name: int(view.overview.taken_at) // every_s for name, every_s in charts.EVERY_S.items()}
        self._charts = {
            name: self._charts[name]
            if ticks[name] == self._charts_at.get(name)
            else charts.data(view, self._settings, seconds)
            for name, seconds in charts.RANGES.items()
        }
        self._charts_at = ticks
        status = view.health.status.value
        return Picture(f"{status}, tagpipe", "live", moment, self._cards, self._charts)


def _cards(view: Assessment, settings: BufferSettings) -> dict[str, str]:
    now = view.overview
    draw: dict[str, Callable[[], str]] = {
        "state": lambda: cards.state(view),
        "spoken": lambda: cards.spoken_state(view),
        "alerts": lambda: cards.alerts(view.alerts, now.taken_at),
        "gauge": lambda: cards.gauge(now, settings),
        "flow": lambda: cards.flow(view),
        "writing": lambda: cards.writing(now),
        "ledger": lambda: cards.ledger(now),
        "services": lambda: tables.services(now),
        "polling": lambda: tables.polling(now),
        "backups": lambda: tables.backups(now),
        "events": lambda: tables.events(now),
    }
    return {name: _drawn(name, card) for name, card in draw.items()} | {
        f"{key}-table": html for key, html in charts.tables(view).items()
    }


def _drawn(name: str, draw: Callable[[], str]) -> str:
    """Return a card; one that can't be drawn must not hold up the others."""
    try:
        return draw()
    except Exception:  # noqa: BLE001 - logged
        _log.exception(f"the card {name} can't be drawn")
        return heading(name, name) + "<p class=\"empty\">This can't be drawn just now: the monitor's log says why.</p>"
