"""What every page shows at one moment: drawn once for all who read one language, and sent to them. No I/O, no clock."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from services.monitor.api.state import State
from services.monitor.api.whole import Whole
from services.monitor.assess.assessment import Assessment
from services.monitor.dashboard import cards, charts, rejected, tables
from services.monitor.dashboard.language import Language
from services.monitor.dashboard.offers import Offers
from services.monitor.dashboard.rendering import render
from services.monitor.settings import MonitorSettings
from shared import __version__
from shared.logs import get_logger

_log = get_logger()


@dataclass(frozen=True)
class Picture:
    """What a page shows; `whole` and `changes` are it as JSON, the latter for who has the one before."""

    number: int = 0
    title: str = "tagpipe"
    freshness: str = ""
    live: bool = False
    taken_at: float | None = None  #: seconds since 1970, when what the cards show was read
    cards: Mapping[str, str] = field(default_factory=dict)  #: HTML by name
    changes: str = ""

    @property
    def whole(self) -> str:
        """Everything, for a page that has nothing or an older picture."""
        return self.with_cards(self.cards)

    def with_cards(self, chosen: Mapping[str, str]) -> str:
        """Return the picture with some of its cards."""
        top = {name: getattr(self, name) for name in ("title", "freshness", "live", "taken_at")}
        return json.dumps({"version": __version__, **top, "cards": chosen}, separators=(",", ":"))


class Painter:
    """Draws the newest picture for those who read one language and may do the same.

    Of it only what may have changed since the last one is drawn.
    """

    def __init__(self, newest: Whole, settings: MonitorSettings, language: Language, *, may_act: bool = False) -> None:
        self._newest = newest
        self._settings = settings
        self._t = language
        self._offers = Offers(language, may_act=may_act)
        self._drawn_of: object = None
        self._shown: Assessment | None = None
        self._charts_at: dict[str, int] = {}
        self._picture = Picture(freshness=language.plain("page.no_data"))

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
        t, known, before = self._t, state.assessment, self._picture
        drawn = {name: self._drawn(name, card) for name, card in self._cards(state).items()}
        fresh = known if state.failure is None else None
        if known is None:
            freshness = t.plain("page.no_data")
        else:
            freshness = t.plain("page.live") if fresh else t.plain("page.stale", span=self._newest.age_s)
        status = t.word("health", fresh.health.status) if fresh else ""
        picture = Picture(
            number=before.number + 1,
            title=t.plain("page.title", status=status) if fresh else t.plain("page.title_unknown"),
            freshness=freshness,
            live=fresh is not None,
            taken_at=known.overview.taken_at if known else None,
            cards={**before.cards, **drawn},
        )
        changed = {name: html for name, html in drawn.items() if before.cards.get(name) != html}
        return replace(picture, changes=picture.with_cards(changed))

    def _cards(self, state: State) -> dict[str, Callable[[], str]]:
        """Return how to draw each card that may have changed."""
        t, known, offers = self._t, state.assessment, self._offers
        top = {
            "state": lambda: cards.state(t, state),
            "spoken": lambda: cards.spoken_state(t, state),
            "alerts": lambda: cards.alerts(t, state, offers),
        }
        if state.partitions:
            top["partitions"] = lambda: cards.partitions(t, state)
        # What was last read stays shown when nothing fresh comes, whether or not a page was open then.
        if known is None or known is self._shown:
            return top
        self._shown = known
        overview = known.overview
        return {
            **top,
            "gauge": lambda: cards.gauge(t, known, self._settings),
            "flow": lambda: cards.flow(t, known),
            "writing": lambda: cards.writing(t, known),
            "ledger": lambda: cards.ledger(t, overview),
            "services": lambda: tables.services(t, overview, offers),
            "polling": lambda: tables.polling(t, overview, offers),
            "backups": lambda: tables.backups(t, overview, offers),
            "actions": lambda: cards.actions(t, overview, offers, is_possible=self._settings.has_operators),
            "rejected": lambda: rejected.card(t, overview),
            "events": lambda: tables.events(t, overview),
            **self._charts(known),
        }

    def _charts(self, known: Assessment) -> dict[str, Callable[[], str]]:
        t, until = self._t, known.overview.taken_at
        due = [each for each in charts.RANGES if int(until) // each.every_s != self._charts_at.get(each.key)]
        self._charts_at.update({each.key: int(until) // each.every_s for each in due})
        draw: dict[str, Callable[[], str]] = {}
        for each in due:
            lines = charts.data(known, self._settings, each.seconds)
            for chart in charts.CHARTS:
                draw[f"{chart.key}/{each.key}"] = partial(charts.draw, t, chart, lines[chart.key], each, until)
        return draw | {f"{chart.key}/table": partial(charts.table, t, chart, known) for chart in charts.CHARTS}

    def _drawn(self, name: str, draw: Callable[[], str]) -> str:
        """Return a card; one that can't be drawn must not hold up the others."""
        try:
            return draw()
        except Exception:  # noqa: BLE001 - logged
            _log.exception(f"the card {name} can't be drawn")
            return render("broken.html", self._t, key=name)
