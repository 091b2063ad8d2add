// Makes the pages live. Without it everything works by loading pages anew.
"use strict";

const find = (selector, within = document) => within.querySelector(selector);
const findAll = (selector, within = document) => [...within.querySelectorAll(selector)];

// A region without what differs each time it is made.
const lasting = (html) =>
  html.replace(/name="key" value="[^"]*"|(data-now|value)="\d+"| open=""| aria-busy="true"|>(\d+ s|lapsed)</g, "");

// Put new content in place if it is new, and the focus and open parts back where they were.
function replace(region, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  if (lasting(template.innerHTML) === lasting(region.innerHTML)) return;
  if (region.contains(document.activeElement) && document.activeElement.matches("input")) return;
  const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
  const open = findAll("details", region).map((details) => details.open);
  region.replaceChildren(template.content);
  findAll("details", region).forEach((details, place) => { details.open = open[place] || false; });
  if (focused) document.getElementById(focused)?.focus();
}

// A form is sent beside the page, and what changed of the answer is shown in it.
async function send(form, button) {
  const fields = new URLSearchParams(new FormData(form));
  if (button?.name) fields.set(button.name, button.value);
  if (fields.get("command") === "DUMPLOG") return form.submit();
  button?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body: fields });
    if (new URL(answer.url).pathname === "/log-in") return location.assign("/log-in");
    show(new DOMParser().parseFromString(await answer.text(), "text/html"), form);
  } catch {
    say("bad", "The server could not be reached. Look at your account before you try again.");
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

function say(kind, text) {
  const notice = document.createElement("p");
  notice.className = `notice ${kind}`;
  notice.textContent = text;
  find("#notice").replaceChildren(notice);
}

function show(page, form) {
  if (form.contains(document.activeElement) && document.activeElement.matches("input")) document.activeElement.blur();
  for (const id of ["notice", "ticket-preview", "chart"]) {
    const from = page.getElementById(id), to = document.getElementById(id);
    if (to) { to.innerHTML = from ? from.innerHTML : ""; if (from?.dataset.symbol) to.dataset.symbol = from.dataset.symbol; }
  }
  for (const region of findAll("[data-region]")) {
    const from = page.getElementById(region.id);
    if (from) replace(region, from.innerHTML);
  }
  // Each form is to be sent once under its key.
  for (const input of findAll("input[name=key]", form)) input.value = crypto.randomUUID();
  if (!find("#notice .bad")) for (const input of findAll("input[data-clear], #add-amount", form)) input.value = "";
  watch();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-live]") || !window.fetch) return;
  const command = find("select[name=command]", form)?.value;
  if (command === "DUMPLOG") return;
  event.preventDefault();
  send(form, event.submitter);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-fill]");
  if (!link) return;
  event.preventDefault();
  find(`#ticket input[value=${link.dataset.fill}]`).checked = true;
  find("#ticket-symbol").value = link.dataset.symbol;
  find("#ticket-amount").focus();
});

// Countdowns run by the server's clock: what it said it was, and how long that is ago here.
const arrived = new WeakMap();
function tick() {
  for (const element of findAll("[data-until]")) {
    if (!arrived.has(element)) arrived.set(element, performance.now());
    const now = Number(element.dataset.now) + performance.now() - arrived.get(element);
    const left = Math.max(0, Number(element.dataset.until) - now);
    if (element.tagName === "PROGRESS") element.value = left;
    else element.textContent = left ? `${Math.ceil(left / 1000)} s` : "lapsed";
  }
}
setInterval(tick, 250);

// What happens to the account meanwhile is told by the server; the browser connects again by itself.
let events = null;
function watch() {
  const state = find("#live");
  if (!state || !window.EventSource) return;
  const symbol = find("#chart")?.dataset.symbol || "";
  if (document.hidden || (events && events.symbol === symbol)) return;
  unwatch();
  const source = new EventSource(`${state.dataset.events}?symbol=${encodeURIComponent(symbol)}`);
  events = { source, symbol };
  source.addEventListener("open", () => { state.textContent = ""; state.dataset.state = "live"; });
  source.addEventListener("error", () => { state.textContent = "Not live: connecting again …"; state.dataset.state = "away"; });
  source.addEventListener("regions", (event) => {
    for (const [id, html] of Object.entries(JSON.parse(event.data))) {
      const region = document.getElementById(id);
      if (region) replace(region, html);
    }
    tick();
  });
  source.addEventListener("told", (event) => {
    say("good", JSON.parse(event.data));
  });
  source.addEventListener("end", () => { source.close(); location.assign("/log-in"); });
}
// A browser keeps few connections to one server, so a page that nobody sees lets its own go.
function unwatch() {
  events?.source.close();
  events = null;
}
document.addEventListener("visibilitychange", () => (document.hidden ? unwatch() : watch()));
addEventListener("pagehide", unwatch);
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
watch();
tick();
