// The desk beside the films: the case's context, its reports sentence by sentence, missed findings, questions.
// `slot` is what the server says of the case, `work` what the reader judged of it; `judge` adds an event to both.
const TYPING_MS = 1200; // after the last key a text is kept

let editing = ""; // the sentence whose text is open
let typing = null; // a text that is not kept yet: {timer, keep}

function button(parent, className, text, run, key, about) {
  const node = make("button", parent, className, text);
  node.type = "button";
  if (key) node.dataset.key = key;
  if (about) {
    node.setAttribute("aria-label", about);
    node.title = about;
  }
  node.addEventListener("click", run);
  return node;
}

function card(parent, className, title) {
  const node = make("section", parent, `card ${className}`);
  if (title) make("h2", node, "", title);
  return node;
}

// A text that is kept while it is typed, and when the box is left.
function textBox(parent, { key, label, value, most, rows, keep }) {
  const wrap = make("label", parent, "text");
  make("span", wrap, "text-label", label);
  const box = make("textarea", wrap);
  Object.assign(box, { value, rows: rows || 2, maxLength: most || 2000 });
  box.dataset.key = key;
  const now = () => {
    if (typing?.box === box) {
      clearTimeout(typing.timer);
      typing = null;
    }
    if (box.value !== value) {
      value = box.value;
      keep(value);
    }
  };
  box.addEventListener("input", () => {
    if (typing) clearTimeout(typing.timer);
    typing = { box, keep: now, timer: setTimeout(now, TYPING_MS) };
  });
  box.addEventListener("blur", () => setTimeout(now)); // when the focus has come to where it goes
  return box;
}

function keepTyping() {
  typing?.keep();
}

// A press on a button takes the focus out of a text first, which is kept then: painting would take the button away.
let isPressed = false,
  isPaintDue = false;
window.addEventListener(
  "pointerdown",
  () => {
    isPressed = true;
  },
  true,
);
for (const name of ["pointerup", "pointercancel"]) {
  window.addEventListener(
    name,
    () => {
      isPressed = false;
      if (isPaintDue) setTimeout(paintDesk);
    },
    true,
  );
}

// Painting keeps the hand where it was.
function paintDesk() {
  isPaintDue = isPressed;
  if (isPressed) return;
  const held = document.activeElement?.dataset?.key,
    top = desk.scrollTop;
  paintReports();
  paintMissed();
  paintQuestions();
  paintFoot();
  films.marks.show(
    Object.values(work.missed)
      .map(({ place }, number) => ({ place, name: String(number + 1) }))
      .filter((one) => one.place),
  );
  desk.scrollTop = top;
  if (held && !document.activeElement?.dataset?.key) desk.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus();
}

const desk = make("div", null, "desk");
const parts = Object.fromEntries(
  ["context", "own", "reports", "missed", "questions", "foot"].map((name) => [name, make("div", desk, `part ${name}`)]),
);

function paintContext() {
  parts.context.replaceChildren();
  const list = make("dl", card(parts.context, "context-card"));
  for (const name of ["indication", "history"]) {
    const line = make("div", list);
    make("dt", line, "", words[name]);
    make("dd", line, slot[name] ? "" : "quiet", slot[name] || words.nothing);
  }
}

// The reader's own findings, before a text stands there.
function paintOwn() {
  parts.own.replaceChildren();
  if (slot.is_coming && (!slot.asks_findings || work.findings !== null)) {
    make("p", card(parts.own, "own-card", words.report), "coming", words.coming).setAttribute("role", "status");
    return;
  }
  if (!slot.asks_findings) return;
  if (work.findings !== null && !slot.is_withheld) {
    const kept = make("details", card(parts.own, "own-card"));
    make("summary", kept, "", words.ownKept);
    make("p", kept, "", work.findings || words.nothing);
    return;
  }
  const own = card(parts.own, "own-card", words.ownTitle);
  if (work.findings !== null) {
    make("p", own, "quiet", words.ownWaits);
    button(own, "main-button", words.again, () => loadSlot(slot.number), "own-again");
    return;
  }
  const box = make("textarea", make("label", own, "text"));
  box.before(make("span", null, "text-label", words.own));
  Object.assign(box, { rows: 4, maxLength: 5000 });
  box.dataset.key = "own";
  button(own, "main-button", words.ownShow, () => takeFindings(box.value), "own-show");
  box.focus();
}

// Reports

