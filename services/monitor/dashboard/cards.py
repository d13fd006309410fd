"""The cards that say how things are: state, alerts, gauge, figures, ledger. No I/O, no clock."""

from collections.abc import Mapping

from services.monitor.assess.alert_kinds import Severity, Status
from services.monitor.assess.assessment import Alert, Assessment
from services.monitor.assess.health import Health, last_write_at
from services.monitor.assess.humanize import clock_time, count_of, duration, milliseconds, number
from services.monitor.assess.stats import mean_lag_ms, mean_latency_ms, percent, percentile_ms
from services.monitor.dashboard.markup import chip, figure, heading, prose, text
from services.monitor.read.overview import Overview
from shared.counters import Counter, Window
from shared.settings import BufferSettings

_KIND = {Status.HEALTHY: "ok", Status.DEGRADED: "warn", Status.UNHEALTHY: "bad"}

#: Length of the gauge's arc: half a circle of radius 80.
_ARC = 251.33

#: Percent of success below which the figure is marked.
_GOOD_SUCCESS_PCT = 99.9


def state(view: Assessment) -> str:
    """Return the state at a glance: a word, a colour, a mark and one sentence."""
    health = view.health
    kind = _KIND[health.status]
    return (
        f'<div class="state {kind}"><p class="word">{text(health.status.value)}</p>'
        f'<p class="why">{text(_sentence(view, health))}</p></div>'
    )


def unknown_state(why: str, taken_at: float | None) -> str:
    """Return what is shown instead while there is nothing fresh."""
    below = f" The figures below are those of {clock_time(taken_at)} UTC." if taken_at else ""
    return f'<div class="state idle"><p class="word">unknown</p><p class="why">{text(why)}.{text(below)}</p></div>'


def spoken_state(view: Assessment) -> str:
    """Return what a screen reader says when it changes: without figures, which change all the time."""
    raised = ", ".join(alert.code.replace("_", " ") for alert in view.alerts)
    return text(f"{view.health.status.value}{': ' + raised if raised else ''}")


def _sentence(view: Assessment, health: Health) -> str:
    rates = view.rates
    if health.status is not Status.HEALTHY:
        first = health.reasons[0]
        return f"{first}." if not first.endswith(".") else first
    if rates.inserted <= 0:
        return "All services run. No values come in just now."
    lag_ms = percentile_ms(view.overview.window, Window.LAG, 50)
    within = f", half of them within {milliseconds(lag_ms)} of their reading" if lag_ms is not None else ""
    return (
        f"{number(round(rates.inserted))} values a second come in, {number(round(rates.written))} reach Oracle{within}."
    )


def alerts(found: tuple[Alert, ...], now: float | None) -> str:
    """Return what is wrong, with the remedy."""
    critical = sum(alert.severity is Severity.CRITICAL for alert in found)
    note = f"{critical} critical, {len(found) - critical} warning" if found else ""
    if not found:
        return heading("alerts", "Alerts") + '<p class="empty">None. Nothing needs a person now.</p>'
    items = "".join(
        f'<li class="{"bad" if alert.severity is Severity.CRITICAL else "warn"}">'
        f"<p>{chip('bad' if alert.severity is Severity.CRITICAL else 'warn', alert.severity.value)} "
        f"<b>{text(alert.code.replace('_', ' '))}</b> "
        f'<span class="note">since {clock_time(alert.since)} UTC{_ago(alert.since, now)}</span></p>'
        f'<p>{text(alert.message)}</p><p class="note cure">{prose(alert.what_to_do)}</p></li>'
        for alert in found
    )
    return heading("alerts", "Alerts", note) + f'<ul class="alerts">{items}</ul>'


def _ago(since: float, now: float | None) -> str:
    # Coarse: what changes each second is sent to every page each second.
    if now is None or now - since < 60:  # noqa: PLR2004 - seconds of a minute
        return ""
    return f", for {duration(60 * ((now - since) // 60))}"


def gauge(now: Overview, settings: BufferSettings) -> str:
    """Return the buffer's gauge with its threshold."""
    held, cap, threshold = now.ledger.in_buffer, settings.buffer_max_size, settings.buffer_alert_threshold
    filled = min(100.0, percent(held, cap))
    kind, word = ("bad", "above the threshold") if filled >= threshold else ("ok", "below the threshold")
    said = f"{held:,} of {cap:,} values, threshold {threshold:g} percent"
    return (
        heading("gauge", "Buffer")
        + f'<svg class="gauge {kind}" viewBox="0 0 200 116" role="meter" aria-labelledby="h-gauge" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{filled:.1f}" aria-valuetext="{text(said)}">'
        '<path class="track" d="M20 104 A80 80 0 0 1 180 104"/>'
        f'<path class="fill" d="M20 104 A80 80 0 0 1 180 104" stroke-dasharray="{_ARC * filled / 100:.1f} 999"/>'
        f'<path class="threshold" d="M8 104 H32" transform="rotate({1.8 * threshold:.1f} 100 104)"/>'
        f'<text x="100" y="88" class="value">{filled:.1f} %</text>'
        f'<text x="100" y="110" class="small">{word}</text></svg>'
        f'<p class="under">{number(held)} of {number(cap)} values<br>'
        f'<span class="note">threshold {threshold:g} %<br>{number(now.ledger.in_flight)} in flight</span></p>'
    )


