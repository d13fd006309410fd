"""The card of actions: what people asked for, who asked, how far it is and what came of it. No I/O, no clock."""

from markupsafe import Markup

from services.monitor.assess.humanize import number
from services.monitor.dashboard.language import Language
from services.monitor.dashboard.offers import Offers
from services.monitor.dashboard.rendering import render
from services.monitor.read.overview import Overview
from shared.records.actions import Action, ActionState

#: Actions shown; the API lists more.
ACTIONS_SHOWN = 8

_KINDS: dict[str, str] = {
    ActionState.DONE: "ok",
    ActionState.FAILED: "bad",
    ActionState.EXPIRED: "bad",
    ActionState.STOPPED: "warn",
}


def actions(t: Language, overview: Overview, offers: Offers, *, is_possible: bool) -> str:
    """Return what is open and what ended last; to who may not act, how one gets to. `is_possible`: anybody may."""
    shown = [
        (known.action, _options(t, known.action), offers.for_action(known.action))
        for known in overview.actions[:ACTIONS_SHOWN]
    ]
    parts = {"kinds": _KINDS, "may_act": offers.may_act, "is_possible": is_possible}
    return render("actions.html", t, shown=shown, left_out=len(overview.actions) - len(shown), **parts)


def _options(t: Language, action: Action) -> Markup:
    parts = [
        t(f"option.{name}", value=number(value) if isinstance(value, float) else value)
        if name in t.section("option")
        else Markup.escape(f"{name}={value}")
        for name, value in action.options.items()
        if value is not False
    ]
    return Markup(", ").join(parts)
