// The keys of reading and reporting, and their lines in the box that `?` opens (tools.js has the viewer's and the box).
// A key presses what stands on the page: there is nothing that only a key can do. And the link that leads past all else.
// Runs inside a gr.HTML: `element` and `props` are given.
const texts = props.texts;

const skip = make("a", element.querySelector(".keys"), "skip", texts.skip);
skip.href = "#viewer";
skip.addEventListener("click", (event) => {
  event.preventDefault();
  [...document.querySelectorAll(props.upload)].find(inSight)?.focus();
});

const inSight = (node) => node && node.offsetParent !== null;
const sentences = () => [...document.querySelectorAll("#report button.sentence")].filter(inSight);
const selectedRow = () => document.querySelector("#report .sentence-row.selected");

function step(by) {
  const all = sentences();
  const at = all.findIndex((one) => one.getAttribute("aria-pressed") === "true");
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
  if (!next) return;
  next.click();
  [...document.querySelectorAll("#report button.sentence[aria-pressed=true]")].find(inSight)?.focus();
}

// What is right has no mark, and the next sentence is under the hand.
function accept() {
  const mark = selectedRow()?.querySelector("[data-role=mark]");
  if (mark?.value) {
    mark.value = "";
    mark.dispatchEvent(new Event("change", { bubbles: true }));
  }
  step(1);
}

function rate(number) {
  const rating = document.querySelectorAll("#rating input")[number - 1];
  if (!inSight(rating?.closest("label"))) return;
  rating.click();
  rating.focus();
}

let example = 0; // the one that was opened last; the page opens with the first
window.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest?.("#examples button");
    if (button) example = [...document.querySelectorAll("#examples button")].indexOf(button);
  },
  true,
);
function nextCase() {
  const all = document.querySelectorAll("#examples button");
  all[(example + 1) % all.length]?.click();
}

function nextGiven() {
  const all = [...document.querySelectorAll(props.given)].filter(inSight);
  const at = all.findIndex((one) => one.getAttribute("aria-pressed") === "true");
  const next = all[(at + 1) % all.length];
  next?.click();
  next?.focus(); // what had the focus may be covered now
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  a: accept,
  m: () => selectedRow()?.querySelector("[data-role=mark]")?.focus(),
  e: () => selectedRow()?.querySelector("[data-role=edit]")?.click(),
  v: nextGiven,
  n: nextCase,
};
for (const number of [1, 2, 3, 4, 5]) KEYS[number] = () => rate(number);

function isOn() {
  try {
    return JSON.parse(localStorage.getItem("priorrg.viewer") || "{}").shortcuts !== false;
  } catch {
    return true; // storage is closed to this page
  }
}

const TYPED =
  "textarea, select, [contenteditable=''], [contenteditable=true], [role=textbox], [role=combobox], [role=listbox], " +
  "input:not([type=range]):not([type=checkbox]):not([type=radio]):not([type=button]):not([type=file])";

window.addEventListener("keydown", (event) => {
  if (!element.isConnected || event.defaultPrevented || event.isComposing) return;
  if (document.querySelector("dialog[open], [aria-modal=true]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.altKey) {
    event.preventDefault();
    document.querySelector("#generate")?.click();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.(TYPED) || !isOn()) return;
  const act = KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

// Their lines come before the viewer's, in the same box, as soon as that is there.
const lines = make("table", null, "keys-lines");
for (const [key, about] of Object.entries(texts.keys)) {
  const line = make("tr", lines);
  make("th", line, "", key).scope = "row";
  make("td", line, "", about);
}
function intoTheBox() {
  const box = document.querySelector("dialog.viewer-help");
  const table = box?.querySelector("table");
  if (!table) return false;
  table.before(lines);
  return true;
}
if (!intoTheBox()) {
  const wait = new MutationObserver(() => {
    if (intoTheBox()) wait.disconnect();
  });
  wait.observe(document.body, { subtree: true, childList: true });
}
