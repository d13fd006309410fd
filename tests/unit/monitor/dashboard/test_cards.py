"""What the dashboard's cards say, and that nothing from outside becomes markup."""

import doctest
import re
from html.parser import HTMLParser

import pytest

from services.monitor.api.state import Blame, Newest, State
from services.monitor.api.whole import Whole
from services.monitor.assess import humanize
from services.monitor.assess import said as sentences
from services.monitor.assess.alert_kinds import Severity
from services.monitor.assess.assessment import Alert, Assessment, Assessor
from services.monitor.dashboard import cards, charts, tables
from services.monitor.dashboard.language import languages
from services.monitor.dashboard.offers import Offers
from services.monitor.dashboard.picture import Painter
from services.monitor.dashboard.rendering import render
from services.monitor.read.overview import Overview, service_of
from services.monitor.settings import MonitorSettings
from shared.clock import SystemClock
from shared.counters import Counter
from tests.unit.monitor.overviews import NOW, backup_file, consumer, event, healthy_overview, make_overview, writer

SETTINGS = MonitorSettings.model_validate({})
EN = languages()["en"]
ALERT = Alert("odd", Severity.WARNING, NOW, "message", "Run `x <y>`, then wait")
EVIL = "<script>alert('\"&`')</script>"


def seen(overview: Overview) -> Assessment:
    return Assessor(SETTINGS).assess(overview)


def said(html: str) -> str:
    """Return the text of some HTML."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


class Tags(HTMLParser):
    """Collects the tags of some HTML, and sees that they are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag != "br":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert tag == "path", attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


@pytest.mark.parametrize("module", [humanize, sentences])
def test_examples_of_the_docstrings_are_true(module: object) -> None:
    assert doctest.testmod(module, raise_on_error=True).attempted > 0  # type: ignore[arg-type]


def painted(overview: Overview) -> dict[str, str]:
    newest = Newest(SystemClock())
    newest.publish(seen(overview))
    return dict(Painter(Whole([newest]), SETTINGS, EN).picture().cards)


def test_what_comes_from_outside_is_shown_as_text() -> None:
    fields = dict.fromkeys(("state", "version", "host", "oracle", "breaker", "last_error", "backup_failure"), EVIL)
    overview = make_overview(
        services=[
            service_of("writer", EVIL, NOW, {**fields, "backup": "failing"}),
            service_of(EVIL, EVIL, NOW, fields),
        ],
        events=[event(NOW, EVIL, EVIL, EVIL, message=EVIL)],
        backup_files={EVIL: backup_file(state=EVIL)},
        polling={EVIL: {"plc_code": EVIL, "group_name": EVIL, "mode": EVIL, "values": 1, "last_seen_at": NOW}},
        owners=[("writer", EVIL)],
    )
    for name, html in painted(overview).items():
        assert "<script" not in html, name
        Tags(html)
    assert "&lt;script&gt;" in painted(overview)["events"]


@pytest.mark.parametrize("overview", [make_overview(), healthy_overview()], ids=["empty", "at work"])
def test_every_card_is_well_formed_and_says_something(overview: Overview) -> None:
    for name, html in painted(overview).items():
        assert said(html), name
        assert Tags(html).names <= {
            "div", "p", "h2", "span", "b", "ul", "li", "dl", "dt", "dd", "svg", "path", "text", "br", "small", "table",
            "caption", "thead", "tbody", "tr", "th", "td", "code", "a", "time",
        }  # fmt: skip


def test_state_is_a_word_and_a_sentence() -> None:
    well = cards.state(EN, State(seen(healthy_overview())))
    ill = cards.state(EN, State(seen(make_overview(services=[consumer(), writer(oracle="away", breaker="open")]))))
    assert said(well).startswith("healthy")
    assert said(ill).startswith("degraded Oracle is away")


@pytest.mark.parametrize(
    ("held", "kind", "shown"), [(0, "ok", "0.0 %"), (7_999, "ok", "80.0 %"), (8_000, "bad", "80.0 %")]
)
def test_gauge_tells_the_threshold_by_words_too(held: int, kind: str, shown: str) -> None:
    html = cards.gauge(EN, seen(make_overview(in_buffer=held)), SETTINGS)
    assert f'class="gauge {kind}"' in html
    assert shown in html
    assert ("above the threshold" in html) == (kind == "bad")


