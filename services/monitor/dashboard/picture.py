"""What every page shows at one moment: drawn once, sent to all. No I/O, no clock."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from services.monitor.api.state import State
from services.monitor.api.whole import Whole
from services.monitor.assess.assessment import Assessment
from services.monitor.assess.humanize import clock_time, duration
from services.monitor.dashboard import cards, charts, tables
from services.monitor.dashboard.rendering import render
from shared import __version__
from shared.logs import get_logger
from shared.settings import BufferSettings

_log = get_logger()


@dataclass(frozen=True)
class Picture:
    """What a page shows; `whole` and `changes` are it as JSON, the latter for who has the one before."""

    number: int = 0
    title: str = "tagpipe"
    freshness: str = "no data"
    moment: str = "no data yet"
    cards: Mapping[str, str] = field(default_factory=dict)  #: HTML by name
    changes: str = ""

    @property
    def whole(self) -> str:
        """Everything, for a page that has nothing or an older picture."""
        return self.with_cards(self.cards)

    def with_cards(self, chosen: Mapping[str, str]) -> str:
        """Return the picture with some of its cards."""
        top = {"version": __version__, "title": self.title, "freshness": self.freshness, "moment": self.moment}
        return json.dumps({**top, "cards": chosen}, separators=(",", ":"))


class Painter:
    """Draws the newest picture, and of it only what may have changed since the last one."""

    def __init__(self, newest: Whole, settings: BufferSettings) -> None:
        self._newest = newest
        self._settings = settings
        self._drawn_of: object = None
        self._charts_at: dict[str, int] = {}
        self._picture = Picture()

    def picture(self) -> Picture:
        """Return the picture of the newest state; the same object as before when nothing changed."""
        state = self._newest.state
        # How long it has been stale is told by the second.
        drawn_of = state, int(self._newest.age_s) if state.failure is not None else 0
        if drawn_of != self._drawn_of:
            self._drawn_of = drawn_of
            self._picture = self._draw(state)
        return self._picture

    def _draw(self, state: State) -> Picture:
        known, before = state.assessment, self._picture
        drawn = {name: _drawn(name, card) for name, card in self._cards(state).items()}
        taken_at = known.overview.taken_at if known is not None else None
        if known is not None and state.failure is None:
            title, freshness = f"{known.health.status.value}, tagpipe", "live"
        else:
            old = f"stale for {duration(self._newest.age_s)}" if taken_at is not None else "no data"
            title, freshness = "? unknown, tagpipe", old
        picture = Picture(
            number=before.number + 1,
            title=title,
            freshness=freshness,
            moment=f"{clock_time(taken_at)} UTC" if taken_at is not None else "no data yet",
            cards={**before.cards, **drawn},
        )
        changed = {name: html for name, html in drawn.items() if before.cards.get(name) != html}
        return replace(picture, changes=picture.with_cards(changed))

    def _cards(self, state: State) -> dict[str, Callable[[], str]]:
        """Return how to draw each card that may have changed; what is stale keeps all but the first."""
        known = state.assessment
        top = {
            "state": lambda: cards.state(state),
            "spoken": lambda: cards.spoken_state(state),
            "alerts": lambda: cards.alerts(state),
        }
        if state.partitions:
            top["partitions"] = lambda: cards.partitions(state)
        if known is None or state.failure is not None:
            return top
        overview = known.overview
        return {
            **top,
            "gauge": lambda: cards.gauge(known, self._settings),
            "flow": lambda: cards.flow(known),
            "writing": lambda: cards.writing(known),
            "ledger": lambda: cards.ledger(overview),
            "services": lambda: tables.services(overview),
            "polling": lambda: tables.polling(overview),
            "backups": lambda: tables.backups(overview),
            "events": lambda: tables.events(overview),
            **self._charts(known),
        }

    def _charts(self, known: Assessment) -> dict[str, Callable[[], str]]:
        until = known.overview.taken_at
        due = [each for each in charts.RANGES if int(until) // each.every_s != self._charts_at.get(each.key)]
        self._charts_at.update({each.key: int(until) // each.every_s for each in due})
        draw: dict[str, Callable[[], str]] = {}
        for each in due:
            lines = charts.data(known, self._settings, each.seconds)
            for chart in charts.CHARTS:
                draw[f"{chart.key}/{each.key}"] = partial(charts.draw, chart, lines[chart.key], each, until)
        return draw | {f"{chart.key}/table": partial(charts.table, chart, known) for chart in charts.CHARTS}


def _drawn(name: str, draw: Callable[[], str]) -> str:
    """Return a card; one that can't be drawn must not hold up the others."""
    try:
        return draw()
    except Exception:  # noqa: BLE001 - logged
        _log.exception(f"the card {name} can't be drawn")
        return render("broken.html", key=name)
