// What the images say about each other: calm notes, a button to exchange the two, and what the files say of themselves.
// Runs inside a gr.HTML: `element`, `props`, `watch` and `trigger` are given. Text goes in by textContent only.
const notesRoot = element.querySelector(".notes");

function add(kind, parent, className, text) {
  const node = document.createElement(kind);
  if (className) node.className = className;
  if (text) node.textContent = text;
  parent.appendChild(node);
  return node;
}

function showNotes() {
  const value = props.value || {}, said = props.texts;
  notesRoot.replaceChildren();
  const list = (value.notes || []).length ? add("ul", notesRoot, "note-list") : null;
  for (const note of value.notes || []) {
    const item = add("li", list, note.warning ? "note note-warning" : "note");
    if (note.warning) add("strong", item, "note-mark", said.mark);
    add("span", item, "", note.text);
    if (!note.swap) continue;
    const button = add("button", item, "note-swap", said.exchange);
    button.type = "button";
    button.addEventListener("click", () => { button.disabled = true; trigger("exchange", {}); });
  }
  if (!(value.facts || []).length) return;
  const details = add("details", notesRoot, "file-facts");
  add("summary", details, "", said.facts);
  const table = add("table", details);
  for (const row of value.facts) {
    const line = add("tr", table);
    row.forEach((cell, place) => {
      const node = add(place && row !== value.facts[0] ? "td" : "th", line, "", cell);
      if (node.tagName === "TH") node.scope = place ? "col" : "row";
    });
  }
}

// Gradio's drop area takes files alone: a folder that is dropped is opened here, and its files go in as if chosen.
async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((found, failed) => entry.file(found, failed))];
  const reader = entry.createReader(), all = [];
  for (;;) { // it gives a hundred at a time
    const some = await new Promise((found, failed) => reader.readEntries(found, failed));
    if (!some.length) return all;
    for (const inner of some) all.push(...(await filesIn(inner)));
  }
}

document.addEventListener("drop", async (event) => {
  const area = event.target.closest && event.target.closest("#upload-set");
  const input = area && area.querySelector("input[type=file]");
  const entries = input ? [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()) : [];
  if (!entries.some((entry) => entry && entry.isDirectory)) return;
  event.preventDefault();
  event.stopPropagation();
  const files = new DataTransfer();
  for (const entry of entries) if (entry) for (const file of await filesIn(entry)) files.items.add(file);
  input.files = files.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}, true);

watch("value", showNotes);
showNotes();
