"""The cards that say how things are: state, alerts, gauge, figures, ledger. No I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from services.monitor.api.answers import current
from services.monitor.api.state import State
from services.monitor.assess.alert_kinds import Severity, Status
from services.monitor.assess.assessment import Alert, Assessment
from services.monitor.assess.health import last_write_at
from services.monitor.assess.humanize import number
from services.monitor.assess.stats import (
    batches_ended,
    late,
    mean_lag_ms,
    mean_latency_ms,
    percent,
    percentile_ms,
    success_pct,
)
from services.monitor.dashboard.language import Language
from services.monitor.dashboard.offers import Offers
from services.monitor.dashboard.rendering import render
from services.monitor.dashboard.tables import ago
from services.monitor.read.overview import Overview
from shared.counters import Counter, Window
from shared.settings.models import BufferSettings

_KIND = {Status.HEALTHY: "ok", Status.DEGRADED: "warn", Status.UNHEALTHY: "bad"}


@dataclass(frozen=True)
class Figure:
    """A big number with its label; `kind` is ok, warn or bad, or empty."""

    label: str
    value: str
    note: str
    kind: str = ""


@dataclass(frozen=True)
class Place:
    """Where values are, in the ledger's picture; the key names it in the catalogue."""

    key: str
    count: int
    note: str
    kind: str = ""


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
    rates, ledger = known.rates, known.overview.ledger

    def figure(key: str, rate: float, counter: Counter, kind: str = "") -> Figure:
        shown = t("flow.total", count=ledger[counter])
        if counter is Counter.OVERFLOWED:
            shown = t("flow.total_lost", count=ledger[counter], pct=percent(ledger[counter], ledger[Counter.INSERTED]))
        return Figure(t(key), number(round(rate)), shown, kind if rate > 0 else "")

    figures = [
        figure("flow.in", rates.inserted, Counter.INSERTED),
        figure("flow.oracle", rates.written, Counter.WRITTEN),
        figure("flow.backup", rates.backed_up, Counter.BACKED_UP, "warn"),
        figure("flow.lost", rates.overflowed, Counter.OVERFLOWED, "bad"),
    ]
    return render("figures.html", t, key="flow", figures=figures)


def writing(t: Language, known: Assessment) -> str:
    """Return how well values are written."""
    overview = known.overview
    window, ledger = overview.window, overview.ledger
    figures = [
        Figure(t("writing.latency"), *_times(t, mean_latency_ms(window), window, Window.LATENCY)),
        Figure(t("writing.lag"), *_lag(t, window)),
        Figure(
            t("writing.taken"),
            _percent(success_pct(window)),
            t("writing.taken_ever", pct=_percent(success_pct(ledger.counters)), count=batches_ended(ledger.counters)),
            "warn" if "success_rate_low" in known.raised else "",
        ),
        Figure(t("writing.last"), *_last_write(t, overview)),
    ]
    return render("figures.html", t, key="writing", figures=figures)


def _percent(part: float) -> str:
    # Never rounded up to all: one batch in a million that failed must show.
    return "100 %" if part >= 100 else f"{min(part, 99.99):.2f} %"  # noqa: PLR2004 - percent


def _times(t: Language, mean_ms: float | None, window: Mapping[str, int], prefix: Window) -> tuple[str, str]:
    most, nearly_all = (percentile_ms(window, prefix, part) for part in (95, 99))
    return t.say_time_span(most), t("writing.times", mean=mean_ms, most=nearly_all)


def _lag(t: Language, window: Mapping[str, int]) -> tuple[str, str]:
    mean_ms, count = mean_lag_ms(window), late(window)
    if not count:
        return _times(t, mean_ms, window, Window.LAG)
    # An hour, or a year, is no measure of how quick the pipeline is.
    replayed = t("writing.late", count=count)
    if mean_ms is None:
        return t("writing.all_late"), replayed
    most, note = _times(t, mean_ms, window, Window.LAG)
    return most, f"{note}; {replayed}"


def _last_write(t: Language, overview: Overview) -> tuple[str, str]:
    at = last_write_at(overview)
    return ago(t, overview.age_s(at)), t("writing.last_unknown") if at is None else t.say_clock(at)


def ledger(t: Language, overview: Overview) -> str:
    """Return where every value is, as a picture: from the left to the right as values go."""
    figures = overview.ledger
    inserted = figures[Counter.INSERTED]

    def place(key: str, count: int, kind: str = "", note: str | None = None) -> Place:
        share = t("ledger.share", pct=percent(count, inserted)) if inserted else ""
        return Place(key, count, share if note is None else note, kind if count else "none")

    queued = t("ledger.queued", count=figures.queued_messages + figures.claimed_messages)
    recovered = t("ledger.recovered", count=figures[Counter.RECOVERED])
    columns = [
        ("came_in", [place("inserted", inserted, "", queued)]),
        ("on_the_way", [place("in_buffer", figures.in_buffer), place("in_flight", figures.in_flight)]),
        (
            "in_table",
            [place("written", figures[Counter.WRITTEN], "ok"), place("duplicates", figures[Counter.DUPLICATES])],
        ),
        (
            "in_files",
            [
                place("backed_up", figures[Counter.BACKED_UP], "warn", recovered),
                place("rejected", figures[Counter.REJECTED], "warn"),
            ],
        ),
        ("lost", [place("overflowed", figures[Counter.OVERFLOWED], "bad")]),
    ]
    places = [place for _, places in columns[1:] for place in places]
    # In the order of the account: what is lost first.
    ordered = (places[-1], *places[:-1])
    difference = figures.difference
    return render(
        "ledger.html",
        t,
        columns=columns,
        kind="bad" if difference else "ok",
        verdict=t("ledger.unbalanced", count=difference) if difference else t("ledger.balances"),
        inserted=inserted,
        terms=[each for each in ordered if each.count or each.key == "written"],
    )