function paintReports() {
  if (editing) return; // what is being typed stays under the hand
  parts.reports.replaceChildren();
  if (slot.is_withheld) return;
  parts.reports.classList.toggle("is-pair", slot.reports.length > 1);
  slot.reports.forEach(paintReport);
}

// Of two reports the first stands on the left; of one that is all there is.
const nameOf = (report) => (slot.reports.length > 1 ? words[["left", "right"][report]] : "");

function paintReport(report, number) {
  const { sentences } = report;
  const node = card(parts.reports, "report-card", slot.writes ? words.write : nameOf(number) || words.report);
  node.dataset.report = number;
  if (report.weights) make("p", node, "quiet", fill(words.weights, { name: report.weights }));
  if (slot.writes) return paintWriting(node);
  if (!sentences.length) make("p", node, "quiet", words.noSentence);
  if (!slot.judges_sentences) {
    for (const sentence of sentences) make("p", node, "plain-sentence", shown(sentence.text));
  } else {
    const list = make("ol", node, "sentences");
    for (const [place, sentence] of sentences.entries()) paintSentence(list, number, place, sentence);
    const isOpen = sentences.some((_, place) => !work.sentences[`${number}:${place}`]);
    if (isOpen)
      button(node, "all-right", `${words.allRight} (A)`, () => allRight(number), `${number}:all`, words.allRightAbout);
  }
  if (report.draft) {
    const draft = make("details", node, "draft");
    make("summary", draft, "", words.draft);
    make("p", draft, "", shown(report.draft));
  }
}

// A report's text where it is only read; what is edited stays as it was written.
const shown = (text) => filledGaps(text, words.leftOut);

function paintWriting(node) {
  if (shown(slot.start) !== slot.start) make("p", node, "quiet", words.leftOutRemark);
  textBox(node, {
    key: "text",
    label: slot.start ? words.writeDraft : words.writeScratch,
    value: work.text ?? slot.start,
    most: 10_000,
    rows: 9,
    keep: (text) => judge("text", { text }),
  });
}

const MARKS = { right: "✓", edited: "✎", struck: "✗" };
const VERDICT_KEYS = { right: "V", edited: "E", struck: "X" };

function paintSentence(list, report, place, sentence) {
  const key = `${report}:${place}`,
    judged = work.sentences[key];
  const row = make("li", list, `sentence-row ${judged?.verdict || "open"}`);
  row.classList.toggle("at-hand", work.at === key);
  const line = make("div", row, "sentence-line");
  const text = button(line, "sentence", "", () => look(key), key);
  text.setAttribute("aria-pressed", String(work.at === key));
  if (judged?.verdict === "edited") {
    make("span", text, "", shown(judged.text));
    make("del", text, "was", fill(words.was, { text: shown(sentence.text) }));
  } else make(judged?.verdict === "struck" ? "del" : "span", text, "", shown(sentence.text));
  paintTags(line, sentence);
  const verdicts = make("span", line, "verdicts");
  for (const verdict of Object.keys(slot.judging.verdicts)) {
    const about = fill(words.verdictAbout, { verdict: slot.judging.verdicts[verdict], text: shown(sentence.text) });
    const one = button(
      verdicts,
      `verdict ${verdict}`,
      MARKS[verdict],
      () => decide(key, verdict),
      `${key}:${verdict}`,
      about,
    );
    one.title = `${slot.judging.verdicts[verdict]} (${VERDICT_KEYS[verdict]})`;
    one.setAttribute("aria-pressed", String(judged?.verdict === verdict));
  }
  if (isErroneous(judged)) paintWhy(row, key, judged, (change) => rejudge(key, change));
}

function paintTags(line, { tags, confidence }) {
  for (const tag of tags || []) make("span", line, "tag", tag);
  if (!confidence) return;
  const dots = make("span", line, "dots", { high: "●●●", medium: "●●○", low: "●○○" }[confidence.level]);
  dots.setAttribute("role", "img");
  dots.setAttribute("aria-label", confidence.words);
}

// What is wrong with a sentence, and how much that matters; folded to a line once both are said and the hand has gone on.
function paintWhy(row, key, judged, change) {
  const { categories, significances, device } = slot.judging;
  if (isWhole(judged) && work.at !== key) {
    const said = [categories[judged.category], significances[judged.significance], judged.is_device && device];
    make("p", row, "why-said", said.filter(Boolean).join(" · "));
    return;
  }
  const why = make("div", row, "why");
  const isDue = work.at === key;
  choices(why, `${key}:category`, words.why, categories, judged.category, isDue && !judged.category, (value) =>
    change({ category: value }),
  );
  choices(
    why,
    `${key}:significance`,
    words.significance,
    significances,
    judged.significance,
    isDue && judged.category && !judged.significance,
    (value) => change({ significance: value }),
  );
  deviceBox(why, `${key}:device`, judged.is_device, (isDevice) => change({ is_device: isDevice }));
}

