"""The card of actions: what people asked for, who asked, how far it is and what came of it. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.monitor.assess.humanize import number
from services.monitor.dashboard.language import Language
from services.monitor.dashboard.offers import Offer, Offers
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


@dataclass(frozen=True)
class Acted:
    """One action as it is shown."""

    action: Action
    what: Markup
    options: Markup
    kind: str  #: of its chip
    state: Markup
    asked_at: Markup
    so_far: Markup | None  #: how far it is, in words
    offers: Sequence[Offer]


def actions(t: Language, overview: Overview, offers: Offers, *, is_possible: bool) -> str:
    """Return what is open and what ended last; to who may not act, how one gets to. `is_possible`: anybody may."""
    shown = [
        Acted(
            action=known.action,
            what=t.word("offer_done", known.action.kind),
            options=_options(t, known.action),
            kind=_KINDS.get(known.action.state, "idle"),
            state=t.word("action_state", known.action.state),
            asked_at=t.time(known.action.asked_at, "brief"),
            so_far=_so_far(t, known.action),
            offers=offers.for_action(known.action),
        )
        for known in overview.actions[:ACTIONS_SHOWN]
    ]
    how = "" if offers.may_act else t("actions.log_in") if is_possible else t("actions.nobody")
    return render(
        "actions.html", t, shown=shown, how=how, is_possible=is_possible, left_out=len(overview.actions) - len(shown)
    )


def _options(t: Language, action: Action) -> Markup:
    parts = [
        t(f"option.{name}", value=number(value) if isinstance(value, float) else value)
        if name in t.section("option")
        else Markup.escape(f"{name}={value}")
        for name, value in action.options.items()
        if value is not False
    ]
    return Markup(", ").join(parts)


def _so_far(t: Language, action: Action) -> Markup | None:
    if action.done is None:
        return None
    parts = {"done": action.done, "unit": t.word("action_unit", action.unit or "")}
    return t("actions.of", **parts, total=action.total) if action.total else t("actions.done", **parts)
