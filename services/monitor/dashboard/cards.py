"""The cards that say how things are: state, alerts, gauge, figures, ledger. No I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.monitor.api import answers
from services.monitor.api.state import State
from services.monitor.assess.alert_kinds import Severity, Status
from services.monitor.assess.assessment import Alert, Assessment
from services.monitor.assess.health import last_write_at
from services.monitor.assess.humanize import clock_time, count_of, duration, milliseconds, number
from services.monitor.assess.stats import (
    batches_ended,
    mean_lag_ms,
    mean_latency_ms,
    percent,
    percentile_ms,
    success_pct,
)
from services.monitor.dashboard.rendering import render
from services.monitor.read.overview import Overview
from shared.counters import Counter, Window
from shared.settings import BufferSettings

_KIND = {Status.HEALTHY: "ok", Status.DEGRADED: "warn", Status.UNHEALTHY: "bad"}

#: Length of the gauge's arc: half a circle of radius 80.
_ARC = 251.33


@dataclass(frozen=True)
class Figure:
    """A big number with its label; `kind` is ok, warn or bad, or empty."""

    label: str
    value: str
    note: str
    kind: str = ""


@dataclass(frozen=True)
class Place:
    """Where values are, in the ledger's picture."""

    name: str
    count: int
    note: str
    kind: str = ""


def state(state: State) -> str:
    """Return the state at a glance: a word, a colour, a mark and one sentence."""
    known = state.assessment
    if state.failure is None and known is not None:
        health = known.health
        return render("state.html", kind=_KIND[health.status], word=health.status.value, why=_sentence(known))
    below = f" The figures below are those of {clock_time(known.overview.taken_at)} UTC." if known else ""
    why = state.alerts[0].message if state.alerts else "Redis was not read yet"
    return render("state.html", kind="idle", word="unknown", why=f"{why}.{below}")


def spoken_state(state: State) -> str:
    """Return what a screen reader says when it changes: without figures, which change all the time."""
    if state.failure is not None or state.assessment is None:
        return render("text.html", text="unknown: what is shown is old")
    raised = ", ".join(alert.code.replace("_", " ") for alert in state.alerts)
    return render("text.html", text=f"{state.assessment.health.status.value}{': ' + raised if raised else ''}")


def _sentence(known: Assessment) -> str:
    health, rates = known.health, known.rates
    if health.status is not Status.HEALTHY:
        return f"{health.reasons[0].removesuffix('.')}."
    if rates.inserted <= 0:
        return "All services run. No values come in just now."
    lag_ms = percentile_ms(known.overview.window, Window.LAG, 50)
    within = f", half of them within {milliseconds(lag_ms)} of their reading" if lag_ms is not None else ""
    return (
        f"{number(round(rates.inserted))} values a second come in, {number(round(rates.written))} reach Oracle{within}."
    )


def alerts(state: State) -> str:
    """Return what is wrong, with the remedy."""
    taken_at = state.assessment.overview.taken_at if state.assessment else None
    critical = sum(alert.severity is Severity.CRITICAL for alert in state.alerts)
    return render(
        "alerts.html",
        note=f"{critical} critical, {len(state.alerts) - critical} warning" if state.alerts else "",
        alerts=[(alert, _lasts(alert, taken_at)) for alert in state.alerts],
        kinds={Severity.CRITICAL: "bad", Severity.WARNING: "warn"},
    )


def _lasts(alert: Alert, taken_at: float | None) -> str:
    # Coarse: what changes each second is sent to every page each second.
    if taken_at is None or taken_at - alert.since < 60:  # noqa: PLR2004 - seconds of a minute
        return ""
    return f", for {duration(60 * ((taken_at - alert.since) // 60))}"


def gauge(known: Assessment, settings: BufferSettings) -> str:
    """Return the buffer's gauge with its threshold."""
    overview, is_high = known.overview, "buffer_high" in known.raised
    buffer, threshold = answers.buffer_status(overview, settings), settings.buffer_alert_threshold
    filled = min(100.0, buffer.utilization_pct)
    return render(
        "gauge.html",
        kind="bad" if is_high else "ok",
        word="above the threshold" if is_high else "below the threshold",
        held=buffer.current_size,
        cap=buffer.max_size,
        in_flight=overview.ledger.in_flight,
        filled=f"{filled:.1f}",
        dash=f"{_ARC * filled / 100:.1f}",
        threshold=f"{threshold:g}",
        turn=f"{1.8 * threshold:.1f}",
    )


def partitions(state: State) -> str:
    """Return one cell for each partition: its health, and how full its buffer is."""
    parts = answers.partitions(state)
    return render("partitions.html", cells=[(part, "bad" if part.away else _kind_of(part.health)) for part in parts])


