// Makes the playground lively: forms are sent without leaving the page, the life of the token goes on, texts are copied.
// Everything works without it, too; what it alone can do is hidden until it is here.

const announce = document.getElementById("announce");

/** How much the server's clock is ahead of this one, in milliseconds. */
let ahead = 0;
/** The moments that were passed already. */
let passed = new Set();
/** Whether the token is renewed when its next refresh is due. */
let keepFresh = false;
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

/** Sends a form, and shows the page that comes of it. `lead` takes the reader to the result. */
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
    main.replaceWith(document.adoptNode(next));
    show();
    if (lead) toTheResult();
  } catch {
    main.removeAttribute("aria-busy");
    announce.textContent = "The server can't be reached. Try again.";
  } finally {
    busy = false;
  }
}

/** Takes the reader to what came of the act. A visit that has ended has no title but its first. */
function toTheResult() {
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
    element.querySelector(".relative").textContent = relative(at - present);
    if (at <= present && !passed.has(name)) {
      passed.add(name);
      reached.push(`${element.querySelector("strong").textContent}: now.`);
    }
  }
  if (reached.length > 0) announce.textContent = reached.join(" ");
  if (keepFresh && passed.has("next") && !busy) refresh();
  for (const track of document.querySelectorAll("svg.track")) {
    const [from, to] = [Number(track.dataset.from), Number(track.dataset.to)];
    const spent = Math.min(Math.max((present - from) / (to - from), 0), 1);
    track.querySelector(".spent").setAttribute("width", String(1000 * spent));
  }
}

function relative(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  const [h, min, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const spelled = h ? `${h} h ${min} min` : min ? `${min} min ${s} s` : `${s} s`;
  return milliseconds > 0 ? `in ${spelled}` : `${spelled} ago`;
}

function toggle() {
  keepFresh = !keepFresh;
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
