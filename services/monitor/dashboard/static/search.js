// The last values of the tags that somebody looks for.

import { refresh } from "./fragments.js";

const WAIT_MS = 200; // after the last letter

const input = document.getElementById("tag-search"), found = document.getElementById("tags-found");
let waiting;

input?.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const words = input.value.trim(), isOfPlc = new URLSearchParams(input.dataset.path.split("?")[1]).get("plc");
    found.dataset.from = words || isOfPlc ? `${input.dataset.path}&search=${encodeURIComponent(words)}` : "";
    if (found.dataset.from) refresh(found);
    else found.replaceChildren();
  }, WAIT_MS);
});
