// The four reports side by side: with everything, without the prior, without the context, without both.
// `element`, `props` and `watch` are Gradio's. Text by textContent only.
const root = element.querySelector(".readings");
const texts = props.texts;
let reportKey = "";

function column(parent, data) {
  const part = make("section", parent, "reading");
  make("h3", part, "", data.title);
  if (data.note) make("p", part, "note", data.note);
  if (!data.text) return;
  const body = make("div", part, "reading-text");
  for (const change of data.changes) {
    const line = make("p", body, change.number === null ? "gone" : "");
    for (const word of change.parts) {
      make(
        { removed: "del", added: "ins", same: "span" }[word.kind] || "span",
        line,
        "",
        filledGaps(word.text, texts.leftOut),
      ).after(" ");
    }
  }
  if (!data.changes.length) for (const text of data.sentences) make("p", body, "", filledGaps(text, texts.leftOut));
  if (!data.differs) return;
  const differs = make("div", part, "differs");
  const isSame = data.changes.every((change) => change.parts.every((word) => word.kind === "same"));
  if (!data.differs.length) {
    make("p", differs, "", isSame ? texts.same : texts.sameFacts);
    return;
  }
  make("strong", differs, "", texts.differs);
  const list = make("ul", differs);
  for (const one of data.differs) make("li", list, one.kind, texts[one.kind].replace("{fact}", one.fact));
}

function show() {
  const value = props.value || {};
  root.replaceChildren();
  // A late word about a report that is no longer on the page is not shown.
  const isOld = value.key && reportKey && value.key !== reportKey;
  // As JSON text while they come: Gradio's own differences of lists in lists go wrong.
  const shown = (typeof value.columns === "string" ? JSON.parse(value.columns) : value.columns) || [];
  root.hidden = isOld || !(value.status || shown.length);
  root.setAttribute("aria-busy", String(Boolean(value.busy)));
  if (root.hidden) return;
  make("div", root, "status", value.status).setAttribute("role", "status");
  if (!shown.length) return;
  make("p", root, "note", texts.about);
  const columns = make("div", root, "columns");
  columns.setAttribute("role", "group");
  columns.setAttribute("aria-label", texts.reports);
  for (const data of shown) column(columns, data);
}

window.addEventListener("priorrg:report", (event) => {
  reportKey = event.detail || "none";
  show();
});
watch("value", show);
show();
