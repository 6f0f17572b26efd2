// Makes the reference handier: searches it, marks where the reader is, and copies examples. It is read without this, too.

const main = document.querySelector("main");
const contents = document.querySelector(".contents details");
const links = Array.from(contents.querySelectorAll("a"));
const search = document.getElementById("search");
const wide = matchMedia("(min-width: 60rem)");

/** The most results that are listed. */
const MOST = 12;

fold();
wide.addEventListener("change", fold);
contents.addEventListener("click", (event) => {
  if (event.target.closest("a") && !wide.matches) contents.open = false;
});
mark();
let marking = false;
addEventListener("scroll", markSoon, { passive: true });
for (const block of main.querySelectorAll("pre")) addCopy(block);
const index = entries();
search.hidden = false;
search.addEventListener("submit", (event) => {
  event.preventDefault();
  search.querySelector("ul a")?.click();
});
search.querySelector("input").addEventListener("input", find);

/** On a narrow screen the contents open when they are wanted. */
function fold() {
  contents.open = wide.matches;
}

function markSoon() {
  if (marking) return;
  marking = true;
  requestAnimationFrame(() => {
    marking = false;
    mark();
  });
}

/** Marks the entry of what is being read: the last one that has passed the upper quarter of the screen. */
function mark() {
  const atTheEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
  const begun = (link) => document.getElementById(link.hash.slice(1)).getBoundingClientRect().top <= innerHeight / 4;
  const current = atTheEnd ? links.at(-1) : (links.findLast(begun) ?? links[0]);
  if (current.hasAttribute("aria-current")) return;
  for (const link of links) link.removeAttribute("aria-current");
  current.setAttribute("aria-current", "location");
  if (!wide.matches) return;
  const nav = contents.parentElement;
  const [seen, all] = [current.getBoundingClientRect(), nav.getBoundingClientRect()];
  if (seen.top < all.top || seen.bottom > all.bottom) nav.scrollTop += seen.top - all.top - all.height / 3;
}

/** Puts a button beside an example that copies it. */
function addCopy(block) {
  const [frame, button] = [document.createElement("div"), document.createElement("button")];
  frame.className = "example";
  Object.assign(button, { type: "button", className: "button secondary copy", textContent: "Copy" });
  block.replaceWith(frame);
  frame.append(block, button);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select the text, and copy it";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

/** What can be found: sections, operations, fields and codes, each with the words that it is found by. */
function entries() {
  const found = [];
  for (const section of main.querySelectorAll("section[id], article[id]")) {
    const title = section.querySelector("h2, h3").textContent;
    const own = Array.from(section.querySelectorAll(":scope > h2, :scope > h3, :scope > p"), (part) => part.textContent);
    found.push(entry(section, title, "", own.join(" ")));
    for (const row of section.querySelectorAll("tbody tr")) {
      const name = row.querySelector("th code")?.textContent;
      if (name && row.closest("article, section") === section) found.push(entry(row, name, title, row.textContent));
    }
  }
  return found;
}

function entry(element, title, place, text) {
  return { element, title, place, name: title.toLowerCase(), text: `${title} ${place} ${text}`.toLowerCase() };
}

/** Lists what has all the words, those first whose name has them. */
function find(event) {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = ({ name }) => (name.startsWith(words[0]) ? 0 : words.every((word) => name.includes(word)) ? 1 : 2);
  const all = words.length === 0 ? [] : index.filter(({ text }) => words.every((word) => text.includes(word)));
  const best = all.toSorted((one, other) => rank(one) - rank(other));
  search.querySelector("ul").replaceChildren(...best.slice(0, MOST).map(hit));
  const more = best.length > MOST ? `, the first ${MOST} of them` : "";
  search.querySelector("[role=status]").textContent = words.length === 0 ? "" : `${best.length} found${more}`;
}

function hit({ element, title, place }) {
  const [item, link] = [document.createElement("li"), document.createElement("a")];
  link.href = `#${element.id || element.closest("[id]").id}`;
  link.append(title);
  if (place) link.append(Object.assign(document.createElement("span"), { textContent: ` ${place}` }));
  link.addEventListener("click", () => lead(element));
  item.append(link);
  return item;
}

/** Opens what an element is folded in, and goes there when the address has. */
function lead(element) {
  for (let part = element.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  if (!wide.matches) contents.open = false;
  requestAnimationFrame(() => {
    element.scrollIntoView({ block: "start" });
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
  });
}