def test_ledger_that_does_not_balance_says_so() -> None:
    balanced = make_overview(counters={Counter.INSERTED: 1_200, Counter.WRITTEN: 1_200})
    broken = make_overview(counters={Counter.INSERTED: 1_203, Counter.WRITTEN: 1_200})
    assert "balances 1,200 inserted = 1,200 written" in said(cards.ledger(EN, balanced))
    assert "does not balance: 3 in no place" in said(cards.ledger(EN, broken))


def test_success_is_never_rounded_up_to_all() -> None:
    window = {1: {"batches_written": 99_999, "batches_failed": 1}}
    assert "99.99 %" in said(cards.writing(EN, seen(make_overview(window=window))))


def test_lists_are_cut_and_say_where_the_rest_is() -> None:
    files = {f"backup_{number}.csv": backup_file() for number in range(30)}
    html = tables.backups(EN, make_overview(backup_files=files), Offers(EN))
    assert html.count("<tr") == 1 + tables.FILES_SHOWN
    assert "and 22 more: /api/backups" in said(html)


def test_unchanged_cards_are_the_same_text() -> None:
    # Given two readings half a second apart with nothing new, but for their time
    first, second = (painted(make_overview(services=[consumer(), writer()], taken_at=NOW + at)) for at in (0.0, 0.5))
    assert {name for name in first if first[name] != second[name]} == {
        f"{chart.key}/{each.key}" for chart in charts.CHARTS for each in charts.RANGES
    }


def test_commands_in_remedies_are_marked_and_escaped() -> None:
    html = render("alerts.html", EN, note="", alerts=[(ALERT, "", ())], kinds={Severity.WARNING: "warn"})
    assert "Run <code>x &lt;y&gt;</code>, then wait" in html


def test_nothing_is_drawn_twice_for_one_reading() -> None:
    newest = Newest(SystemClock())
    painter = Painter(Whole([newest]), SETTINGS, EN)
    assert painter.picture().freshness == "no data"
    newest.publish(seen(healthy_overview()))
    assert painter.picture() is painter.picture()
    assert painter.picture().freshness == "live"
    newest.fail("connection refused")
    assert painter.picture().freshness.startswith("stale for")
    assert "connection refused" in painter.picture().cards["state"]


def test_card_that_can_not_be_drawn_holds_up_no_other_and_nothing_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: one undrawable record freezes what shows all."""
    newest = Newest(SystemClock())
    painter = Painter(Whole([newest]), SETTINGS, EN)
    newest.publish(seen(healthy_overview()))
    with monkeypatch.context() as broken:
        broken.setattr(tables, "backups", lambda *_: 1 / 0)
        drawn = painter.picture().cards
    assert "be drawn just now" in said(drawn["backups"])
    assert "balances" in said(drawn["ledger"])
    newest.publish(seen(make_overview(backup_files={"backup_20260101_000001.csv": backup_file()}, taken_at=NOW + 1)))
    assert "backup_20260101_000001.csv" in painter.picture().cards["backups"]


def test_monitor_that_is_behind_says_so_on_the_page() -> None:
    newest = Newest(SystemClock())
    painter = Painter(Whole([newest]), SETTINGS, EN)
    newest.publish(seen(healthy_overview()))
    painter.picture()
    newest.fail("a reading could not be worked out", Blame.MONITOR)
    picture = painter.picture()
    assert picture.freshness.startswith("stale for")
    assert "What is shown is old: a reading could not be worked out" in said(picture.cards["state"])
    assert "Redis can't be read" not in " ".join(picture.cards.values())


def test_a_replay_is_said_to_be_one_and_no_lag_of_an_hour() -> None:
    """Kind: a replay of last year is shown as a pipeline that takes 3600 s."""
    window = {"batches_written": 1, "written": 500, "lag:inf": 500}
    assert "95 % within replayed or late 500 values replayed or late" in said(
        cards.writing(EN, seen(make_overview(window={1: window})))
    )
    some = cards.writing(EN, seen(make_overview(window={1: {**window, "lag:500": 500, "lag_sum_ms": 250_000}})))
    assert "95 % within 500 ms mean 500 ms, 99 % 500 ms; 500 values replayed or late" in said(some)
