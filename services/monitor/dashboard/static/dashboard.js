// The dashboard's script. All figures, words and lines are drawn by the monitor; this puts them in their places as they
// come, says when none come, and keeps theme and range in the address, so that a bookmark and a reload bring them back.
"use strict";

const SILENT_S = 5; // without news the page is not live; the monitor has some each second
const REOPEN_S = 15; // after that the connection is dead, whatever the browser thinks: a proxy, a laptop that slept
const RETRY_MS = 2000;
const HIDDEN_MS = 15000; // how often a tab that nobody sees looks after its title

const address = new URLSearchParams(location.search);
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const THEMES = ["auto", "dark", "light"];

const choice = (name, all) => (all.includes(address.get(name)) ? address.get(name) : all[0]);
const byId = (id) => document.getElementById(id);

function choose(name, all) {
  address.set(name, all[(all.indexOf(choice(name, all)) + 1) % all.length]);
  history.replaceState(null, "", `?${address}`);
}

function showTheme() {
  const theme = choice("theme", THEMES);
  document.documentElement.dataset.theme = theme === "auto" ? (prefersDark.matches ? "dark" : "light") : theme;
}

class Page {
  constructor() {
    this.shown = { moment: byId("moment").textContent, freshness: byId("freshness").textContent };
    this.newest = this.shown;
    this.waiting = {}; // cards by name that are not shown yet
    this.pausedAt = null;
    this.heardAt = performance.now();
    this.ranges = [...new Set([...document.querySelectorAll(".chart [data-range]")].map((chart) => chart.dataset.range))];
    const listenIfSeen = () => (document.hidden ? this.hide() : this.listen());
    this.buttons();
    listenIfSeen();
    this.showRange();
    this.showFreshness();
    setInterval(() => this.watch(), 1000);
    document.addEventListener("visibilitychange", listenIfSeen);
  }

  buttons() {
    const on = (id, act) => {
      byId(id).hidden = false;
      byId(id).addEventListener("click", act);
    };
    const label = () => (byId("theme").textContent = `Theme: ${choice("theme", THEMES)}`);
    on("theme", () => { choose("theme", THEMES); showTheme(); label(); });
    on("range", () => { choose("range", this.ranges); this.showRange(); });
    on("pause", () => {
      this.pausedAt = this.pausedAt === null ? this.shown.moment : null;
      byId("pause").textContent = this.pausedAt === null ? "Pause" : "Go on";
      this.show();
    });
    label();
  }

  showRange() {
    const range = choice("range", this.ranges);
    byId("range").textContent = `Charts: ${range}`;
    for (const chart of document.querySelectorAll(".chart [data-range]")) chart.hidden = chart.dataset.range !== range;
  }

  // --- News ---------------------------------------------------------------------------------------------------------

  listen() {
    this.source?.close();
    clearInterval(this.titles);
    this.heardAt = performance.now();
    this.source = new EventSource("/monitoring/news");
    this.source.onmessage = (event) => this.take(JSON.parse(event.data));
    // The browser tries again by itself, but not after an answer that is none: a proxy's 502, a token that is over.
    this.source.onerror = () => {
      if (this.source.readyState === EventSource.CLOSED && !document.hidden) this.askAgain();
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

  // A browser has six connections to one monitor for all its tabs: one that nobody sees gives its own back.
  hide() {
    this.source?.close();
    clearInterval(this.titles);
    this.titles = setInterval(async () => {
      const health = await fetch("/api/buffer/health").then((answer) => answer.json()).catch(() => null);
      document.title = `${health?.status ?? "? unknown"}, tagpipe`;
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
    this.showFreshness();
  }

  // --- What is seen -------------------------------------------------------------------------------------------------

  show() {
    if (this.pausedAt === null) {
      this.shown = this.newest;
      for (const [name, html] of Object.entries(this.waiting)) {
        const place = document.querySelector(`[data-card="${CSS.escape(name)}"]`);
        if (place) place.innerHTML = html; // escaped where it was drawn
      }
      this.waiting = {};
      byId("moment").textContent = this.shown.moment;
      if (this.shown.title) document.title = this.shown.title;
      point();
    }
    this.showFreshness();
  }

  showFreshness() {
    const silentS = Math.round((performance.now() - this.heardAt) / 1000);
    let word = this.newest.freshness, kind = word === "live" ? "ok" : "bad";
    if (silentS >= SILENT_S) [word, kind] = [`no word from the monitor for ${silentS} s`, "bad"];
    if (this.pausedAt !== null) [word, kind] = [`paused at ${this.pausedAt}`, "idle"];
    byId("freshness").textContent = word;
    byId("freshness").className = `freshness chip ${kind}`;
  }
}

// --- Figures of the charts where somebody points ----------------------------------------------------------------------

let pointer = null; // the last move over a chart

// Return the points of a path in seconds and heights, as services/monitor/dashboard/charts.py writes it.
const points = (path) => path.getAttribute("d").split(/[ML]/).slice(1).map((pair) => pair.split(" ").map(Number));

function point() {
  const plot = pointer && document.elementFromPoint(pointer.x, pointer.y)?.closest(".lines");
  for (const old of document.querySelectorAll(".pointed")) old.textContent = "";
  if (!plot) return;
  const box = plot.getBoundingClientRect(), top = Number(plot.dataset.top);
  const second = ((pointer.x - box.left) / box.width) * plot.viewBox.baseVal.width;
  const legend = plot.closest(".plot").previousElementSibling;
  const nearest = [...plot.querySelectorAll(".line")].map((line) =>
    points(line).reduce((best, at) => (!best || Math.abs(at[0] - second) < Math.abs(best[0] - second) ? at : best), null));
  const figure = (height) => ("logarithmic" in plot.dataset ? 10 ** (top - height) : top - height);
  const said = nearest.map((at, index) => {
    const name = legend.querySelectorAll(".key")[index].firstChild.textContent.trim();
    return at && `${name} ${Math.round(figure(at[1])).toLocaleString("en")}`;
  });
  const moment = new Date((Number(plot.dataset.since) + second) * 1000).toISOString().slice(11, 19);
  legend.querySelector(".pointed").textContent = `${moment}: ${said.filter(Boolean).join(", ")}`;
}

showTheme();
prefersDark.addEventListener("change", showTheme);
document.addEventListener("DOMContentLoaded", () => {
  if (!byId("freshness")) return; // the form that asks for the token
  new Page();
  document.addEventListener("pointermove", (event) => { pointer = event; point(); });
});
