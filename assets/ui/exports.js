// Copy and downloads. Runs inside a gr.HTML: `element`, `props`, `watch` and `trigger` are given.
// A file comes as base64 in the value and leaves through an address that only this page knows.
const root = element.querySelector(".exports");
const texts = props.texts;
const abouts = {}; // what a button does, while it may
let done = "";
let refused = {};
let begun = null; // of the form that is being written

const bar = document.createElement("div");
bar.className = "exports-bar";
bar.setAttribute("role", "group");
bar.setAttribute("aria-label", texts.about);
const status = document.createElement("div");
status.className = "exports-status";
status.setAttribute("role", "status");
for (const [form, [label, about]] of Object.entries(texts.forms)) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.form = form;
  button.textContent = label;
  button.title = about;
  button.setAttribute("aria-label", about);
  abouts[form] = about;
  button.addEventListener("click", () => {
    if (refused[form]) return say(refused[form], true);
    begin(label);
    trigger("taken", { form });
  });
  bar.append(button);
}
const note = document.createElement("div");
note.className = "exports-note";
note.setAttribute("role", "note");
const why = make("div", null, "exports-why");
why.id = "exports-why";
root.replaceChildren(note, bar, why, status);

// What cannot be had is said before anybody asks for it; its button can still be found, and says why.
window.addEventListener("priorrg:export-refused", (event) => {
  refused = event.detail;
  for (const button of bar.children) {
    const reason = refused[button.dataset.form];
    button.setAttribute("aria-disabled", String(Boolean(reason)));
    if (reason) button.setAttribute("aria-describedby", "exports-why");
    else button.removeAttribute("aria-describedby");
    button.title = reason || abouts[button.dataset.form];
  }
  why.textContent = Object.values(refused).join(" ");
});

// A file may take seconds: the time counts, so that nobody thinks that nothing happens.
function begin(label) {
  clearInterval(begun);
  const at = Date.now();
  const tell = () => say(fill(texts.working, { form: label, seconds: Math.round((Date.now() - at) / 1000) }));
  bar.setAttribute("aria-busy", "true");
  tell();
  begun = setInterval(tell, 1000);
}

// What to know before the report on the page is taken away: its images may show a name.
window.addEventListener("priorrg:export-note", (event) => {
  note.textContent = event.detail;
  note.hidden = !event.detail;
});

function say(text, isProblem = false) {
  status.textContent = text;
  status.classList.toggle("failed", isProblem);
}

// Without HTTPS browsers keep their clipboard to themselves; the old way still works there.
function copyByHand(text) {
  const before = document.activeElement;
  const area = Object.assign(document.createElement("textarea"), { value: text });
  area.style.cssText = "position: fixed; opacity: 0";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (before) before.focus();
  return copied;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByHand(text);
  }
}

function save({ data, type, name }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const address = URL.createObjectURL(new Blob([bytes], { type }));
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

async function act() {
  const value = props.value || {};
  if (!value.id || value.id === done) return;
  done = value.id;
  clearInterval(begun);
  bar.setAttribute("aria-busy", "false");
  if (value.action === "failed") return say(value.said, true);
  if (value.action === "save") save(value);
  const arrived = value.action !== "copy" || (await copy(value.text));
  say(arrived ? value.said : texts.notCopied, !arrived);
}

watch("value", act);
act();
