// Parts of a page that are drawn for it alone, such as one PLC: asked for again every few seconds while somebody looks.

import { place } from "./morph.js";

const EVERY_MS = 2000;

// Ask for one part again; an answer that comes too late, after another question, is dropped.
export async function refresh(part) {
  const address = part.dataset.from;
  const answer = await fetch(`${address}${address.includes("?") ? "&" : "?"}lang=${document.documentElement.lang}`)
    .catch(() => null);
  if (answer?.ok && part.dataset.from === address) {
    const html = await answer.text();
    if (part.dataset.from === address) place(part, html);
  }
}

export function keepFresh(isHeld) {
  setInterval(() => {
    if (document.hidden || isHeld()) return;
    for (const part of document.querySelectorAll("[data-from]:not([hidden])")) if (part.dataset.from) refresh(part);
  }, EVERY_MS);
}
