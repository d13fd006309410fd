// The texts of this page's language; all of them come from the catalogue, services/monitor/dashboard/languages.

const texts = JSON.parse(document.body.dataset.texts);

export function say(key, parts = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => parts[name]);
}
