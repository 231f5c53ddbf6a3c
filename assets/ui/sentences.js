// The finished report: one row a sentence, selectable, editable in its place, with its change and its confidence.

const EDIT_PAUSE_MS = 400; // how long nobody types before the server is told
let told = null;
let closeEditor = () => {}; // the open one's
let messages = Date.now(); // they may overtake each other: the server takes the highest number

function rowsOf(value) {
  if ((value.edits || []).length)
    return value.edits.map((e) => ({ text: e.text, source: e.source, removed: e.removed, change: "", facts: [] }));
  return value.sentences.map((text, number) => ({ text, source: number, removed: false, change: "", facts: [] }));
}

function written(row) {
  return row.source === null ? null : (props.value.sentences || [])[row.source];
}
function isEdited(row) {
  return row.source !== null && row.text !== written(row);
}

// What priorrg/plain_text.py takes out of every text: else the facts that come back would belong to another wording.
function plain(text) {
  const whole = text.toWellFormed ? text.toWellFormed() : text;
  // biome-ignore-start lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return whole
    .replace(/[\t\u001c-\u001f]/g, " ")
    .replace(
      /[\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufdd0-\ufdef]/g,
      "",
    );
  // biome-ignore-end lint/suspicious/noControlCharactersInRegex: as above
}

// Facts belong to a wording: what was typed since they were read keeps none until the server has read it.
function takeFacts(value) {
  const known = new Map();
  for (const [n, text] of value.sentences.entries()) known.set(text, value.details[n]);
  for (const edit of value.edits || []) if (!known.has(edit.text)) known.set(edit.text, edit);
  for (const row of state.rows) {
    const detail = known.get(row.text);
    row.facts = detail && !row.removed ? detail.facts : [];
    row.change = detail && !row.removed ? detail.change : "";
    row.typed = detail?.overlay || null; // of the reader's own words, where the weights can say where those point
  }
}

function plainRows() {
  return state.rows.map(({ text, source, removed }) => ({ text, source, removed }));
}

// For keep.js, which sends it again where the line was down.
function tellKeep() {
  const detail = { key: state.key, rows: plainRows(), marks: { ...state.marks }, number: ++messages };
  window.dispatchEvent(new CustomEvent("priorrg:written", { detail }));
}

function tell(now) {
  clearTimeout(told);
  tellKeep();
  told = setTimeout(
    () => trigger("edited", { key: state.key, number: ++messages, rows: plainRows() }),
    now ? 0 : EDIT_PAUSE_MS,
  );
}

// The sentences go with the press: in a message of their own they might come when another report stands already.
function writeOn() {
  closeEditor();
  clearTimeout(told);
  const isTouched = state.rows.some((row) => row.source === null || row.removed || isEdited(row));
  trigger("longer", { key: state.key, number: ++messages, rows: isTouched ? plainRows() : [] });
}

function paint() {
  const value = props.value || {};
  if (!state.rows.length) return;
  const focused = document.activeElement;
  const row = focused?.closest && root.contains(focused) ? focused.closest(".sentence-row") : null;
  const back = row ? [row.dataset.row, focused.dataset.role] : null;
  parts.refined.replaceChildren();
  const changes = changesOf(value);
  const gone = {}; // sentences of the draft alone, by the report's sentence that follows them
  let next = value.sentences.length;
  for (const change of [...changes].reverse()) {
    if (change.number === null) gone[next] = [change, ...(gone[next] || [])];
    else next = change.number;
  }
  const byNumber = Object.fromEntries(changes.filter((c) => c.number !== null).map((c) => [c.number, c]));
  const before = (number) => {
    for (const change of (state.changes && gone[number]) || []) {
      const line = make("div", parts.refined, "gone");
      words(line, change, ["removed"]);
      make("span", line, "tag", texts.onlyDraft);
    }
    delete gone[number];
  };
  state.rows.forEach((one, number) => {
    if (one.source !== null) before(one.source);
    paintRow(one, number, byNumber[one.source]);
  });
  for (const number in gone) before(Number(number));
  const add = action(parts.refined, "add", texts.add, "", () => addRow());
  add.dataset.role = "add";
  if (value.canGoOn) role(action(parts.refined, "add write-on", texts.writeOn, texts.writeOnAbout, writeOn), "longer");
  refresh();
  if (state.editing >= 0) openEditor(state.editing);
  else if (back?.[1])
    (
      parts.refined.querySelector(`[data-row="${back[0]}"] [data-role="${back[1]}"]`) ||
      parts.refined.querySelector(`[data-row="${back[0]}"] .sentence`) ||
      add
    ).focus();
}

