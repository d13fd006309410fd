// What somebody chose: theme, range of the charts, wall mode. The address wins, so that a bookmark keeps it; else what
// this browser remembers. Loaded before anything is drawn, so that no page flashes in another theme.
"use strict";

const choices = {
  address: new URLSearchParams(location.search),

  of(name, all) {
    const known = (value) => all.find((each) => each === value?.replaceAll(" ", ""));
    return known(this.address.get(name)) ?? known(this.remembered(name)) ?? all[0];
  },

  set(name, value) {
    this.address.set(name, value);
    history.replaceState(null, "", `?${this.address}`);
    try {
      localStorage.setItem(`tagpipe.${name}`, value);
    } catch {
      // A browser that remembers nothing still has the address.
    }
  },

  remembered(name) {
    try {
      return localStorage.getItem(`tagpipe.${name}`);
    } catch {
      return null;
    }
  },

  next(name, all) {
    this.set(name, all[(all.indexOf(this.of(name, all)) + 1) % all.length]);
  },
};

const THEMES = ["auto", "dark", "light"];
const WALL = ["0", "1"];
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function showChoices() {
  const theme = choices.of("theme", THEMES), root = document.documentElement;
  root.dataset.theme = theme === "auto" ? (prefersDark.matches ? "dark" : "light") : theme;
  root.toggleAttribute("data-wall", choices.of("wall", WALL) === "1");
}

showChoices();
prefersDark.addEventListener("change", showChoices);