function deviceBox(parent, key, isDevice, change) {
  const label = make("label", parent, "device");
  const box = make("input", label);
  Object.assign(box, { type: "checkbox", checked: Boolean(isDevice) });
  box.dataset.key = key;
  box.addEventListener("change", () => change(box.checked));
  label.append(`${slot.judging.device} (D)`);
}

// One question with its answers; where it is the one that waits, its keys stand beside them.
function choices(parent, key, legend, options, value, isDue, choose) {
  const group = make("fieldset", parent, "choices");
  group.classList.toggle("is-due", Boolean(isDue));
  group.dataset.group = key;
  make("legend", group, "", legend);
  const row = make("div", group, "options");
  Object.entries(options).forEach(([option, said], place) => {
    const label = make("label", row, "option");
    const box = make("input", label);
    Object.assign(box, { type: "radio", name: key, value: option, checked: value === option });
    box.dataset.key = `${key}:${option}`;
    box.addEventListener("change", () => choose(option));
    make("kbd", label, "", String(place + 1)).setAttribute("aria-hidden", "true");
    make("span", label, "", said);
  });
  return group;
}

function sentenceOf(key) {
  const [report, place] = key.split(":").map(Number);
  return slot.reports[report]?.sentences[place];
}

function look(key, hasFocus) {
  work.at = key;
  paintDesk();
  showOverlay(sentenceOf(key));
  if (hasFocus) atHand(key)?.focus();
}

const atHand = (key) => desk.querySelector(`[data-key="${CSS.escape(key)}"]`);

function showOverlay(sentence) {
  window.dispatchEvent(new CustomEvent("priorrg:overlay", { detail: sentence?.overlay || null }));
}

function judged(key, change) {
  const [report, place] = key.split(":").map(Number);
  const before = work.sentences[key] || { text: "", category: null, is_device: false, significance: null };
  return { ...before, report, place, ...change };
}

const rejudge = (key, change) => judge("sentence", judged(key, change));
const RIGHT = { verdict: "right", text: "", category: null, is_device: false, significance: null };

function decide(key, verdict) {
  showOverlay(sentenceOf(key));
  work.at = key;
  if (verdict === "edited") openEditor(key);
  else rejudge(key, verdict === "right" ? RIGHT : { verdict, text: "" });
}

// report: one of them, or all where none is named.
function allRight(report) {
  const keys = openIn(slot, work).sentences.filter((key) => !work.sentences[key]);
  const mine = keys.filter((key) => report === undefined || key.startsWith(`${report}:`));
  for (const key of mine) judge("sentence", judged(key, RIGHT), true);
  paintDesk();
}

function openEditor(key) {
  const before = work.sentences[key],
    written = sentenceOf(key).text;
  editing = "";
  paintDesk();
  const row = atHand(key)?.closest(".sentence-row");
  if (!row) return;
  editing = key;
  const box = make("textarea", null, "editor");
  Object.assign(box, { value: before?.verdict === "edited" ? before.text : written, rows: 3, maxLength: 2000 });
  box.setAttribute("aria-label", fill(words.editing, { number: Number(key.split(":")[1]) + 1 }));
  const close = (keeps) => {
    if (editing !== key) return;
    editing = "";
    const text = box.value.replace(/\s+/g, " ").trim();
    if (keeps && text && text !== written) rejudge(key, { verdict: "edited", text });
    else paintDesk();
    atHand(key)?.focus();
  };
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      close(true);
    }
    if (event.key === "Escape") {
      event.preventDefault();
      close(false);
    }
  });
  const tools = make("div", null, "editor-tools");
  button(tools, "main-button", words.keep, () => close(true));
  button(tools, "quiet-button", words.cancel, () => close(false));
  row.replaceChildren(box, tools);
  box.focus();
}

// Missed findings

function paintMissed() {
  if (parts.missed.contains(document.activeElement) && document.activeElement.tagName === "TEXTAREA") return;
  parts.missed.replaceChildren();
  if (slot.is_withheld || slot.writes) return;
  if (!slot.judges_sentences) return;
  const node = card(parts.missed, "missed-card", words.missedTitle);
  for (const [place, one] of Object.values(work.missed).entries()) paintOneMissed(node, one, place + 1);
  button(node, "quiet-button", `${words.addMissed} (N)`, addMissed, "missed:add");
}

