// Makes the playground lively: forms are sent without leaving the page, the life of the token goes on, texts are copied.
// Everything works without it, too; what it alone can do is hidden until it is here.

const announce = document.getElementById("announce");
const trouble = document.getElementById("trouble");

/** How long a token that could not be renewed is left alone, in milliseconds. */
const PAUSE = 5000;

/** How much the server's clock is ahead of this one, in milliseconds. */
let ahead = 0;
/** The moments that were passed already. */
let passed = new Set();
/** Whether the token is renewed when its next refresh is due. */
let keepFresh = false;
/** When that is tried again, by this clock. */
let renewFrom = 0;
let busy = false;

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  send(form, fields, { lead: true });
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copy) copy(button);
  if (button?.id === "keep") toggle();
});

setInterval(tick, 250);
show();

/** Sends a form, and shows the page that comes of it. `lead` takes the reader there; else they stay where they are. */
async function send(form, fields, { lead }) {
  if (busy) return;
  busy = true;
  const main = document.querySelector("main");
  main.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body: fields });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("main");
    if (!next) throw new Error("no page");
    say("");
    update(main, document.adoptNode(next), { lead });
    show();
    if (lead) toTheOutcome();
  } catch {
    main.removeAttribute("aria-busy");
    renewFrom = Date.now() + PAUSE;
    say(lead ? "The server can't be reached: no answer came. Try again." : "The server can't be reached: the token is not renewed.");
  } finally {
    busy = false;
  }
}

/** Says what is wrong where everybody sees and hears it. */
function say(text) {
  if (trouble.textContent !== text) trouble.textContent = text;
  trouble.hidden = text === "";
}

/** Makes the page the next one. What is the same stays: the focus, what is opened or selected, and where lists stand. */
function update(main, next, { lead }) {
  if (!main.querySelector(".steps") || !next.querySelector(".steps")) {
    main.replaceWith(next);
    return;
  }
  const [old, result] = [main, next].map((page) => page.querySelector("#result"));
  const refused = result.querySelector(".badge.no") !== null;
  // A renewal that went well leaves the result that is being read.
  if (lead || refused) old.replaceWith(result.cloneNode(true));
  else result.replaceWith(old.cloneNode(true));
  morph(main, next);
  // What was typed is no part of the page: the server says what is kept of it.
  for (const input of main.querySelectorAll("input")) input.value = input.getAttribute("value") ?? "";
  if (!lead && refused) keepFresh = false;
}

/** Makes an element what another one is, and keeps of it what it can. Elements with ids are told apart by them. */
function morph(old, next) {
  if (old.isEqualNode(next)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  copyAttributes(old, next);
  let at = old.firstChild;
  for (const child of Array.from(next.childNodes)) {
    const same = counterpart(at, child);
    if (!same) {
      old.insertBefore(child, at);
      continue;
    }
    while (at !== same) at = removed(at);
    at = same.nextSibling;
    morph(same, child);
  }
  while (at) at = removed(at);
}

/** What stands for a new node among the old ones from `at` on. */
function counterpart(at, child) {
  const isOne = (node) => node?.nodeName === child.nodeName && (node.id ?? "") === (child.id ?? "");
  if (!child.id) return isOne(at) ? at : null;
  for (let node = at; node; node = node.nextSibling) if (isOne(node)) return node;
  return null;
}

function removed(node) {
  const after = node.nextSibling;
  node.remove();
  return after;
}

/** The reader has opened what is open, and what only a script can do stays shown. */
function copyAttributes(old, next) {
  const stays = (name) => (name === "open" && old.localName === "details") || (name === "hidden" && old.localName === "button");
  for (const { name } of Array.from(old.attributes)) {
    if (!next.hasAttribute(name) && !stays(name)) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value && !stays(name)) old.setAttribute(name, value);
  }
}

/** Takes the reader to the field that is wrong, or to what came of the act. A visit that has ended has no title but its first. */
function toTheOutcome() {
  const wrong = document.querySelector("[aria-invalid='true']");
  if (wrong) {
    wrong.focus();
    return;
  }
  document.querySelector("#result [tabindex='-1']").focus({ preventScroll: true });
  const result = document.getElementById("result");
  const { top } = result.getBoundingClientRect();
  if (top >= 0 && top < innerHeight / 2) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  result.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
}

/** Prepares a page that has just come. */
function show() {
  ahead = Number(document.querySelector("main").dataset.now ?? Date.now()) - Date.now();
  for (const button of document.querySelectorAll("button[hidden]")) button.hidden = false;
  document.getElementById("keep")?.setAttribute("aria-pressed", String(keepFresh));
  passed = new Set();
  for (const moment of moments()) if (moment.at <= now()) passed.add(moment.name);
  tick();
}

function now() {
  return Date.now() + ahead;
}

function moments() {
  return Array.from(document.querySelectorAll("[data-moment]"), (element) => ({
    element,
    name: element.dataset.moment,
    at: Number(element.dataset.at),
  }));
}

/** Lets the life of the token go on. */
function tick() {
  const present = now();
  const reached = [];
  for (const { element, name, at } of moments()) {
    element.classList.toggle("past", at <= present);
    write(element.querySelector(".relative"), relative(at - present));
    if (at <= present && !passed.has(name)) {
      passed.add(name);
      reached.push(`${element.querySelector("strong").textContent}: now.`);
    }
  }
  if (reached.length > 0) announce.textContent = reached.join(" ");
  age(present);
  if (keepFresh && passed.has("next") && !busy && Date.now() >= renewFrom) refresh();
  for (const track of document.querySelectorAll("svg.track")) {
    const [from, to] = [Number(track.dataset.from), Number(track.dataset.to)];
    const spent = Math.min(Math.max((present - from) / (to - from), 0), 1);
    track.querySelector(".spent").setAttribute("width", String(1000 * spent));
  }
}

/** A token that has expired is no longer said to be accepted. */
function age(present) {
  for (const verdict of document.querySelectorAll("[data-changes]")) {
    if (Number(verdict.dataset.changes) > present) continue;
    verdict.querySelector(".badge").className = "badge no";
    write(verdict.querySelector(".says"), verdict.dataset.then);
  }
}

/** Changes a text only if it is another one, so that a selection in it stays. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function relative(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  const [h, min, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const spelled = h ? `${h} h ${min} min` : min ? `${min} min ${s} s` : `${s} s`;
  return milliseconds > 0 ? `in ${spelled}` : `${spelled} ago`;
}

function toggle() {
  keepFresh = !keepFresh;
  renewFrom = 0;
  document.getElementById("keep").setAttribute("aria-pressed", String(keepFresh));
}

/** Refreshes as its button does, and leaves the reader where they are. */
function refresh() {
  const button = document.querySelector("button[value='refresh']");
  const fields = new URLSearchParams(new FormData(button.form, button));
  send(button.form, fields, { lead: false });
}

async function copy(button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    announce.textContent = "Copied.";
  } catch {
    button.textContent = "Select the text, and copy it";
  }
  setTimeout(() => {
    button.textContent = label;
  }, 2000);
}
