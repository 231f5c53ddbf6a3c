// What the images say about each other: calm notes, buttons for what may help, and what the files say of themselves.
// Runs inside a gr.HTML: `element`, `props`, `watch` and `trigger` are given. Text goes in by textContent only.
const notesRoot = element.querySelector(".notes");

function offer(item, label, event, said) {
  const button = make("button", item, "note-swap", label);
  button.type = "button";
  button.addEventListener("click", () => {
    button.disabled = true;
    trigger(event, said);
  });
}

function showNotes() {
  const value = props.value || {},
    said = props.texts;
  notesRoot.replaceChildren();
  const list = (value.notes || []).length ? make("ul", notesRoot, "note-list") : null;
  for (const note of value.notes || []) {
    const item = make("li", list, note.warning ? "note note-warning" : "note");
    if (note.warning) make("strong", item, "note-mark", said.mark);
    make("span", item, "", note.text);
    if (note.swap) offer(item, said.exchange, "exchange", {});
    if (note.remedy) offer(item, note.remedy.label, "corrected", note.remedy);
  }
  if (!(value.facts || []).length) return;
  const details = make("details", notesRoot, "file-facts");
  make("summary", details, "", said.facts);
  const table = make("table", details);
  for (const row of value.facts) {
    const line = make("tr", table);
    row.forEach((cell, place) => {
      const node = make(place && row !== value.facts[0] ? "td" : "th", line, "", cell);
      if (node.tagName === "TH") node.scope = place ? "col" : "row";
    });
  }
}

watch("value", showNotes);
showNotes();
