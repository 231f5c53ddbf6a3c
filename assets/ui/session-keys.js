// One key for what a reader does most. They come before the keys of the films, and take a number only where an answer
// waits for one.
const isTyping = (node) => Boolean(node.closest?.("textarea, select, input[type=text]"));

function dueGroup() {
  const within = document.activeElement?.closest?.("fieldset.choices");
  const dialogue = document.querySelector("dialog[open]");
  if (dialogue) return dialogue.querySelector("fieldset.choices");
  return desk.querySelector("fieldset.choices.is-due") || within;
}

function press(number) {
  const option = dueGroup()?.querySelectorAll("input[type=radio]")[number - 1];
  if (!option) return false;
  option.click();
  return true;
}

// The sentence under the hand, or the first that is not judged.
function sentenceAtHand() {
  return work.at || openIn(slot, work).sentences[0] || "";
}

function step(by) {
  const keys = [...desk.querySelectorAll(".sentence")].map((node) => node.dataset.key);
  const at = keys.indexOf(sentenceAtHand());
  const to = keys[work.at ? Math.min(keys.length - 1, Math.max(0, at + by)) : Math.max(0, at)];
  if (to) look(to, true);
  return Boolean(to);
}

function verdict(name) {
  const key = sentenceAtHand();
  if (!key || !slot.judging.verdicts[name]) return false;
  decide(key, name);
  return true;
}

function toggleDevice() {
  const box = desk.querySelector(`[data-key="${CSS.escape(`${work.at}:device`)}"]`);
  box?.click();
  return Boolean(box);
}

const keyActs = {
  a: () => allRight() ?? true,
  v: () => verdict("right"),
  e: () => verdict("edited"),
  x: () => verdict("struck"),
  d: toggleDevice,
  n: () => addMissed() ?? true,
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  Enter: () => submitCase() ?? true,
};

window.addEventListener(
  "keydown",
  (event) => {
    const { key, target } = event;
    if (frame.dataset.screen !== "case" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(target)) return;
    const isNumber = /^[1-9]$/.test(key);
    if (document.querySelector("dialog[open]") && !isNumber) return;
    let isTaken = false;
    if (isNumber) isTaken = press(Number(key));
    else if (!slot.judges_sentences && key !== "Enter") return;
    else if (key.startsWith("Arrow") && target.closest(".viewer, input[type=radio]")) return;
    else if (key === "Enter" && target.closest("button:not(.sentence), summary, a, .drawing-layer")) return;
    else if (!slot.is_withheld) isTaken = Boolean(keyActs[key.length === 1 ? key.toLowerCase() : key]?.());
    if (!isTaken) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);
