// The report column: progress, the coarse draft and the refined report in its place, and which sentence is selected.
// Sentences as rows that can be edited are in sentences.js, how the draft becomes the report in draft.js, other readings
// in others.js, the table in glance.js; all share one scope.
// `element`, `props`, `watch` and `trigger` are Gradio's. Text by textContent only.
const root = element.querySelector(".report");
const texts = props.texts;
const parts = Object.fromEntries(
  [
    "steps",
    "status",
    "context-note",
    "report-head",
    "captions",
    "draft",
    "refined",
    "other",
    "hint",
    "draft-note",
    "glance",
    "received",
  ].map((n) => [n, root.querySelector(`.${n}`)]),
);
// rows: the sentences as they stand, the reader's included; they stay while the report is the same, whatever is sent.
const state = {
  key: null,
  rows: [],
  overlays: [],
  spoke: [],
  selected: -1,
  editing: -1,
  view: "refined",
  changes: true,
  marks: {},
  submissions: 0,
};

const left = new Set(); // keys of runs that were on the page and are no longer

function action(parent, className, text, about, act) {
  const button = make("button", parent, className, text);
  button.type = "button";
  if (about) {
    button.setAttribute("aria-label", about);
    button.title = about;
  }
  button.addEventListener("click", act);
  return button;
}

parts.received.querySelector("summary").textContent = texts.received;

// Progress

const steps = {};
parts.steps.setAttribute("aria-label", texts.stepsAbout);
for (const name in texts.steps) steps[name] = make("li", parts.steps, "", texts.steps[name]);

function showSteps(value) {
  parts.steps.hidden = !value.busy || !value.step;
  let isDone = true;
  for (const name in steps) {
    const isNow = name === value.step;
    if (isNow) isDone = false;
    steps[name].hidden = name === "waiting" && !isNow;
    steps[name].className = isNow ? "now" : isDone ? "done" : "";
    if (isNow) steps[name].setAttribute("aria-current", "step");
    else steps[name].removeAttribute("aria-current");
  }
}

// Head: which text is shown, with changes or without

const titleRow = make("div", parts["report-head"], "title-row");
const title = make("h2", titleRow, "title");
const tools = make("div", parts["report-head"], "head-tools");
const views = make("div", tools, "views");
views.setAttribute("role", "group");
views.setAttribute("aria-label", texts.views);
const viewButtons = {};
for (const name of ["refined", "draft"]) {
  viewButtons[name] = action(views, "view", texts[name], "", () => {
    state.view = name;
    show();
  });
}
const changesLabel = make("label", tools, "show-changes");
const changesBox = make("input", changesLabel);
changesBox.type = "checkbox";
changesBox.checked = true;
changesLabel.append(` ${texts.showChanges}`);
changesBox.addEventListener("change", () => {
  state.changes = changesBox.checked;
  show();
  paint();
});

function showHead(value) {
  const hasBoth = Boolean(value.report && value.draft);
  const other = otherInSight();
  const isDraft = isDraftInSight(value);
  parts["report-head"].hidden = !value.report && !value.draft;
  title.textContent = isDraft ? texts.draft : texts.refined;
  tools.hidden = !hasBoth || Boolean(other);
  for (const name in viewButtons)
    viewButtons[name].setAttribute("aria-pressed", String((name === "draft") === isDraft));
  parts.draft.hidden = !isDraft || Boolean(other);
  parts.refined.hidden = isDraft || Boolean(other);
  parts["draft-note"].textContent = value.draft && !other ? value.draftNote : "";
  parts["draft-note"].hidden = !parts["draft-note"].textContent;
}

// Whether the draft stands there: there is nothing else yet, it is held until it can be read, or the reader wants it.
function isDraftInSight(value) {
  return !value.report || draft.isHeld || (state.view === "draft" && Boolean(value.draft) && !otherInSight());
}

// Words with what became of them

// While a report streams its changes come as JSON text: Gradio's own differences of lists in lists go wrong.
function changesOf(value) {
  return (typeof value.changes === "string" ? JSON.parse(value.changes) : value.changes) || [];
}

// ofDraft: the words as the draft wrote them, where only their stops or capitals differ. always: also where the reader
// wants to see no changes of the draft.
function words(parent, change, kinds, ofDraft, always) {
  const tags = { removed: "del", added: "ins", same: "span", pending: "span" };
  for (const part of change.parts) {
    if (!kinds.includes(part.kind)) continue;
    const node = make(
      state.changes || always ? tags[part.kind] : "span",
      parent,
      part.kind,
      filledGaps((ofDraft && part.before) || part.text, texts.leftOut),
    );
    node.after(" ");
  }
}

