"""People act on the dashboard: clicked in a real browser, carried out by real services."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page

from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from tests.e2e.browsing import Tab
from tests.e2e.proxying import Proxy
from tests.e2e.scene import OPERATOR_TOKEN, Scene

pytestmark = pytest.mark.e2e

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def signed_in(scene: Scene, browser: Browser) -> Iterator[Tab]:
    """A tab of somebody who has logged in as an operator."""
    scene.make_well()
    tab = Tab(browser, scene.url)
    tab.shows("actions", "Who acts logs in with MONITOR_OPERATOR_TOKEN")
    tab.page.get_by_role("link", name="Log in as operator").click()
    tab.page.get_by_label("Token").fill(OPERATOR_TOKEN)
    tab.page.get_by_role("button", name="Log in").click()
    tab.page.get_by_role("button", name="Log out").wait_for()
    yield tab
    tab.close()


@pytest.fixture
def operator(signed_in: Tab, scene: Scene) -> Tab:
    """The dashboard of an operator over a pipeline that is well."""
    scene.make_well()
    signed_in.page.goto(f"{scene.url}/")
    signed_in.page.wait_for_selector("[data-testid=state] .word")
    return signed_in


def confirm(page: Page, button: str) -> None:
    """Confirm what the dialog asks; it closes when the monitor has taken it."""
    page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()
    page.get_by_role("dialog").wait_for(state="hidden")


def outage(scene: Scene, tab: Tab) -> None:
    """Let Oracle go for a while, so that a backup file waits."""
    scene.oracle.control.stop_listening("rst")
    tab.shows("backups", "open", 40)
    scene.oracle.control.reset()
    tab.shows("backups", "waiting", 40)


def test_reader_has_no_button_and_is_told_how_to_get_them(scene: Scene, browser: Browser) -> None:
    scene.make_well()
    reader = Tab(browser, scene.url)
    reader.shows("services", "writer plant-1")
    assert reader.page.locator("button.act, dialog").count() == 0
    assert httpx.post(f"{scene.url}/api/actions/recover", json={}).status_code == 403
    reader.close()


@pytest.mark.req("OPS-2")
def test_backup_files_are_recovered_with_a_bar_that_moves_and_can_be_stopped(operator: Tab, scene: Scene) -> None:
    outage(scene, operator)
    page = operator.page
    # If somebody only wants to know what there is
    page.get_by_role("button", name="Recover all…").press("Enter")
    dialog = page.get_by_role("dialog", name="Put all backup files into the table?")
    assert dialog.is_visible()
    assert operator.poor_contrast() == []
    dialog.get_by_label("Dry run").check()
    confirm(page, "Recover all")
    page.get_by_text("Asked for: Recover").wait_for()
    operator.shows("actions", "done Recover dry run")
    operator.shows("actions", r"by operator at 127\.0\.0\.1")
    # If it is begun slowly, expect a bar that says how far it is, and that it can be stopped
    page.get_by_role("button", name="Recover all…").click()
    page.get_by_role("dialog").get_by_label("Rows a second at most").fill("200")
    asked = len(httpx.get(f"{scene.url}/api/actions").json()["items"])
    page.get_by_role("dialog").get_by_role("button", name="Recover all", exact=True).dblclick()
    page.get_by_role("dialog").wait_for(state="hidden")
    operator.shows("actions", r"running Recover at most 200 rows a second")
    assert len(httpx.get(f"{scene.url}/api/actions").json()["items"]) == asked + 1, "a double click asks once"
    bar = page.locator("[data-testid=actions] progress").first
    bar.wait_for()
    operator.picture("actions-light")
    before = bar.evaluate("bar => bar.position")
    wait_until(lambda: bar.evaluate("bar => bar.position") > before, what="the bar to move")
    page.get_by_role("button", name="Stop…").click()
    confirm(page, "Stop")
    operator.shows("actions", "stopped Recover at most")
    # If it is done whole, expect every row in the table
    page.locator("[data-testid=backups] tbody").get_by_role("button", name="Recover…").first.click()
    confirm(page, "Recover")
    operator.shows("backups", "0 files to recover", 40)
    ledger = httpx.get(f"{scene.url}/api/ledger").json()
    # What was in the table already is a duplicate.
    assert 0 < ledger["recovered"] <= ledger["backed_up"]
    assert operator.complaints == []


def test_button_keeps_the_focus_while_its_card_is_drawn_anew(operator: Tab) -> None:
    """Kind: a keyboard, or a finger that is on its way, loses what it was at each second."""
    button = operator.page.get_by_role("button", name="Pause…").first
    button.focus()
    button.evaluate("button => { window.pressed = button; }")
    for _ in range(3):
        operator.page.wait_for_function(
            "then => document.getElementById('moment').textContent !== then", arg=operator.page.inner_text("#moment")
        )
    assert operator.page.evaluate("() => document.activeElement === window.pressed && window.pressed.isConnected")


def test_writer_is_paused_loudly_and_goes_on(operator: Tab) -> None:
    page = operator.page
    row = page.locator("[data-testid=services] tr", has_text="writer")
    row.get_by_role("button", name="Pause…").click()
    assert "It gives back what it holds" in page.get_by_role("dialog").inner_text()
    confirm(page, "Pause")
    operator.shows("services", "writer plant-1 paused")
    operator.shows("alerts", "Service paused")
    row.get_by_role("button", name="Resume…").click()
    confirm(page, "Resume")
    operator.shows("services", "writer plant-1 running")


def test_rejected_rows_and_messages_are_seen_retried_and_dropped(operator: Tab, scene: Scene) -> None:
    link, keys, page = scene.pipeline.link, scene.pipeline.keys, operator.page
    # Given rows that Oracle refuses, and a message of somebody who means no good
    scene.oracle.control.refuse_rows(12899, message="ORA-12899: value too large", containing="PLC02.D1", count=30)
    link.command("RPUSH", keys.data_queue, json.dumps({"timestamp": EVIL, "plc_code": EVIL, "tag_values": {EVIL: 1}}))
    operator.shows("rejected", "ORA-12899")
    operator.shows("rejected", r"NO_TIME")
    page.get_by_role("link", name="Details and examples").click()
    operator.shows("rejected", r"ORA-12899 30 rows .*PLC02\.D1")
    # If two rows are ticked and retried, expect them in the table
    operator.picture("rejected-light")
    section = page.get_by_test_id("row:ORA-12899")
    section.get_by_role("button", name="Retry selected…").click()
    page.get_by_text("Select some first.").wait_for()
    for box in section.get_by_role("checkbox").all()[:2]:
        box.check()
    section.get_by_role("button", name="Retry selected…").click()
    confirm(page, "Retry selected")
    operator.shows("actions", "done Retry rejected rows", 40)
    section.get_by_role("checkbox").nth(27).wait_for()
    # The download holds what is kept
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Messages as CSV", exact=True).click()
    assert EVIL in downloading.value.path().read_text()
    # What can't be mended is dropped: not before somebody has said that they know what this does
    section = page.get_by_test_id("message:NO_TIME")
    section.locator("summary").click()
    wait_until(lambda: EVIL in section.inner_text(), what="the example, as text")
    assert section.locator("img").count() == 0
    section.get_by_role("button", name="Drop all…").click()
    go = page.get_by_role("dialog").get_by_role("button", name="Drop all", exact=True)
    assert go.is_disabled()
    page.get_by_role("dialog").get_by_label("Yes, I know what this does.").check()
    confirm(page, "Drop all")
    operator.shows("actions", "done Drop messages", 40)
    assert operator.poor_contrast() == []
    assert operator.complaints == []
    page.get_by_role("link", name="All of it").click()
    # A loss, until somebody says that it is known
    operator.shows("alerts", "Rejected dropped")
    page.get_by_role("button", name="Acknowledge…").first.click()
    page.get_by_role("dialog").get_by_label("Yes, I know what this does.").check()
    confirm(page, "Acknowledge")
    operator.shows("alerts", r"^((?!Rejected dropped).)*$", 40)


@pytest.mark.parametrize(("button", "place"), [("Retry", "recovered"), ("Set aside", "set_aside")])
def test_whole_file_of_rejected_rows_is_retried_or_set_aside(
    operator: Tab, scene: Scene, button: str, place: str
) -> None:
    page, files = operator.page, operator.page.locator("[data-testid=backups] tbody tr")
    # What an earlier test left open would take the new rows, too.
    files.filter(has_text="rejected_").filter(has_text="open").first.wait_for(state="detached", timeout=40_000)
    known = set(scene.pipeline.directory.glob("backup/**/rejected_*.csv"))
    before = scene.pipeline.snapshot()[Counter.RECOVERED]
    # Given a file of rejected rows that no writer has open any more
    scene.oracle.control.refuse_rows(12899, message="ORA-12899: value too large", containing="PLC02.D17", count=7)
    (path,) = wait_until(lambda: set(scene.pipeline.directory.glob("backup/rejected_*.csv")) - known, what="the file")
    row = files.filter(has_text=path.name)
    row.filter(has_text="waiting").wait_for(timeout=40_000)
    # If it is asked for as a whole, expect to be told of which file, and whether it comes back
    row.get_by_role("button", name=f"{button}…").click()
    dialog = page.get_by_role("dialog")
    assert path.name in dialog.inner_text()
    sure = dialog.get_by_label("Yes, I know what this does.")
    assert sure.is_visible() == (place == "set_aside")
    if sure.is_visible():
        sure.check()
    confirm(page, button)
    operator.shows("actions", rf"^Actions .*?done [\w ]+ {re.escape(path.name)}", 40)
    # Expect it where it was put, and no longer among what waits
    row.filter(has_text="waiting").wait_for(state="detached")
    assert (path.parent / place / path.name).is_file()
    recovered = 7 if place == "recovered" else 0
    wait_until(lambda: scene.pipeline.snapshot()[Counter.RECOVERED] - before == recovered, what="the ledger to say so")
    assert operator.complaints == []


def test_process_that_was_killed_is_forgotten(operator: Tab, scene: Scene) -> None:
    page = operator.page
    second = scene.pipeline.start("writer", INSTANCE_NAME="plant-2")
    operator.shows("services", "writer plant-2 running")
    row = page.locator("[data-testid=services] tr", has_text="plant-2")
    assert row.get_by_role("button", name="Forget…").count() == 0, "what lives can't be forgotten"
    second.kill()
    second.wait()
    operator.shows("services", "writer plant-2 lost", 40)
    row.get_by_role("button", name="Forget…").click()
    assert "Forget writer:plant-2?" in page.get_by_role("dialog").inner_text()
    page.get_by_role("dialog").get_by_label("Yes, I know what this does.").check()
    confirm(page, "Forget")
    operator.shows("actions", "done Forget service writer:plant-2", 20)
    row.wait_for(state="detached")


def test_nothing_reaches_beyond_its_card_however_wide_the_window_is(operator: Tab, scene: Scene) -> None:
    """Kind: a button of an operator's lies below the next card, and can't be pressed."""
    link, keys, page = scene.pipeline.link, scene.pipeline.keys, operator.page
    # Given what makes tables wide: buttons, long names without a blank, a reason
    scene.oracle.control.refuse_rows(12899, message="ORA-12899: value too large", containing="PLC02.D18", count=5)
    plc, tag = "PLC_" + "7" * 40, "address_" * 14
    poll = {"timestamp": "2026-01-01T00:00:00", "plc_code": plc, "group_name": "g" * 60, "tag_values": {tag: 1}}
    link.command("RPUSH", keys.data_queue, json.dumps(poll), json.dumps({"plc_code": plc, "tag_values": {tag: 1}}))
    operator.shows("backups", "rejected_.* waiting Retry", 40)
    operator.shows("polling", "PLC_777")
    beyond = []
    try:
        for path in ("buffer", "rejected", f"plc?code={plc}"):
            page.goto(f"{scene.url}/monitoring/{path}")
            page.wait_for_selector("[data-testid]")
            page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            for width in (320, 390, 601, 768, 901, 1024, 1280, 1400, 1920):
                beyond += [f"{path} {each}" for each in operator.beyond(width)]
    finally:
        page.set_viewport_size({"width": 1600, "height": 1150})
    assert not beyond, "\n".join(beyond)


def test_group_and_process_that_are_gone_are_forgotten(operator: Tab, scene: Scene) -> None:
    link, keys, page = scene.pipeline.link, scene.pipeline.keys, operator.page
    # Given a group of another engine that sent once, with a name that would be markup
    poll = {"timestamp": "2026-01-01T00:00:00", "plc_code": EVIL, "group_name": "gone", "tag_values": {"D1": 1}}
    link.command("RPUSH", keys.data_queue, json.dumps(poll))
    row = page.locator("[data-testid=polling] tr", has_text="gone")
    row.get_by_role("button", name="Forget…").click()
    assert f"Forget {EVIL} gone?" in page.get_by_role("dialog").inner_text()
    page.get_by_role("dialog").get_by_label("Yes, I know what this does.").check()
    confirm(page, "Forget")
    row.wait_for(state="detached")
    assert page.locator("img").count() == 0


def test_refusal_is_told_in_the_dialog_and_nothing_is_done(operator: Tab, scene: Scene) -> None:
    """Kind: a button that does nothing and says nothing."""
    page = operator.page
    page.get_by_role("button", name="Pause…").first.click()
    # The session ends elsewhere, meanwhile
    page.route("**/api/actions/pause", lambda route: route.fulfill(status=403, json={"message": "Only an operator"}))
    page.get_by_role("dialog").get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("dialog").get_by_role("alert").wait_for()
    assert "Not done: Only an operator" in page.get_by_role("dialog").inner_text()
    page.unroute("**/api/actions/pause")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    assert httpx.get(f"{scene.url}/api/services").text.count('"paused"') == 0


def test_plc_has_a_page_and_tags_are_found_by_parts_of_their_names(operator: Tab) -> None:
    page = operator.page
    page.get_by_label("Last values of tags").fill("plc02 d10")
    operator.shows("tags", r"PLC02\.D10\d? \S+ .*GOOD")
    assert "PLC01" not in page.inner_text("#tags-found")
    page.get_by_role("link", name="PLC02").first.click()
    assert re.search(r"Values a second 500", operator.shows("plc", "line 2 FIXED, every 200 ms"))
    operator.shows("tags", r"PLC02\.D1")
    assert operator.poor_contrast() == []
    page.get_by_role("link", name="All PLCs").click()
    assert re.search(r"PLC01 1 900 4,500", operator.shows("plc", "PLC02"))


def test_card_drawn_anew_keeps_each_row_what_it_was(operator: Tab) -> None:
    """Kind: rows that move under a finger: what was pressed on one thing is asked for of another."""
    kept = operator.page.evaluate(
        """async () => {
        const main = document.querySelector("script[src$='main.js']").src;
        const { place } = await import(main.replace("main.js", "morph.js"));
        const card = document.createElement("section");
        const row = (key, text) => `<tr data-key="${key}"><td><input type="checkbox"></td><td>${text}</td></tr>`;
        const table = (...rows) =>
          `<details><summary>x</summary><table><tbody>${rows.join("")}</tbody></table></details>`;
        document.body.append(card);
        place(card, table(row("a", "1"), row("b", "2")));
        const [a, b] = card.querySelectorAll("tr");
        card.querySelector("details").open = true;
        b.querySelector("input").checked = true;
        place(card, table(row("c", "0"), row("b", "3"), row("a", "1"), row("b", "twice")));
        const now = [...card.querySelectorAll("tr")];
        const ticked = now.map((each) => each.querySelector("input").checked);
        const found = [now[1] === b, now[2] === a, b.textContent, ticked,
          card.querySelector("details").open];
        place(card, table());
        found.push(card.querySelectorAll("tr").length);
        card.remove();
        return found;
        }"""
    )
    assert kept == [True, True, "3", [False, True, False, False], True, 0]


def test_who_logs_out_elsewhere_has_no_buttons_any_more(operator: Tab) -> None:
    """Kind: a stream that was begun in a session goes on for ever when the session is over, or a page says it does."""
    elsewhere = operator.page.context.new_page()
    elsewhere.goto(operator.page.url)
    elsewhere.get_by_role("button", name="Log out").click()
    elsewhere.get_by_label("Token").wait_for()
    elsewhere.close()
    operator.shows("actions", "Who acts logs in with MONITOR_OPERATOR_TOKEN")
    assert operator.page.locator("button.act").count() == 0
    operator.page.get_by_role("button", name="Log out").wait_for(state="hidden")


def test_all_of_it_works_behind_a_proxy_as_nginx_is_by_default(scene: Scene, browser: Browser) -> None:
    """Kind: one place, named as the browser names it: a proxy has a path of its own and asks by another name."""
    scene.make_well()
    with Proxy(scene.url, "/plant/tagpipe") as proxy:
        tab, root = Tab(browser, f"{proxy.url}/plant/tagpipe"), f"{proxy.url}/plant/tagpipe/"
        page = tab.page
        tab.shows("freshness", "live")
        page.get_by_role("link", name="Log in as operator").click()
        page.get_by_label("Token").fill(OPERATOR_TOKEN)
        page.get_by_role("button", name="Log in").click()
        row = page.locator("[data-testid=services] tr", has_text="consumer")
        for wish, state in (("Pause", "paused"), ("Resume", "running")):
            row.get_by_role("button", name=f"{wish}…").click()
            confirm(page, wish)
            tab.shows("services", f"consumer plant-1 {state}")
        page.get_by_role("link", name="PLC02").first.click()
        tab.shows("plc", "line 2 FIXED, every 200 ms")
        page.get_by_label("Last values of tags").fill("d10")
        tab.shows("tags", r"PLC02\.D10")
        page.goto(f"{root}monitoring")
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Token").wait_for()
        assert page.url == f"{root}monitoring/login"
        assert [asked for asked in tab.asked if not asked.startswith(root)] == []
        assert tab.complaints == []
        tab.close()


def test_everything_that_was_asked_for_balances_in_the_end(scene: Scene) -> None:
    scene.make_well()
    scene.stop("poller")
    ledger = scene.pipeline.wait_until_idle()
    assert ledger.balances
    assert ledger[Counter.RECOVERED] > 0
    scene.make_well()
