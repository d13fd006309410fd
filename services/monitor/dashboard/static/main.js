// The dashboard's script. All figures, words and lines are drawn by the monitor; this puts them in their places as they
// come, and says when none come.

import "./acting.js";
import { keepFresh } from "./fragments.js";
import { place } from "./morph.js";
import { givePlace, takePlace } from "./places.js";
import "./search.js";
import { point } from "./pointing.js";
import { say } from "./texts.js";
import { besideUtc, localise } from "./times.js";

const SILENT_S = 5; // without news the page is not live; the monitor has some each second
const REOPEN_S = 15; // after that the connection is dead, whatever the browser thinks: a proxy, a laptop that slept
const RETRY_MS = 2000;
const ASK_MS = 1000; // how often a page asks that has no place to hear
const HIDDEN_MS = 15000; // how often a tab that nobody sees looks after its title

const byId = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.shown = this.newest = { freshness: byId("freshness").textContent };
    this.waiting = {}; // cards by name that are not shown yet
    this.pausedAt = null;
    this.heardAt = performance.now();
    this.ranges = [...new Set([...document.querySelectorAll(".chart [data-range]")].map((chart) => chart.dataset.range))];
    const listenIfSeen = () => (document.hidden ? this.hide() : this.listen());
    localise(document);
    const first = document.querySelector("#moment time");
    if (first) byId("moment").textContent = besideUtc(new Date(first.dateTime), "clock");
    this.buttons();
    listenIfSeen();
    this.showRange();
    this.showFreshness();
    keepFresh(() => this.pausedAt !== null);
    setInterval(() => this.watch(), 1000);
    document.addEventListener("visibilitychange", listenIfSeen);
    addEventListener("pagehide", givePlace);
  }

  buttons() {
    const on = (id, label, act) => {
      const button = byId(id);
      if (!button) return;
      const show = () => (button.textContent = label());
      button.hidden = false;
      button.addEventListener("click", () => { act(); show(); });
      show();
    };
    on("theme", () => say("theme", { theme: say(`theme_${choices.of("theme", THEMES)}`) }), () => {
      choices.next("theme", THEMES);
      showChoices();
    });
    on("wall", () => say(choices.of("wall", WALL) === "1" ? "wall_end" : "wall"), () => {
      choices.next("wall", WALL);
      showChoices();
    });
    on("range", () => say("charts", { range: this.rangeName() }), () => {
      choices.next("range", this.ranges);
      this.showRange();
    });
    on("pause", () => say(this.pausedAt === null ? "pause" : "go_on"), () => {
      this.pausedAt = this.pausedAt === null ? byId("moment").textContent : null;
      this.show();
    });
    for (const link of document.querySelectorAll("a[data-language]")) {
      link.addEventListener("click", () => {
        const address = new URLSearchParams(choices.address);
        address.set("lang", link.hreflang);
        link.href = `?${address}`;
      });
    }
  }

  rangeName() {
    return document.querySelector(`.chart [data-range="${choices.of("range", this.ranges)}"]`).dataset.label;
  }

  showRange() {
    const range = choices.of("range", this.ranges);
    for (const chart of document.querySelectorAll(".chart [data-range]")) chart.hidden = chart.dataset.range !== range;
  }

  // --- News ---------------------------------------------------------------------------------------------------------

  listen() {
    this.stop();
    this.heardAt = performance.now();
    if (!takePlace()) {
      this.source = null;
      this.asks = setInterval(() => this.ask(), ASK_MS);
      this.ask();
      return;
    }
    this.source = new EventSource(`news?lang=${document.documentElement.lang}`);
    this.source.onmessage = (event) => this.take(JSON.parse(event.data));
    this.source.addEventListener("session", ({ data }) => (byId("log-out").hidden = data !== "open"));
    // The browser tries again by itself, but not after an answer that is none: a proxy's 502, a token that is over.
    this.source.onerror = () => {
      if (this.source?.readyState === EventSource.CLOSED && !document.hidden) this.askAgain();
    };
  }

  async askAgain() {
    clearTimeout(this.retry);
    this.retry = setTimeout(async () => {
      const answer = await fetch(location.pathname).catch(() => null);
      if (answer?.status === 401) location.reload(); // shows the form that asks for the token
      else if (!document.hidden) this.listen();
    }, RETRY_MS);
  }

  stop() {
    this.source?.close();
    clearInterval(this.titles);
    clearInterval(this.asks);
  }

  // For a page that has no place to hear: the whole picture, again and again, until there is one.
  async ask() {
    if (this.isAsking) return;
    this.isAsking = true;
    const signal = AbortSignal.timeout(REOPEN_S * 1000);
    const answer = await fetch(`picture?lang=${document.documentElement.lang}`, { signal }).catch(() => null);
    const picture = answer?.ok ? await answer.json().catch(() => null) : null;
    this.isAsking = false;
    if (answer?.status === 401) location.reload();
    if (picture) this.take(picture);
    if (this.source === null && !document.hidden && takePlace()) this.listen();
  }

  // A browser has six connections to one monitor for all its tabs: one that nobody sees gives its own back.
  hide() {
    this.stop();
    givePlace();
    this.titles = setInterval(async () => {
      const title = await fetch(`title?lang=${document.documentElement.lang}`)
        .then((answer) => (answer.ok ? answer.text() : null)).catch(() => null);
      document.title = title ?? `${say("unknown")}, tagpipe`;
    }, HIDDEN_MS);
  }

  take(picture) {
    this.heardAt = performance.now();
    // Another version of the monitor may send what this page has no place for; two behind one address must not make it
    // load for ever.
    if (picture.version !== document.body.dataset.version && performance.now() > 60000) location.reload();
    this.newest = picture;
    Object.assign(this.waiting, picture.cards);
    this.show();
  }

  watch() {
    const silentS = (performance.now() - this.heardAt) / 1000;
    if (silentS > REOPEN_S && !document.hidden) this.listen();
    else if (this.source && !document.hidden) takePlace();
    this.showFreshness();
  }

  // --- What is seen -------------------------------------------------------------------------------------------------

  show() {
    if (this.pausedAt === null) {
      this.shown = this.newest;
      for (const [name, html] of Object.entries(this.waiting)) {
        const card = document.querySelector(`[data-card="${CSS.escape(name)}"]`);
        if (card) place(card, html);
      }
      this.waiting = {};
      if (this.shown.taken_at) byId("moment").textContent = besideUtc(new Date(this.shown.taken_at * 1000), "clock");
      if (this.shown.title) document.title = this.shown.title;
      document.documentElement.toggleAttribute("data-stale", this.shown.live === false);
      point();
    }
    this.showFreshness();
  }

  showFreshness() {
    const silentS = Math.round((performance.now() - this.heardAt) / 1000);
    let word = this.newest.freshness, kind = this.newest.live ? "ok" : "bad";
    if (silentS >= SILENT_S) [word, kind] = [say("silent", { seconds: silentS }), "bad"];
    if (this.pausedAt !== null) [word, kind] = [say("paused", { at: this.pausedAt }), "idle"];
    byId("freshness").textContent = word;
    byId("freshness").className = ["freshness", "chip", kind].join(" ");
  }
}

new Page();
