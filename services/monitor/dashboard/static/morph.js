// A card's new HTML put in place with the least change: what has the focus, is selected, open or held down stays so.

import { localise } from "./times.js";

export function place(card, html) {
  const drawn = document.createElement("template");
  drawn.innerHTML = html; // escaped where it was drawn
  localise(drawn.content);
  morph(card, drawn.content);
}

function morph(old, drawn) {
  const wanted = [...drawn.childNodes];
  const keyed = new Map([...old.children].filter((child) => child.dataset.key).map((child) => [child.dataset.key, child]));
  wanted.forEach((next, index) => {
    const at = old.childNodes[index];
    // What has a key is the same thing wherever it stands now.
    const key = next.dataset?.key;
    const same = key ? keyed.get(key) : at?.dataset?.key ? undefined : at;
    keyed.delete(key);
    if (!same || same.nodeName !== next.nodeName) {
      old.insertBefore(next, at ?? null);
      return;
    }
    if (same !== at) old.insertBefore(same, at ?? null);
    if (same.nodeType === Node.ELEMENT_NODE) {
      attributes(same, next);
      morph(same, next);
    } else if (same.nodeValue !== next.nodeValue) {
      same.nodeValue = next.nodeValue;
    }
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

function attributes(old, drawn) {
  for (const { name, value } of drawn.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) {
    // Whether it is open is up to who looks.
    if (!drawn.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
}
