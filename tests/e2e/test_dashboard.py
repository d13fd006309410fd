"""The dashboard in a real browser, over the real pipeline, in every state that it must show."""

import re
import signal

import httpx
import pytest
from playwright.sync_api import Browser

from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from tests.e2e.browsing import Tab
from tests.e2e.scene import Scene
from tests.relay import Relay

pytestmark = pytest.mark.e2e


TOKEN = "s3cret-token-of-the-tests"


def test_healthy_pipeline_is_shown_as_such_by_itself(tab: Tab) -> None:
    tab.shows("state", r"healthy [\d,]+ values a second come in, [\d,]+ reach Oracle")
    tab.shows("flow", r"Come in [1-9][\d,]*")
    services = tab.shows("services", "writer plant-1")
    for role in ("consumer", "monitor", "poller", "writer"):
        assert f"{role} plant-1 running" in services
    assert "Oracle ok, breaker closed, backup ok" in services
    polling = tab.shows("polling", "PLC02 line 2")
    assert "PLC01 line 1 FIXED, every 200 ms now 900" in polling
    assert re.search(r"\d\d:\d\d:\d\d started", tab.text("events"))
    assert tab.page.title() == "healthy, tagpipe"
    assert tab.poor_contrast() == []


def test_page_needs_nothing_from_elsewhere_and_breaks_no_rule_of_its_own(tab: Tab, scene: Scene) -> None:
    tab.shows("flow", r"Come in [1-9]")
    assert [url for url in tab.asked if not url.startswith(scene.url)] == []
    assert tab.complaints == []
    answer = httpx.get(f"{scene.url}/monitoring/buffer")
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert httpx.get(f"{scene.url}/").headers["location"] == "./monitoring/buffer"
    kept = httpx.get(f"{scene.url}/?theme=dark&wall=1&next=//evil").headers["location"]
    assert kept == "./monitoring/buffer?theme=dark&wall=1"


def test_figures_agree_with_the_ledger_and_the_table(tab: Tab, scene: Scene) -> None:
    def at_rest() -> tuple[int, int, int]:
        """Return what came in, what was written and the rows of the table, once nothing moves."""
        scene.stop("poller")
        ledger = scene.pipeline.wait_until_idle()
        ((rows,),) = scene.pipeline.oracle.query(f"SELECT COUNT(*) FROM {scene.pipeline.table}")
        return ledger[Counter.INSERTED], ledger[Counter.WRITTEN], rows

    # Given a pipeline that went on for a while and has come to rest; outages of other tests may lie before that
    _, written_before, rows_before = at_rest()
    scene.make_well()
    wait_until(lambda: scene.pipeline.snapshot()[Counter.WRITTEN] > written_before, what="more to be written")
    inserted, written, rows = at_rest()
    # Expect page, API and table to say the same
    said = tab.shows("ledger", rf"{inserted:,} inserted = .*\b{written:,} written")
    assert f"balances {inserted:,} inserted = " in said
    assert rows - rows_before == written - written_before > 0
    assert httpx.get(f"{scene.url}/api/ledger").json()["written"] == written


@pytest.mark.req("OPS-1")
def test_overflow_is_shown_with_its_figures_and_its_remedy(tab: Tab, scene: Scene, browser: Browser) -> None:
    scene.stop("writer")
    assert "No writer is running" in tab.shows("state", "unhealthy")
    alerts = tab.shows("alerts", "critical Buffer overflowing", 40)
    assert re.search(r"[\d,]+ values discarded in the last 20 s", alerts)
    # Two findings of their own: which of them is told first depends on the moment.
    tab.shows("alerts", "Start one: python -m services.writer")
    assert "10,000 of 10,000 values" in tab.shows("gauge", "above the threshold")
    assert re.search(r"[\d,]+ overflowed \+ 10,000 in buffer", tab.shows("ledger", r"10,000 in buffer"))
    tab.shows("flow", r"Overflow: lost [1-9]")
    tab.picture("overflow-light")
    dark = Tab(browser, scene.url, theme="dark")
    assert dark.poor_contrast() == []
    dark.close()
    # If a writer comes back, expect the page to say so by itself
    scene.make_well()
    tab.shows("gauge", "below the threshold")
    assert "overflow" in tab.shows("events", "Overflow ended")
    # and the loss to be told until a person acknowledges it
    tab.shows("state", r"degraded [\d,]+ values overflowed and are lost")
    scene.run("services.monitor", "acknowledge")
    tab.shows("state", "healthy")