function paintRow(row, number, change) {
  const line = make("div", parts.refined, "sentence-row");
  line.dataset.row = number;
  if (row.removed) {
    line.classList.add("removed");
    make("del", line, "was", filledGaps(row.text, texts.leftOut));
    make("span", line, "tag", texts.removed);
    role(
      action(line, "row-tool", texts.restore, naming(texts.restoreAbout, row.text), () => {
        row.removed = false;
        changed(number, "sentence");
      }),
      "restore",
    );
    return;
  }
  const button = role(
    action(line, "sentence", "", "", () => select(state.selected === number ? -1 : number)),
    "sentence",
  );
  if (change && state.changes && !isEdited(row)) words(button, change, ["same", "added", "removed"]);
  else button.textContent = filledGaps(row.text, texts.leftOut);
  button.lang = "en"; // the report's, whatever the page speaks
  button.setAttribute("aria-pressed", String(state.selected === number));
  button.addEventListener("keydown", (event) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "F2") {
      event.preventDefault();
      openEditor(number);
    }
    if (event.key === "Escape") select(-1);
    if (!move) return;
    event.preventDefault();
    let to = number + move;
    while (state.rows[to]?.removed) to += move;
    if (state.rows[to]) select(to, true);
  });
  make("span", line, "tags");
  const rowTools = make("span", line, "row-tools");
  role(
    action(rowTools, "row-tool", texts.edit, naming(texts.editAbout, row.text), () => openEditor(number)),
    "edit",
  );
  if (isEdited(row))
    role(
      action(rowTools, "row-tool undo", texts.undo, naming(texts.undoAbout, written(row)), () => {
        row.text = written(row);
        changed(number, "sentence");
      }),
      "undo",
    );
  role(
    action(rowTools, "row-tool", texts.remove, naming(texts.removeAbout, row.text), () => {
      row.removed = true;
      changed(number, "restore");
    }),
    "remove",
  );
  if (row.source !== null) rowTools.appendChild(marker(row, line));
}

// A label that repeats a sentence, as it is read aloud.
function naming(label, text) {
  return fill(label, { text: filledGaps(text, texts.leftOut) });
}

function role(node, name) {
  node.dataset.role = name;
  return node;
}

function marker(row, line) {
  const mark = role(make("select", null, "mark"), "mark");
  mark.setAttribute("aria-label", naming(texts.markAbout, written(row)));
  for (const [reason, said] of [["", texts.mark], ...Object.entries(props.reasons)]) {
    const option = make("option", mark, "", said);
    option.value = reason;
  }
  mark.value = state.marks[row.source] || "";
  line.classList.toggle("marked", Boolean(mark.value));
  mark.addEventListener("change", () => {
    if (mark.value) state.marks[row.source] = mark.value;
    else delete state.marks[row.source];
    line.classList.toggle("marked", Boolean(mark.value));
    tellKeep();
    trigger("marked", { number: ++messages, marks: { ...state.marks } });
  });
  return mark;
}

// Tags of every row, without touching what is being typed.
function refresh() {
  const details = props.value?.details || [];
  parts.refined.querySelectorAll(".sentence-row").forEach((line) => {
    const tags = line.querySelector(".tags"),
      row = state.rows[Number(line.dataset.row)];
    if (!tags || !row) return;
    tags.replaceChildren();
    if (row.change) make("span", tags, `tag change ${row.change}`, texts.changes[row.change]);
    if (props.value?.isUnfinished && row.source === details.length - 1 && !isEdited(row))
      make("span", tags, "tag unfinished", texts.unfinished);
    if (row.source === null) make("span", tags, "tag edited", texts.own);
    else if (isEdited(row)) make("span", tags, "tag edited", texts.edited);
    else if (details[row.source]) sureMark(tags, details[row.source].confidence);
  });
}

