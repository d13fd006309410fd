"""How the dashboard looks to whom: languages, zones, themes, screens, a keyboard; in a real browser."""

import re

import httpx
import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import Tab
from tests.e2e.scene import Scene

pytestmark = pytest.mark.e2e


@pytest.mark.usefixtures("tab")  # for nothing is lost then
def test_page_speaks_korean_in_the_zone_of_the_browser_and_remembers_another_choice(
    scene: Scene, browser: Browser
) -> None:
    context = browser.new_context(locale="ko-KR", timezone_id="Asia/Seoul", viewport={"width": 1600, "height": 1150})
    tab = Tab(context, scene.url)
    tab.shows("state", r"정상 초당 [\d,]+개의 값이 들어오고")
    page = tab.page
    assert page.get_attribute("html", "lang") == "ko"
    # Korea is nine hours ahead of UTC, which stands beside it
    here, utc = re.findall(r"(\d\d):(?=\d\d:\d\d)", page.inner_text("#moment"))
    assert (int(here) - int(utc)) % 24 == 9
    assert re.fullmatch(r"\d\d:\d\d:\d\d UTC", page.locator(".c-events time").first.get_attribute("data-utc") or "")
    assert page.title() == "정상, tagpipe"
    assert tab.poor_contrast() == []
    page.get_by_role("button", name="테마: 자동").click()
    tab.picture("korean-dark")
    # Theme, range and language survive a reload, and another visit
    page.get_by_role("button", name="차트: 5분").click()
    page.get_by_role("link", name="English").click()
    page.get_by_role("button", name="Theme: dark").wait_for()
    page.reload()
    for address in ("/monitoring/buffer", "/"):
        page.get_by_role("button", name="Theme: dark").wait_for()
        page.get_by_role("button", name="Charts: 1 h").wait_for()
        assert page.get_attribute("html", "data-theme") == "dark"
        page.goto(f"{scene.url}{address}")
    assert tab.complaints == []
    context.close()


def test_every_time_of_a_page_is_in_one_zone(scene: Scene, browser: Browser) -> None:
    """Kind: the axis of a chart, what is pointed at and the list beside it, each in another zone."""
    scene.make_well()
    context = browser.new_context(timezone_id="Asia/Kathmandu", viewport={"width": 1600, "height": 1150})
    tab = Tab(context, scene.url)
    tab.shows("flow", r"Come in [1-9]")
    page = tab.page
    now = minutes(page.inner_text("#moment"))
    axis = [
        minutes(text) for text in page.locator(".c-flow-chart [data-range='5min'] .time-axis text").all_text_contents()
    ]
    page.locator("section.c-flow-chart .lines").first.hover(position={"x": 300, "y": 60})
    pointed = minutes(tab.shows("flow-chart", r"\d\d:\d\d:\d\d · \d\d:\d\d:\d\d UTC: in ").split("· ")[0].split()[-1])
    written = minutes(page.locator(".c-writing time").inner_text())
    assert page.locator(".c-writing time").get_attribute("title", timeout=5_000)
    assert [at for at in (*axis, pointed, written) if (now - at) % 1440 > 6] == []
    # Nepal is 5 h 45 min ahead of UTC
    assert (now - minutes(page.inner_text("#moment").split("· ")[1])) % 1440 == 345
    context.close()


def minutes(text: str) -> int:
    """Return the minute of the day of the first time in a text."""
    found = re.search(r"(\d\d):(\d\d)", text)
    assert found, text
    return 60 * int(found[1]) + int(found[2])


def test_zone_of_the_monitor_comes_before_that_of_the_browser(scene: Scene, browser: Browser) -> None:
    url = scene.monitor(MONITOR_TIME_ZONE="Asia/Kolkata")
    assert "IST" in httpx.get(f"{url}/monitoring/buffer").text, "without scripts too"
    tab = Tab(browser, url)
    here, utc = re.findall(r"\d\d:(\d\d):\d\d", tab.page.inner_text("#moment"))
    assert (int(here) - int(utc)) % 60 == 30
    tab.close()
    scene.last_monitor.terminate()
    assert scene.last_monitor.wait(timeout=10) == 0