@pytest.mark.req("OPS-1", "OPS-2", "EC-1")
def test_outage_backup_and_recovery_are_shown(tab: Tab, scene: Scene, browser: Browser) -> None:
    # If Oracle goes
    scene.oracle.control.stop_listening("rst")
    # Expect a degraded state that says for how long and how long it can last
    said = tab.shows("alerts", r"Oracle away since .* lasts", 40)
    assert re.search(r"Oracle is away for \d+ s \(writer plant-1\): values go to the backup; nothing is lost", said)
    assert "degraded" in tab.text("state")
    assert "Oracle away, breaker open, backup ok" in tab.shows("services", "Oracle away")
    assert re.search(r"backup_\d+_\d+\.csv [\d,]+ [\d.]+ [kM]B under 1 min open", tab.shows("backups", "open"))
    tab.shows("flow", r"Go to the backup [1-9]")
    dark, phone = Tab(browser, scene.url, theme="dark"), Tab(browser, scene.url, width=390, height=844)
    for other in (tab, dark, phone):
        other.shows("flow", r"Go to the backup [1-9]")
        assert other.poor_contrast() == []
    dark.picture("outage-dark")
    phone.picture("outage-phone")
    dark.close()
    phone.close()
    # If it comes back, expect the files to wait for recover, and to be recovered then
    scene.oracle.control.reset()
    tab.shows("services", "Oracle ok")
    tab.shows("state", "healthy")
    # All of them: a writer that was stopped before may have left one, and recover leaves the one that is open.
    tab.shows("backups", r"^(?!.*\bopen\b).*waiting")
    assert "Backup waiting" in tab.text("alerts")
    scene.recover()
    tab.shows("backups", "0 files to recover, .* recovered", 60)
    tab.shows("ledger", r"[1-9][\d,]* recovered")
    assert "Backup waiting" not in tab.shows("alerts", r"^((?!Backup waiting).)*$")
    tab.picture("recovery-light")


def test_redis_away_is_shown_as_stale_and_ends_by_itself(tab: Tab, scene: Scene) -> None:
    scene.redis.pause()
    said = tab.shows("state", "unknown")
    assert re.search(r"The figures below are those of \d\d:\d\d:\d\d UTC", said)
    tab.shows("freshness", r"stale for \d+ s")
    assert "Redis away" in tab.text("alerts")
    assert tab.poor_contrast() == []
    scene.redis.resume()
    tab.shows("freshness", "live")
    tab.shows("state", "healthy|degraded|unhealthy")


def test_page_that_is_opened_while_redis_is_away_shows_what_was_last_read(
    tab: Tab, scene: Scene, browser: Browser
) -> None:
    """Kind: the figures of the last time that somebody looked, shown as the last that are known."""
    scene.stop("poller")
    inserted = scene.pipeline.wait_until_idle()[Counter.INSERTED]
    tab.shows("ledger", f"balances {inserted:,} inserted")
    tab.page.goto("about:blank")
    # Given that things went on while nobody looked, before Redis went away
    scene.make_well()
    wait_until(lambda: httpx.get(f"{scene.url}/api/ledger").json()["inserted"] > inserted, what="more to come in")
    wait_until(lambda: httpx.get(f"{scene.url}/api/ledger").json()["written"] > inserted, what="it to be written")
    scene.redis.pause()
    wait_until(lambda: httpx.get(f"{scene.url}/readyz").status_code == 503, what="the monitor to know of it")
    late = Tab(browser, scene.url)
    said = re.search(r"([\d,]+) inserted", late.shows("ledger", "inserted"))
    scene.redis.resume()
    assert said
    assert int(said[1].replace(",", "")) > inserted
    assert re.search(r"those of \d\d:\d\d:\d\d UTC", late.text("state")) or "live" in late.text("freshness")
    late.shows("freshness", "live")
    late.close()