def flow(view: Assessment) -> str:
    """Return what moves a second."""
    rates, ledger = view.rates, view.overview.ledger
    lost = ledger[Counter.OVERFLOWED]
    return (
        heading("flow", "Values a second", "last 10 s")
        + '<dl class="figures">'
        + figure("Come in", number(round(rates.inserted)), f"{number(ledger[Counter.INSERTED])} in all")
        + figure("Reach Oracle", number(round(rates.written)), f"{number(ledger[Counter.WRITTEN])} in all")
        + figure(
            "Go to the backup",
            number(round(rates.saved)),
            f"{number(ledger[Counter.BACKED_UP])} in all",
            "warn" if rates.saved > 0 else "",
        )
        + figure(
            "Overflow: lost",
            number(round(rates.overflowed)),
            f"{number(lost)} in all ({percent(lost, ledger[Counter.INSERTED]):.3f} %)",
            "bad" if rates.overflowed > 0 else "",
        )
        + "</dl>"
    )


def writing(now: Overview) -> str:
    """Return how well values are written."""
    window, ledger = now.window, now.ledger
    written, failed = window[Counter.BATCHES_WRITTEN], window[Counter.BATCHES_FAILED]
    success = percent(written, written + failed, of_nothing=100.0)
    all_written, all_failed = ledger[Counter.BATCHES_WRITTEN], ledger[Counter.BATCHES_FAILED]
    always = percent(all_written, all_written + all_failed, of_nothing=100.0)
    return (
        heading("writing", "Writing", "last 5 minutes, all writers")
        + '<dl class="figures">'
        + figure(
            "Write latency, 95 % within",
            milliseconds(percentile_ms(window, Window.LATENCY, 95)),
            _mean_and_99(mean_latency_ms(window), window, Window.LATENCY),
        )
        + figure(
            "Reading to Oracle, 95 % within",
            milliseconds(percentile_ms(window, Window.LAG, 95)),
            _mean_and_99(mean_lag_ms(window), window, Window.LAG),
        )
        + figure(
            "Batches taken",
            _percent(success),
            f"{_percent(always)} of {number(all_written + all_failed)} ever",
            "warn" if success < _GOOD_SUCCESS_PCT else "",
        )
        + figure("Last write", *_last_write(now))
        + "</dl>"
    )


def _percent(part: float) -> str:
    # Never rounded up to all: one batch in a million that failed must show.
    return "100 %" if part >= 100 else f"{min(part, 99.99):.2f} %"  # noqa: PLR2004 - percent


def _mean_and_99(mean_ms: float | None, window: Mapping[str, int], prefix: Window) -> str:
    return f"mean {milliseconds(mean_ms)}, 99 % {milliseconds(percentile_ms(window, prefix, 99))}"


def _last_write(now: Overview) -> tuple[str, str]:
    at = last_write_at(now)
    if at is None:
        return "-", "none is known"
    age_s = max(0.0, now.taken_at - at)
    return ("now" if age_s < 2 else f"{duration(age_s)} ago"), f"{clock_time(at)} UTC"  # noqa: PLR2004 - two beats


def ledger(now: Overview) -> str:
    """Return where every value is, as a picture: from the left to the right as values go."""
    figures = now.ledger
    inserted = figures[Counter.INSERTED]

    def place(name: str, count: int, kind: str = "", note: str = "") -> str:
        share = note or (f"{percent(count, inserted):.2f} %" if inserted else "")
        marked = f" {kind}" if count else " none"
        return f'<li class="place{marked}"><b>{number(count)}</b><span>{text(name)}</span><small>{share}</small></li>'

    balance = (
        chip("ok", "balances")
        if figures.balances
        else chip("bad", f"does not balance: {number(inserted - figures.accounted)} in no place")
    )
    queue = count_of(figures.queued_messages + figures.claimed_messages, "message")
    return (
        heading("ledger", "Ledger", "where every value is")
        + '<div class="ledger">'
        + f'<ul aria-label="Came in">{place("inserted", inserted, "", f"{queue} queued")}</ul>'
        + '<span class="arrow" aria-hidden="true"></span>'
        + '<ul aria-label="On the way">'
        + place("in buffer", figures.in_buffer)
        + place("in flight", figures.in_flight)
        + "</ul>"
        + '<span class="arrow" aria-hidden="true"></span>'
        + '<ul aria-label="In the table">'
        + place("written", figures[Counter.WRITTEN], "ok")
        + place("duplicates", figures[Counter.DUPLICATES])
        + "</ul>"
        + '<ul aria-label="In files">'
        + place("backed up", figures[Counter.BACKED_UP], "warn", f"{number(figures[Counter.RECOVERED])} recovered")
        + place("rejected", figures[Counter.REJECTED], "warn")
        + "</ul>"
        + f'<ul aria-label="Lost">{place("overflowed", figures[Counter.OVERFLOWED], "bad")}</ul></div>'
        + f'<p class="sum">{balance} {_sum(now)}</p>'
    )


def _sum(now: Overview) -> str:
    figures = now.ledger
    terms = {
        "overflowed": figures[Counter.OVERFLOWED],
        "in buffer": figures.in_buffer,
        "in flight": figures.in_flight,
        "written": figures[Counter.WRITTEN],
        "duplicates": figures[Counter.DUPLICATES],
        "rejected": figures[Counter.REJECTED],
        "backed up": figures[Counter.BACKED_UP],
    }
    return text(
        f"{number(figures[Counter.INSERTED])} inserted = "
        + " + ".join(f"{number(count)} {name}" for name, count in terms.items() if count or name == "written")
    )