function sureMark(parent, sure) {
  const full = { high: "●●●", medium: "●●○", low: "●○○" };
  const hollow = { high: "○○○", medium: "○○", low: "○" }; // measured on other films than this one
  const mark = make("span", parent, `sure ${sure.level}`, (sure.isHollow ? hollow : full)[sure.level]);
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", `${sure.words}. ${sure.about}`);
  mark.title = `${sure.words}. ${sure.about}`;
}

function changed(number, focus) {
  paint();
  showGlance();
  select(number);
  const node = parts.refined.querySelector(`[data-row="${number}"] [data-role="${focus}"]`);
  if (node) node.focus();
  tell(true);
}

let isPressed = false;
root.addEventListener(
  "pointerdown",
  () => {
    isPressed = true;
  },
  true,
);
for (const name of ["pointerup", "pointercancel"])
  window.addEventListener(
    name,
    () => {
      isPressed = false;
    },
    true,
  );

// A double click edits the sentence that its first click chose. The tools come with the choice and the rows move up:
// at the second click another thing may be under the pointer, and one of them deletes.
let clicked = -1;
for (const name of ["mousedown", "click"])
  parts.refined.addEventListener(
    name,
    (event) => {
      const row = event.target.closest(".sentence")?.closest(".sentence-row");
      if (event.detail < 2 && name === "click") clicked = row ? Number(row.dataset.row) : -1;
      if (event.detail < 2 || clicked < 0 || event.target.closest("textarea")) return;
      event.preventDefault();
      event.stopPropagation();
      if (name === "click") openEditor(clicked);
    },
    true,
  );

function addRow() {
  const place = state.selected >= 0 ? state.selected + 1 : state.rows.length;
  state.rows.splice(place, 0, { text: "", source: null, removed: false, change: "", facts: [] });
  state.selected = place;
  state.editing = place;
  paint();
}

function openEditor(number) {
  const row = state.rows[number];
  const line = parts.refined.querySelector(`.sentence-row[data-row="${number}"]`);
  if (!row || !line || line.querySelector("textarea")) return;
  if (state.selected !== number) select(number);
  state.editing = number;
  const start = row.text;
  const box = make("textarea", null, "editor");
  box.value = row.text;
  box.rows = 1;
  box.lang = "en";
  box.maxLength = 2000;
  box.setAttribute("aria-label", fill(texts.editing, { number: number + 1 }));
  const fit = () => {
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  };
  let isOpen = true,
    wasTyped = false;
  const close = (keeps, withFocus) => {
    if (!isOpen) return;
    isOpen = false;
    if (state.editing === number) state.editing = -1;
    if (!keeps) row.text = start;
    row.text = plain(row.text).replace(/\s+/g, " ").trim();
    if (!row.text && row.source === null) {
      state.rows.splice(state.rows.indexOf(row), 1);
      state.selected = -1;
    } else if (!row.text) {
      row.text = start || written(row);
      row.removed = true;
    }
    paint();
    showGlance();
    select(state.selected, withFocus);
    if (row.text !== start || row.removed || wasTyped) tell(true); // what was told while typing may have to be taken back
  };
  closeEditor = () => close(true, false);
  box.addEventListener("input", () => {
    row.text = plain(box.value);
    wasTyped = true;
    fit();
    tell(false);
  });
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    // Tab too: the sentences are painted anew, and what would have the focus next is another node then.
    if ((event.key === "Enter" || event.key === "Tab") && !event.isComposing) {
      event.preventDefault();
      close(true, true);
    }
    if (event.key === "Escape") {
      event.preventDefault();
      close(false, true);
    }
  });
  // A press on another button of the report takes the focus first: painting at once would take the button away from it.
  box.addEventListener("blur", () => {
    const end = () => {
      if (box.isConnected) close(true, false);
    };
    if (isPressed) window.addEventListener("pointerup", () => setTimeout(end), { once: true });
    else end();
  });
  line.querySelector(".sentence").replaceWith(box);
  line.classList.add("editing");
  fit();
  box.focus();
}
