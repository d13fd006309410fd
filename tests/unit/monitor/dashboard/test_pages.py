"""What an open page is sent: everything first, then what changes, and it never falls silent for good."""

import asyncio
import json
import re
from typing import Any

import pytest

from services.monitor.api.state import Newest
from services.monitor.api.whole import Whole
from services.monitor.assess.assessment import Assessor
from services.monitor.dashboard import pages, tables
from services.monitor.dashboard.pages import Dashboard
from services.monitor.dashboard.picture import Painter
from services.monitor.dashboard.wishes import Wishes
from services.monitor.settings import MonitorSettings
from tests.fakes import FakeClock
from tests.unit.monitor.overviews import NOW, backup_file, healthy_overview, make_overview

SETTINGS = MonitorSettings.model_validate({})
WISHES = Wishes("en", {})


@pytest.fixture
def newest() -> Newest:
    return Newest(FakeClock())


def news(newest: Newest, *changes: Any) -> list[dict[str, Any]]:
    """Return what a page hears that is open while these changes happen, each after the news of the one before."""
    closing = asyncio.Event()
    dashboard, left = Dashboard(Whole([newest]), SETTINGS, closing), list(changes)

    async def listen() -> list[dict[str, Any]]:
        heard = []
        async for event in dashboard.news(WISHES):
            heard.append(json.loads(event.raw_data or ""))
            if left:
                left.pop(0)()
            else:
                closing.set()
        return heard

    return asyncio.run(listen())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_NEWS_S", 0.001)


def reads(newest: Newest, overview: Any) -> Any:
    return lambda: newest.publish(Assessor(SETTINGS).assess(overview))


def test_first_news_is_everything_and_the_next_what_changed(newest: Newest) -> None:
    reads(newest, make_overview())()
    later = make_overview(backup_files={"backup_1.csv": backup_file()}, taken_at=NOW + 0.5)
    first, second = news(newest, reads(newest, later))
    assert {"state", "alerts", "ledger", "backups", "flow-chart/5min", "flow-chart/1h", "flow-chart/table"} <= set(
        first["cards"]
    )
    assert set(second["cards"]) == {"alerts", "backups", "spoken"}
    assert "backup_1.csv" in second["cards"]["backups"]


def test_page_that_missed_a_picture_gets_everything(newest: Newest) -> None:
    reads(newest, make_overview())()
    closing = asyncio.Event()
    dashboard = Dashboard(Whole([newest]), SETTINGS, closing)

    async def miss_one() -> dict[str, Any]:
        listening = dashboard.news(WISHES)
        await anext(listening)
        for at in (0.5, 1.0):
            reads(newest, make_overview(taken_at=NOW + at))()
            dashboard.page(WISHES)  # somebody else's page draws the picture in between
        second: dict[str, Any] = json.loads((await anext(listening)).raw_data or "")
        return second

    assert "ledger" in asyncio.run(miss_one())["cards"]


def test_redis_away_is_news_and_so_is_each_second_of_it(newest: Newest) -> None:
    clock = newest._clock
    assert isinstance(clock, FakeClock)
    reads(newest, healthy_overview())()

    def a_second_later() -> None:
        clock.seconds += 1

    heard = news(newest, lambda: newest.fail("connection refused"), a_second_later)
    assert [each["freshness"] for each in heard] == ["live", "stale for 0 s", "stale for 1 s"]
    assert heard[1]["title"] == "? unknown, tagpipe"
    assert "connection refused" in heard[1]["cards"]["state"]
    assert "ledger" not in heard[1]["cards"], "the last known stays"


def test_card_that_can_not_be_drawn_holds_up_no_news(newest: Newest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: one undrawable record freezes every page for good while it says that it is live."""
    monkeypatch.setattr(tables, "events", lambda *_: 1 / 0)
    reads(newest, healthy_overview())()
    (first,) = news(newest)
    assert "be drawn just now" in first["cards"]["events"]
    assert "balances" in first["cards"]["ledger"]


def test_picture_that_can_not_be_drawn_at_all_ends_no_page(newest: Newest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: one fault ends what everybody listens to."""
    reads(newest, healthy_overview())()
    painter = Painter
    faults = iter([True, False])
    draw = painter.picture

    def picture(self: Any) -> Any:
        assert not next(faults, False), "the first can't be drawn"
        return draw(self)

    monkeypatch.setattr(painter, "picture", picture)
    (first,) = news(newest)
    assert first["freshness"] == "live"


def test_page_can_be_read_without_a_script(newest: Newest) -> None:
    reads(newest, healthy_overview())()
    html = Dashboard(Whole([newest]), SETTINGS, asyncio.Event()).page(WISHES)
    assert "balances" in html
    assert "<title>healthy, tagpipe</title>" in html
    assert "style=" not in html
    assert re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL) == ["", ""], "nothing in the page itself is run"