def _kind_of(health: Status | None) -> str:
    return _KIND[health] if health else "idle"


def flow(known: Assessment) -> str:
    """Return what moves a second."""
    rates, ledger = known.rates, known.overview.ledger
    lost = ledger[Counter.OVERFLOWED]

    def total(counter: Counter) -> str:
        return f"{number(ledger[counter])} in all"

    figures = [
        Figure("Come in", number(round(rates.inserted)), total(Counter.INSERTED)),
        Figure("Reach Oracle", number(round(rates.written)), total(Counter.WRITTEN)),
        Figure(
            "Go to the backup",
            number(round(rates.backed_up)),
            total(Counter.BACKED_UP),
            "warn" if rates.backed_up > 0 else "",
        ),
        Figure(
            "Overflow: lost",
            number(round(rates.overflowed)),
            f"{total(Counter.OVERFLOWED)} ({percent(lost, ledger[Counter.INSERTED]):.3f} %)",
            "bad" if rates.overflowed > 0 else "",
        ),
    ]
    return render("figures.html", key="flow", title="Values a second", note="last 10 s", figures=figures)


def writing(known: Assessment) -> str:
    """Return how well values are written."""
    overview = known.overview
    window, ledger = overview.window, overview.ledger
    figures = [
        Figure("Write latency, 95 % within", *_times(mean_latency_ms(window), window, Window.LATENCY)),
        Figure("Reading to Oracle, 95 % within", *_times(mean_lag_ms(window), window, Window.LAG)),
        Figure(
            "Batches taken",
            _percent(success_pct(window)),
            f"{_percent(success_pct(ledger.counters))} of {number(batches_ended(ledger.counters))} ever",
            "warn" if "success_rate_low" in known.raised else "",
        ),
        Figure("Last write", *_last_write(overview)),
    ]
    return render("figures.html", key="writing", title="Writing", note="last 5 minutes, all writers", figures=figures)


def _percent(part: float) -> str:
    # Never rounded up to all: one batch in a million that failed must show.
    return "100 %" if part >= 100 else f"{min(part, 99.99):.2f} %"  # noqa: PLR2004 - percent


def _times(mean_ms: float | None, window: Mapping[str, int], prefix: Window) -> tuple[str, str]:
    most, nearly_all = (milliseconds(percentile_ms(window, prefix, part)) for part in (95, 99))
    return most, f"mean {milliseconds(mean_ms)}, 99 % {nearly_all}"


def _last_write(overview: Overview) -> tuple[str, str]:
    at = last_write_at(overview)
    if at is None:
        return "-", "none is known"
    age_s = max(0.0, overview.taken_at - at)
    return ("now" if age_s < 2 else f"{duration(age_s)} ago"), f"{clock_time(at)} UTC"  # noqa: PLR2004 - two beats


def ledger(overview: Overview) -> str:
    """Return where every value is, as a picture: from the left to the right as values go."""
    figures = overview.ledger
    inserted = figures[Counter.INSERTED]

    def place(name: str, count: int, kind: str = "", note: str | None = None) -> Place:
        share = f"{percent(count, inserted):.2f} %" if inserted else ""
        return Place(name, count, share if note is None else note, kind if count else "none")

    queue = count_of(figures.queued_messages + figures.claimed_messages, "message")
    recovered = f"{number(figures[Counter.RECOVERED])} recovered"
    columns = [
        ("Came in", [place("inserted", inserted, "", f"{queue} queued")]),
        ("On the way", [place("in buffer", figures.in_buffer), place("in flight", figures.in_flight)]),
        (
            "In the table",
            [place("written", figures[Counter.WRITTEN], "ok"), place("duplicates", figures[Counter.DUPLICATES])],
        ),
        (
            "In files",
            [
                place("backed up", figures[Counter.BACKED_UP], "warn", recovered),
                place("rejected", figures[Counter.REJECTED], "warn"),
            ],
        ),
        ("Lost", [place("overflowed", figures[Counter.OVERFLOWED], "bad")]),
    ]
    places = [place for _, places in columns[1:] for place in places]
    # In the order of the account: what is lost first.
    ordered = (places[-1], *places[:-1])
    terms = [f"{number(each.count)} {each.name}" for each in ordered if each.count or each.name == "written"]
    difference = figures.difference
    return render(
        "ledger.html",
        columns=columns,
        kind="bad" if difference else "ok",
        verdict=f"does not balance: {number(difference)} in no place" if difference else "balances",
        account=f"{number(inserted)} inserted = {' + '.join(terms)}",
    )