def test_wall_shows_all_that_matters_in_one_screen_of_4k(scene: Scene, browser: Browser) -> None:
    scene.make_well()
    tab = Tab(browser, f"{scene.url}", width=3840, height=2160)
    page = tab.page
    sizes = """() => ["h1", ".word", ".figure dd", ".plot text", ".chip"].map((each) =>
        parseFloat(getComputedStyle(document.querySelector(each)).fontSize))"""
    usual = page.evaluate(sizes)
    page.get_by_role("button", name="Wall").click()
    tab.shows("flow", r"Come in [1-9]")
    assert all(on_wall > 1.3 * before for on_wall, before in zip(page.evaluate(sizes), usual, strict=True))
    assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
        3840,
        2160,
    ]
    for card in ("state", "alerts", "gauge", "flow", "writing", "flow-chart", "ledger"):
        box = page.get_by_test_id(card).bounding_box()
        assert box
        assert box["y"] + box["height"] <= 2160, card
    tab.picture("wall-4k")
    page.reload()
    page.get_by_role("button", name="End wall mode").click()
    page.get_by_role("button", name="Wall", exact=True).wait_for()
    tab.close()


def test_figures_of_a_chart_are_told_where_somebody_points(tab: Tab) -> None:
    tab.shows("flow", r"Come in [1-9]")
    tab.page.locator("section.c-flow-chart .lines").first.hover(position={"x": 200, "y": 60})
    tab.shows("flow-chart", r"\d\d:\d\d:\d\d( UTC)?: in [\d,]+, to Oracle [\d,]+")
    tab.page.get_by_role("button", name="Charts: 5 min").click()
    tab.page.get_by_role("button", name="Charts: 1 h").wait_for()
    assert tab.page.locator(".chart [data-range='1h']").first.is_visible()
    tab.page.reload()
    tab.page.get_by_role("button", name="Charts: 1 h").wait_for()


def test_page_follows_the_system_theme_and_can_be_told_another(scene: Scene, browser: Browser) -> None:
    scene.make_well()
    tab = Tab(browser, scene.url, theme="dark")
    dark = tab.page.locator("html[data-theme=dark]")
    assert dark.count() == 1
    tab.shows("services", "writer plant-1")
    assert tab.poor_contrast() == []
    # On paper there is no dark ground: browsers leave it out, and nobody reads light letters without it.
    tab.page.emulate_media(media="print")
    assert tab.page.evaluate("getComputedStyle(document.body).color") == "rgb(23, 32, 42)"
    assert not tab.page.get_by_role("button", name="Theme").is_visible()
    tab.page.emulate_media(media="screen")
    for theme in ("auto", "dark"):
        tab.page.get_by_role("button", name=f"Theme: {theme}").click()
    dark.wait_for(state="detached")
    tab.close()


def test_phone_shows_all_of_it_without_scrolling_sideways(scene: Scene, browser: Browser) -> None:
    scene.make_well()
    phone = Tab(browser, scene.url, width=390, height=844)
    phone.shows("services", "writer plant-1")
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.close()


def test_keyboard_and_screen_reader_find_their_way(tab: Tab) -> None:
    reached = []
    for _ in range(12):
        tab.page.keyboard.press("Tab")
        reached.append(tab.page.evaluate("document.activeElement.textContent.trim()"))
    assert reached[:6] == ["tagpipe", "Charts: 5 min", "Wall", "Theme: auto", "Pause", "한국어"]
    assert "As a table" in reached
    page = tab.page
    assert page.get_attribute("html", "lang") == "en"
    assert [heading.inner_text() for heading in page.get_by_role("heading", level=1).all()] == ["tagpipe"]
    assert page.get_by_role("status").inner_text().startswith("healthy")
    assert re.search(
        r"of 10,000 values, threshold 80 percent", page.get_attribute("svg[role=meter]", "aria-valuetext") or ""
    )
    # Behind every chart there is a table
    assert page.locator("section:has(.chart) details").count() == page.locator(".chart").count() == 3
    page.locator("summary").first.press("Enter")
    assert page.get_by_role("table", name="Values in and out, 10 seconds a row").is_visible()