// A report that is still being written, or was stopped: its words where the draft's stood, the rest of the draft pale.
function showWriting(value) {
  parts.refined.replaceChildren();
  const kinds = value.busy ? ["same", "added", "removed", "pending"] : ["same", "added", "removed"];
  const changes = changesOf(value);
  for (const change of changes)
    words(parts.refined, change, state.changes ? kinds : kinds.filter((k) => k !== "removed"));
  if (!changes.length) parts.refined.textContent = filledGaps(value.report, texts.leftOut);
}

// The selected sentence

function overlayOf(row) {
  if (!row || row.removed) return null;
  if (row.source === null || isEdited(row)) return state.method === "grounding" ? row.typed || null : null;
  return state.overlays[row.source] || null;
}

function select(number, withFocus) {
  state.selected = number;
  const row = state.rows[number];
  parts.refined.querySelectorAll(".sentence-row").forEach((node) => {
    const isIt = Number(node.dataset.row) === number;
    node.classList.toggle("selected", isIt);
    const button = node.querySelector(".sentence");
    if (button) {
      button.setAttribute("aria-pressed", String(isIt));
      if (isIt && withFocus) button.focus();
    }
  });
  const other = otherInSight();
  const isDraft = isDraftInSight(props.value || {});
  const marked = other ? others.selected : isDraft ? -1 : number;
  for (const line of parts.glance.querySelectorAll("tbody tr"))
    line.classList.toggle("selected", Number(line.dataset.row) === marked);
  const overlay = other ? otherOverlay() : isDraft ? null : overlayOf(row);
  parts.hint.textContent = other ? otherHint() : isDraft ? "" : hint(row, overlay);
  window.dispatchEvent(new CustomEvent("priorrg:overlay", { detail: overlay }));
}

function hint(row, overlay) {
  if (!state.rows.length) return "";
  if (!row) return texts.choose;
  if (!overlay) return row.source === null || row.removed || isEdited(row) ? texts.noOverlay : texts.notTraced;
  const shares = overlay.shares
    ? fill(texts.shares, { current: Math.round(100 * overlay.shares[0]), prior: Math.round(100 * overlay.shares[1]) })
    : "";
  return (
    (texts[state.method] || texts.attention) +
    shares +
    (row.source !== null && !isEdited(row) ? state.spoke[row.source] || "" : "") +
    texts.noProof
  );
}

function show() {
  const whole = props.value || {};
  // A word of a reading that the page has left may still be on its way when the next study stands there.
  if (left.has(whole.key)) return;
  const isOther = whole.key !== state.key;
  if (isOther) {
    if (state.key) left.add(state.key);
    Object.assign(state, {
      key: whole.key,
      rows: [],
      overlays: [],
      spoke: [],
      editing: -1,
      view: "refined",
      marks: {},
      submissions: 0,
    });
    forgetOthers();
    forgetDraft();
    captions = [];
    root.dataset.readings = "";
    parts.refined.replaceChildren();
    parts.hint.textContent = "";
    if (state.selected >= 0) select(-1);
    window.dispatchEvent(new CustomEvent("priorrg:report", { detail: whole.key }));
  }
  if (whole.overlays) Object.assign(state, { overlays: whole.overlays, method: whole.method, spoke: whole.spoke });
  const value = held(whole);
  root.dataset.key = (value.sentences || []).length ? value.key : "";
  parts.status.textContent = value.status || "";
  const note = [otherInSight() ? texts.switchNote : "", value.exportNote || ""].filter(Boolean).join(" ");
  window.dispatchEvent(new CustomEvent("priorrg:export-note", { detail: note }));
  window.dispatchEvent(new CustomEvent("priorrg:export-refused", { detail: value.refused || {} }));
  root.classList.toggle("busy", Boolean(value.busy));
  root.setAttribute("aria-busy", String(Boolean(value.busy)));
  parts["context-note"].textContent = [value.filmNote, value.contextNote].filter(Boolean).join(" ");
  parts.received.hidden = !value.received;
  parts.received.querySelector("code").textContent = value.received || "";
  showSteps(value);
  const sentences = value.sentences || [];
  const isFirst = sentences.length > 0 && !state.rows.length;
  if (isFirst) Object.assign(state, { rows: rowsOf(value), marks: { ...value.marks }, submissions: value.submissions });
  showHead(value);
  showGiven();
  showCaptions(value);
  showDraft(value);
  if (!sentences.length) {
    showWriting(value);
    showGlance();
    return;
  }
  const isSent = state.submissions !== value.submissions;
  if (isSent) {
    state.submissions = value.submissions; // the marks stay: whoever changes what was sent goes on from them
    window.dispatchEvent(new Event("priorrg:sent"));
  }
  takeFacts(value);
  if (isFirst || isSent) paint();
  else refresh();
  if (isFirst && draft.wasHeld) turn();
  showGlance();
  select(state.selected < state.rows.length ? state.selected : -1);
  const other = otherInSight();
  if (other && !others.busy && other.sentences && !isWhole(other)) askOthers(others.inSight);
  readAhead(value);
}
