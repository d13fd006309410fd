"""The cards that say how things are: state, alerts, gauge, figures, ledger, actions. No I/O, no clock."""

from markupsafe import Markup

from services.monitor.api.answers import current
from services.monitor.api.state import State
from services.monitor.assess.alert_kinds import Severity, Status
from services.monitor.assess.assessment import Alert, Assessment
from services.monitor.assess.health import last_write_at
from services.monitor.assess.humanize import number
from services.monitor.assess.stats import percentile_ms, success_pct
from services.monitor.dashboard.language import Language
from services.monitor.dashboard.offers import Offers
from services.monitor.dashboard.rendering import render
from services.monitor.dashboard.tables import ago
from services.monitor.read.overview import Overview
from shared.counters import Window
from shared.records.actions import Action, ActionState
from shared.settings.models import BufferSettings

_KIND = {Status.HEALTHY: "ok", Status.DEGRADED: "warn", Status.UNHEALTHY: "bad"}

#: Actions shown; the API lists more. And how each end of one looks.
ACTIONS_SHOWN = 8
_ENDS = {
    ActionState.DONE: "ok", ActionState.FAILED: "bad", ActionState.EXPIRED: "bad", ActionState.STOPPED: "warn",
}  # fmt: skip


def state(t: Language, state: State) -> str:
    """Return the state at a glance: a word, a colour, a mark and one sentence."""
    known = state.assessment
    if state.failure is None and known is not None:
        status = known.health.status
        return render("state.html", t, kind=_KIND[status], word=t.word("health", status), why=_sentence(t, known))
    why = t.say(state.alerts[0].message) if state.alerts else t("state.not_read")
    said = t("state.below", why=why, at=known.overview.taken_at) if known else t("state.without", why=why)
    return render("state.html", t, kind="idle", word=t("health.unknown"), why=said)


def spoken_state(t: Language, state: State) -> str:
    """Return what a screen reader says when it changes: without figures, which change all the time."""
    if state.failure is not None or state.assessment is None:
        return t("state.old")
    status = t.word("health", state.assessment.health.status)
    raised = Markup(", ").join(t.word("alert", alert.code) for alert in state.alerts)
    return t("state.spoken", status=status, alerts=raised) if raised else status


def _sentence(t: Language, known: Assessment) -> Markup:
    health, rates = known.health, known.rates
    if health.status is not Status.HEALTHY:
        return t("state.without", why=t.say(health.reasons[0]).removesuffix("."))
    if rates.inserted <= 0:
        return t("state.idle")
    figures = {"inserted": round(rates.inserted), "written": round(rates.written)}
    lag_ms = percentile_ms(known.overview.window, Window.LAG, 50)
    return t("state.moves", **figures) if lag_ms is None else t("state.moves_within", **figures, lag=lag_ms)


def alerts(t: Language, state: State, offers: Offers) -> str:
    """Return what is wrong, with the remedy."""
    taken_at = state.assessment.overview.taken_at if state.assessment else None
    critical = sum(alert.severity is Severity.CRITICAL for alert in state.alerts)
    return render(
        "alerts.html",
        t,
        note=t("alerts.counts", critical=critical, warning=len(state.alerts) - critical) if state.alerts else "",
        alerts=[(alert, _since(t, alert, taken_at), offers.for_alert(alert.code)) for alert in state.alerts],
        kinds={Severity.CRITICAL: "bad", Severity.WARNING: "warn"},
    )


def _since(t: Language, alert: Alert, taken_at: float | None) -> Markup:
    # Coarse: what changes each second is sent to every page each second.
    if taken_at is None or taken_at - alert.since < 60:  # noqa: PLR2004 - seconds of a minute
        return t("alerts.since", at=alert.since)
    return t("alerts.since_lasts", at=alert.since, span=60 * ((taken_at - alert.since) // 60))


def gauge(t: Language, known: Assessment, settings: BufferSettings) -> str:
    """Return the buffer's gauge with its threshold."""
    return render(
        "gauge.html",
        t,
        buffer=current.buffer_status(known.overview, settings),
        is_high="buffer_high" in known.raised,
        in_flight=known.overview.ledger.in_flight,
        threshold=f"{settings.buffer_alert_threshold:g}",
    )


def partitions(t: Language, state: State) -> str:
    """Return one cell for each partition: its health, and how full its buffer is."""
    return render("partitions.html", t, parts=current.partitions(state), kinds=_KIND)


def flow(t: Language, known: Assessment) -> str:
    """Return what moves a second."""
    return render("flow.html", t, rates=known.rates, ledger=current.ledger(known.overview))


def writing(t: Language, known: Assessment) -> str:
    """Return how well values are written."""
    overview = known.overview
    return render(
        "writing.html",
        t,
        figures=current.writer_metrics(overview),
        taken=_percent(success_pct(overview.window)),
        taken_ever=_percent(success_pct(overview.ledger.counters)),
        is_low="success_rate_low" in known.raised,
        last=ago(t, overview.age_s(last_write_at(overview))),
    )


def _percent(part: float) -> str:
    # Never rounded up to all: one batch in a million that failed must show.
    return "100 %" if part >= 100 else f"{min(part, 99.99):.2f} %"  # noqa: PLR2004 - percent


def ledger(t: Language, overview: Overview) -> str:
    """Return where every value is, as a picture: from the left to the right as values go."""
    return render("ledger.html", t, ledger=current.ledger(overview))


def actions(t: Language, overview: Overview, offers: Offers, *, is_possible: bool) -> str:
    """Return what is open and what ended last; to who may not act, how one gets to. `is_possible`: anybody may."""
    shown = [
        (known.action, _options(t, known.action), offers.for_action(known.action))
        for known in overview.actions[:ACTIONS_SHOWN]
    ]
    parts = {"kinds": _ENDS, "may_act": offers.may_act, "is_possible": is_possible}
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