def test_pause_holds_the_figures_until_it_is_ended(tab: Tab) -> None:
    tab.shows("flow", r"Come in [1-9]")
    tab.page.get_by_role("button", name="Pause").press("Enter")
    tab.shows("freshness", r"paused at \d\d:\d\d:\d\d UTC")
    held = tab.text("ledger")
    tab.page.wait_for_timeout(1_500)  # several readings, which must not show
    assert tab.text("ledger") == held
    tab.page.get_by_role("button", name="Go on").press("Enter")
    tab.shows("freshness", "live")
    tab.shows("ledger", f"^(?!{re.escape(held)}$)")


def test_silent_monitor_is_told_and_the_page_comes_back_by_itself(scene: Scene, browser: Browser) -> None:
    """Kind: a page that shows the last it heard as the present."""
    scene.make_well()
    url = scene.monitor()
    tab = Tab(browser, url)
    tab.shows("freshness", "live")
    # If the monitor stands still, expect the page to say so, and to be live again when it goes on
    scene.last_monitor.send_signal(signal.SIGSTOP)
    tab.shows("freshness", r"no word from the monitor for \d+ s")
    assert tab.poor_contrast() == []
    scene.last_monitor.send_signal(signal.SIGCONT)
    tab.shows("freshness", "live")
    # If another one takes its place, expect the same
    scene.last_monitor.kill()
    scene.last_monitor.wait()
    tab.shows("freshness", "no word from the monitor")
    scene.monitor(port=int(url.rsplit(":", 1)[1]))
    tab.shows("freshness", "live")
    tab.shows("flow", r"Come in [1-9]")
    tab.close()


def test_connection_that_a_proxy_forgot_is_opened_again(scene: Scene, browser: Browser) -> None:
    """Kind: a connection that looks alive and is not: nothing comes, and no error either."""
    scene.make_well()
    with Relay(int(scene.url.rsplit(":", 1)[1])) as proxy:
        tab = Tab(browser, f"http://127.0.0.1:{proxy.port}")
        tab.shows("freshness", "live")
        proxy.forget()
        tab.shows("freshness", "no word from the monitor")
        tab.shows("freshness", "live")
        tab.shows("flow", r"Come in [1-9]")
        tab.close()


def test_page_that_is_open_for_long_keeps_no_memory(scene: Scene, browser: Browser) -> None:
    """Kind: a page on a wall that grows until the browser ends it: each picture left something behind."""
    scene.make_well()
    page = browser.new_page()
    page.add_init_script(
        """window.EventSource = class extends EventSource { constructor(url) { super(url); window.source = this;
        this.addEventListener("message", ({ data }) => { window.whole ??= data; }); } }"""
    )
    page.goto(f"{scene.url}/monitoring/buffer")
    wait_until(lambda: page.evaluate("() => Boolean(window.whole)"), what="the whole picture")
    tools = page.context.new_cdp_session(page)

    def held_after(pictures: int) -> tuple[int, int]:
        """Return the page's elements and bytes after so many whole pictures."""
        page.evaluate(
            """async (count) => { for (let n = 0; n < count; n++) { source.onmessage({ data: whole });
            if (n % 50 === 0) await new Promise((drawn) => setTimeout(drawn)); } }""",
            pictures,
        )
        tools.send("HeapProfiler.collectGarbage")
        elements, heap = tools.send("Memory.getDOMCounters"), tools.send("Runtime.getHeapUsage")
        return elements["nodes"], heap["usedSize"]

    nodes, size = held_after(50)
    # The first that it heard was whole: that is the most that one picture can leave behind.
    later_nodes, later_size = held_after(1_000)
    assert later_nodes < 2 * nodes
    assert later_size < size + 3_000_000
    page.close()