function paintOneMissed(parent, one, number) {
  const node = make("div", parent, "one-missed"),
    key = `missed:${one.id}`;
  const change = (what) => judge("missed", { ...work.missed[one.id], ...what });
  textBox(node, { key, label: fill(words.missedText, { number }), value: one.text, keep: (text) => change({ text }) });
  const line = make("div", node, "missed-tools"),
    place = one.place ? words.placeAgain : words.place;
  button(line, "quiet-button", place, () => drawMissed(one.id), `${key}:place`);
  if (one.place) make("span", line, "quiet", fill(words.placed, { side: viewerWords[one.place.image].toLowerCase() }));
  const remove = () => judge("missed_gone", { id: one.id });
  button(line, "quiet-button", words.remove, remove, "", fill(words.removeMissed, { number }));
  if (slot.reports.length > 1) {
    const which = { 0: words.left, 1: words.right };
    choices(node, `${key}:report`, words.missedIn, which, String(one.report), false, (report) =>
      change({ report: Number(report) }),
    );
  }
  const { significances } = slot.judging,
    isDue = !one.significance;
  choices(node, `${key}:significance`, words.significance, significances, one.significance, isDue, (significance) =>
    change({ significance }),
  );
  deviceBox(node, `${key}:device`, one.is_device, (isDevice) => change({ is_device: isDevice }));
}

function addMissed() {
  const id = newId().slice(0, 8);
  document.activeElement?.blur?.();
  judge("missed", { id, report: 0, text: "", is_device: false, significance: null, place: null });
  atHand(`missed:${id}`)?.focus();
}

async function drawMissed(id) {
  keepTyping();
  say(words.drawing);
  const place = await films.marks.draw(words.drawing);
  say("");
  if (place && work.missed[id]) judge("missed", { ...work.missed[id], place });
}

// Questions

function dueQuestion() {
  const open = openIn(slot, work);
  if (open.sentences.length || open.missed.length || open.text.length) return null;
  const isOpen = ({ question, report }) =>
    Object.keys(question.options).length && !work.answers[`${report}:${question.id}`];
  return open.questions[0] || questionsOf(slot).find(isOpen) || null;
}

function paintQuestions() {
  if (parts.questions.contains(document.activeElement) && document.activeElement.tagName === "TEXTAREA") return;
  parts.questions.replaceChildren();
  const asked = slot.is_withheld ? [] : questionsOf(slot);
  if (!asked.length) return;
  const node = card(parts.questions, "questions-card", words.questions),
    due = dueQuestion();
  for (const { question, report } of asked) {
    const key = `${report}:${question.id}`;
    const about = question.about !== "case" && nameOf(report) ? `${nameOf(report)}: ` : "";
    const legend = `${about}${question.text}${question.required ? "" : ` ${words.optional}`}`;
    const answer = (value) => judge("answer", { report, question: question.id, value });
    if (!Object.keys(question.options).length) {
      textBox(node, { key, label: legend, value: work.answers[key] || "", keep: answer });
    } else
      choices(
        node,
        key,
        legend,
        question.options,
        work.answers[key],
        due && due.report === report && due.question === question,
        answer,
      );
  }
}

// The foot of the desk: what is open, and where to go

function openSaid(open) {
  const kinds = { sentences: "openSentences", missed: "openMissed", text: "openText", questions: "openQuestions" };
  const list = Object.entries(kinds)
    .filter(([kind]) => open[kind].length)
    .map(([kind, name]) => fill(words[name], { count: open[kind].length }));
  return fill(words.openBefore, { list: list.join(", ") });
}

function paintFoot() {
  parts.foot.replaceChildren();
  const open = openIn(slot, work),
    isReady = !slot.is_withheld && isComplete(open);
  const foot = card(parts.foot, "foot-card");
  if (!slot.is_withheld && !isReady) make("p", foot, "quiet still-open", openSaid(open)).setAttribute("role", "status");
  const row = make("div", foot, "foot-row");
  if (hasBack()) button(row, "quiet-button", words.back, goBack, "foot:back");
  button(row, "quiet-button", words.skip, askSkip, "foot:skip");
  button(row, "quiet-button", words.unreadable, askUnreadable, "foot:unreadable");
  const label = work.outcome === "submitted" ? words.next : slot.is_practice ? words.submitPractice : words.submit;
  const submit = button(row, "main-button", label, submitCase, "foot:submit");
  submit.disabled = !isReady;
}
