"""A browser for the dashboard's tests: the system's Chromium, driven by playwright."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from sandbox.harness.waiting import StuckError, wait_until

#: Where pictures of the states go, if anywhere: `DASHBOARD_PICTURES=docs/images pytest tests/e2e/test_dashboard.py`.
PICTURES = os.environ.get("DASHBOARD_PICTURES")

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

#: Contrast of each piece of text with what lies behind it, as WCAG 2 defines it; pieces below 4.5 are returned.
_CONTRAST = """() => {
  const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => { const f = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll("header *, main *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), svg = e instanceof SVGElement;
    const a = light(parse(svg ? style.fill : style.color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${e.tagName} ${e.textContent.trim().slice(0, 40)}`);
  }
  return poor;
}"""


#: Text and buttons that reach beyond their card, where another card covers them, and how far the page scrolls sideways.
_BEYOND = """() => {
  const wide = document.documentElement.scrollWidth - innerWidth, beyond = wide > 0 ? [`the page by ${wide}`] : [];
  for (const card of document.querySelectorAll("main > *")) {
    const edge = card.getBoundingClientRect().right + 1, texts = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
    const parts = [...card.querySelectorAll("button")];
    while (texts.nextNode())
      if (!texts.currentNode.parentElement.closest(".unseen, thead")) {
        parts.push(document.createRange());
        parts.at(-1).selectNodeContents(texts.currentNode);
      }
    for (const part of parts) {
      const { right, width } = part.getBoundingClientRect(), what = (part.textContent ?? `${part}`).trim().slice(0, 40);
      if (width && right > edge) beyond.push(`${card.dataset.testid}: ${what} by ${Math.round(right - edge)}`);
    }
  }
  return beyond;
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium; skip the tests where there is none."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium on PATH (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_QUIET))
        yield browser
        browser.close()


class Tab:
    """One open dashboard, and all that it asked for and complained of."""

    def __init__(
        self,
        browser: Browser | BrowserContext,
        url: str,
        *,
        theme: str = "light",
        width: int = 1600,
        height: int = 1150,
    ) -> None:
        if isinstance(browser, Browser):
            browser = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if theme == "dark" else "light",
                locale="en-US",
                timezone_id="UTC",
            )
        self.page: Page = browser.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{url}/monitoring/buffer")
        self.page.wait_for_selector("[data-testid=state] .word")

    def text(self, card: str) -> str:
        """Return what a card says, blanks made single."""
        return re.sub(r"\s+", " ", self.page.inner_text(f"[data-testid={card}]"))

    def shows(self, card: str, pattern: str, timeout_s: float = 30.0) -> str:
        """Wait until a card says something; return all that it says then."""
        look = re.compile(pattern)

        def said() -> str:
            # Events of the page are handled only while playwright is at work.
            self.page.wait_for_timeout(50)
            text = self.text(card)
            return text if look.search(text) else ""

        try:
            return wait_until(said, timeout_s, f"{card} to say {pattern!r}")
        except StuckError as error:
            raise AssertionError(f"{error}; it says: {self.text(card)}") from None

    def state(self) -> str:
        """Return the one word."""
        return self.page.inner_text("[data-testid=state] .word")

    def poor_contrast(self) -> list[str]:
        """Return the pieces of text whose contrast is below 4.5:1."""
        poor: list[str] = self.page.evaluate(_CONTRAST)
        return poor

    def beyond(self, width: int) -> list[str]:
        """Return what reaches beyond its card, or the page, in a window so wide."""
        self.page.set_viewport_size({"width": width, "height": 1000})
        self.page.wait_for_timeout(100)
        beyond: list[str] = self.page.evaluate(_BEYOND)
        return [f"{width}: {each}" for each in beyond]

    def picture(self, name: str) -> None:
        """Save a picture of what is seen without scrolling, if pictures are wanted."""
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))

    def close(self) -> None:
        """Close the tab."""
        self.page.context.close()
