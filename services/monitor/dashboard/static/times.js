// Moments in the zone of MONITOR_TIME_ZONE, or of this browser, with UTC beside them.

const zone = document.body.dataset.zone || undefined;
const format = (timeZone) => new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
const here = format(zone), utc = format("UTC");
const named = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "short" });

const nameOf = (at) => named.formatToParts(at).find(({ type }) => type === "timeZoneName").value;

// Of `2026-11-26 11:33:11`, by what a time is for; a `clock` and a `moment` name their zone.
const FORMS = {
  clock: (text, name) => `${text.slice(11)} ${name}`,
  brief: (text) => text.slice(11),
  minute: (text) => text.slice(11, 16),
  moment: (text, name) => `${text.slice(0, 16)} ${name}`,
};

export function timeText(at, form) {
  return FORMS[form](here.format(at), nameOf(at));
}

export function besideUtc(at, form) {
  const text = timeText(at, form), other = FORMS.clock(utc.format(at), "UTC");
  return here.format(at) === utc.format(at) ? other : `${text} · ${other}`;
}

// Show every time below `root` here; UTC stands beside it where the style sheet gives it room, and in its title.
export function localise(root) {
  for (const time of root.querySelectorAll("time[data-form]")) {
    const at = new Date(time.dateTime);
    time.textContent = timeText(at, time.dataset.form);
    if (here.format(at) !== utc.format(at)) time.dataset.utc = FORMS.clock(utc.format(at), "UTC");
  }
  for (const label of root.querySelectorAll("text[data-at]")) {
    label.textContent = timeText(new Date(label.dataset.at * 1000), "minute");
  }
}
