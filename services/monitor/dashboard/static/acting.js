// Asking for something to be done: each button says what it asks for, and nothing is done before a person has confirmed.

import { say } from "./texts.js";

const TOLD_MS = 8000;

const dialog = document.getElementById("ask"), told = document.getElementById("told");
const form = dialog?.querySelector("form"), go = document.getElementById("ask-go");
const refused = document.getElementById("ask-refused");
let asked = null, forgetting;

function open(button) {
  asked = { ...button.dataset };
  asked.bodies = "selected" in asked ? selected(button) : [JSON.parse(asked.body)];
  if (!asked.bodies.length) return tell(say("select_first"));
  form.reset();
  refuse("");
  document.getElementById("ask-title").textContent = asked.title;
  document.getElementById("ask-explain").textContent = asked.explain;
  const fields = [...asked.fields.split(" "), ..."destroys" in asked ? ["sure"] : []];
  for (const label of form.querySelectorAll("[data-field]")) label.hidden = !fields.includes(label.dataset.field);
  go.textContent = button.textContent.replace("…", "");
  go.classList.toggle("destroys", "destroys" in asked);
  allow();
  dialog.showModal();
}

const allow = () => (go.disabled = "destroys" in asked && !form.elements.sure.checked);

function refuse(why) {
  refused.textContent = why;
  refused.hidden = !why;
}

// Return what is asked for of all that is ticked around a button: of rows, for each file that has some of them.
function selected(button) {
  const files = new Map();
  for (const { value, dataset } of button.closest(".code").querySelectorAll("[name=ids]:checked")) {
    files.set(dataset.file, [...(files.get(dataset.file) ?? []), value]);
  }
  return [...files].map(([file, ids]) => (file ? { target: file, ids } : { ids }));
}

async function postAll() {
  for (const body of asked.bodies) {
    const why = await post(body);
    if (why) return why;
  }
  return "";
}

async function post(body) {
  const { rate, dry_run: dryRun } = form.elements;
  if (rate.value && !rate.closest("label").hidden) body.rate = Number(rate.value);
  if (dryRun.checked) body.dry_run = true;
  const answer = await fetch(asked.path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Tagpipe-Action": "1" },
    body: JSON.stringify(body),
  }).catch(() => null);
  if (answer === null) return say("not_reached");
  if (answer.ok) {
    const { partitions_away: away = [] } = await answer.json().catch(() => ({}));
    if (away.length) return tell(say("asked_in_part", { name: asked.name, partitions: away.join(", ") }));
    return tell(say(answer.status === 200 ? "asked_before" : "asked", { name: asked.name }));
  }
  if (answer.status === 401) location.reload(); // the session is over: the form asks for the token
  const error = await answer.json().catch(() => null);
  return say("refused", { why: error?.message ?? answer.status });
}

function tell(text) {
  clearTimeout(forgetting);
  told.textContent = text;
  told.hidden = false;
  forgetting = setTimeout(() => (told.hidden = true), TOLD_MS);
  return "";
}

if (dialog) {
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button.act");
    if (button) open(button);
  });
  form.addEventListener("input", allow);
  document.getElementById("ask-cancel").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    const why = await postAll();
    allow();
    if (why) refuse(why);
    else dialog.close();
  });
}