def test_a_browser_may_show_more_windows_than_it_has_connections(scene: Scene, browser: Browser) -> None:
    """Kind: what holds a connection for each window: with six of them a seventh never loaded, and said nothing."""
    scene.make_well()
    context = browser.new_context(locale="en-US")
    tabs = [Tab(context, scene.url) for _ in range(8)]
    for tab in tabs:
        tab.shows("flow", r"Come in [1-9]")
        tab.shows("freshness", "live")
        moment = tab.page.inner_text("#moment")
        tab.page.wait_for_function("then => document.getElementById('moment').textContent !== then", arg=moment)
    # If others are closed, expect those that asked to hear again
    for tab in tabs[:6]:
        tab.page.close()
    with tabs[-1].page.expect_request("**/monitoring/news?*", timeout=15_000):
        pass
    tabs[-1].shows("freshness", "live")
    assert [tab.complaints for tab in tabs] == [[]] * 8
    context.close()


def test_tab_that_nobody_sees_gives_its_connection_back_and_keeps_its_title(tab: Tab) -> None:
    """Kind: a browser's six connections to one server, all held by tabs in the background."""
    tab.page.evaluate(
        """() => { Object.defineProperty(document, "hidden", { get: () => window.unseen ?? false, configurable: true });
        window.unseen = true; document.dispatchEvent(new Event("visibilitychange")); }"""
    )
    tab.shows("freshness", "no word from the monitor")
    wait_until(lambda: tab.page.evaluate("() => document.title") == "healthy, tagpipe", what="its title")
    tab.page.evaluate("() => { window.unseen = false; document.dispatchEvent(new Event('visibilitychange')); }")
    tab.shows("freshness", "live")


def test_tab_that_is_opened_in_the_background_takes_no_connection_until_it_is_seen(
    scene: Scene, browser: Browser
) -> None:
    page = browser.new_page()
    page.add_init_script(
        "window.unseen = true; Object.defineProperty(document, 'hidden', { get: () => window.unseen })"
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{scene.url}/monitoring/buffer")
    page.wait_for_selector("[data-testid=state] .word")
    assert not [url for url in asked if "/news" in url]
    page.evaluate("() => { window.unseen = false; document.dispatchEvent(new Event('visibilitychange')); }")
    page.get_by_text("live", exact=True).wait_for()
    assert [url for url in asked if "/news" in url]
    page.close()


def test_token_is_asked_for_once_and_an_open_page_does_not_hold_up_the_end(scene: Scene, browser: Browser) -> None:
    url = scene.monitor(MONITOR_API_TOKEN=TOKEN)
    page = browser.new_page()
    page.goto(f"{url}/?theme=dark&lang=ko")
    page.get_by_role("button", name="로그인").wait_for()
    page.goto(f"{url}/?theme=dark&lang=en")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("[data-testid=state] .word")
    assert page.url == f"{url}/monitoring/buffer?theme=dark&lang=en"
    assert page.get_attribute("html", "data-theme") == "dark"
    (cookie,) = [cookie for cookie in page.context.cookies() if cookie["name"].startswith("tagpipe_monitor")]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert TOKEN not in cookie["value"]
    assert page.evaluate("document.cookie") == ""
    # If the address stands in a mail that is read in the browser, expect the page and not the form again
    letter = f'<a href="{url}/monitoring/buffer">Dashboard</a>'
    page.route("http://mail.example/", lambda route: route.fulfill(body=letter, content_type="text/html"))
    page.goto("http://mail.example/")
    page.get_by_role("link", name="Dashboard").click()
    page.wait_for_selector("[data-testid=state] .word")
    # If the monitor is stopped while the page is open, expect it to go in order
    scene.last_monitor.send_signal(signal.SIGTERM)
    assert scene.last_monitor.wait(timeout=5) == 0
    assert "Traceback" not in scene.pipeline.log("monitor")
    page.close()
