// The switch beside the title: the same study read with something else given, in the report's own place.
// The report itself, its edits and its marks stay as they are behind it; nothing of another reading can be edited.

// readings: by what was given; key: whose they are. asked: the report that they were asked for.
const others = { key: null, readings: {}, status: "", busy: false, inSight: "all", selected: -1, asked: null };

const given = make("div", titleRow, "given");
given.setAttribute("role", "group");
given.setAttribute("aria-label", texts.switchAbout);
const givenButtons = {};
for (const [name, label] of Object.entries(texts.switch)) {
  givenButtons[name] = action(given, "view", label, "", () => switchTo(name));
  givenButtons[name].dataset.given = name;
  givenButtons[name].title = texts.switchEach[name];
}

// What stands in the report's place; null while it is the report itself.
function otherInSight() {
  return others.inSight === "all" ? null : others.readings[others.inSight] || {};
}

function askOthers(what) {
  trigger("given", { key: state.key, what });
}

// As soon as a report stands the others are read ahead, in spare time.
function readAhead(value) {
  if (others.asked === value.key || value.busy || !value.key) return;
  others.asked = value.key;
  askOthers("");
}

function forgetOthers() {
  Object.assign(others, { key: null, readings: {}, status: "", busy: false, inSight: "all", selected: -1 });
}

function switchTo(name) {
  const named = selectedFacts(); // of what stands there now
  others.inSight = name;
  const other = otherInSight();
  others.selected = other?.details ? rowNaming(named, other.details) : -1;
  if (other && !isWhole(other)) askOthers(name);
  show();
}

// Whether nothing of it has still to be read: its overlays may be those of another method.
function isWhole(other) {
  return Boolean(other.note || (other.sentences && other.method === (state.method || other.method)));
}

function selectedFacts() {
  const other = otherInSight();
  return (other ? other.details?.[others.selected]?.facts : state.rows[state.selected]?.facts) || [];
}

// The sentence that speaks of the same finding, so that the overlay follows the switch.
function rowNaming(facts, details) {
  const names = facts.map((f) => `${f.finding}|${f.side}`);
  return details.findIndex((one) => one.facts.some((f) => names.includes(`${f.finding}|${f.side}`)));
}

function showGiven() {
  const other = otherInSight();
  for (const name in givenButtons) givenButtons[name].setAttribute("aria-pressed", String(name === others.inSight));
  given.hidden = !state.rows.length;
  parts.other.hidden = !other;
  parts.other.replaceChildren();
  if (!other) return;
  const isDone = Boolean(other.sentences);
  const line = make(
    "p",
    parts.other,
    "other-line",
    other.note || (isDone ? other.line : others.status || texts.switchWaiting),
  );
  line.setAttribute("role", "status");
  if (isDone) paintOther(other);
  make("p", parts.other, "note", texts.switchNote);
}

function paintOther(other) {
  const body = make("div", parts.other, "other-text");
  for (const change of other.changes.length ? other.changes : other.sentences.map(asSame)) {
    if (change.number === null) {
      const line = make("div", body, "gone");
      words(line, change, ["removed"], false, true);
      make("span", line, "tag glow", texts.switchGone);
      continue;
    }
    const detail = other.details[change.number];
    const line = make("div", body, "sentence-row");
    line.dataset.row = change.number;
    const isIt = change.number === others.selected;
    line.classList.toggle("selected", isIt);
    const button = action(line, "sentence", "", "", () => selectOther(isIt ? -1 : change.number));
    button.setAttribute("aria-pressed", String(isIt));
    words(button, change, ["same", "added", "removed"], false, true);
    const tags = make("span", line, "tags");
    const changed = detail.facts.some((fact) => fact.differs.includes("change"));
    if (detail.change)
      make("span", tags, `tag change ${detail.change}${changed ? " glow" : ""}`, texts.changes[detail.change]);
    if (detail.lost) make("del", tags, "tag glow", texts.changes[detail.lost]);
    sureMark(tags, detail.confidence);
  }
}

function asSame(text, number) {
  return { number, parts: [{ kind: "same", text }] };
}

function selectOther(number) {
  others.selected = number;
  show();
  root.querySelector(`.other [data-row="${number}"] .sentence`)?.focus();
}

// The overlay of what is selected, in whatever stands there.
function otherOverlay() {
  const other = otherInSight();
  return (other?.overlays && others.selected >= 0 && other.overlays[others.selected]) || null;
}

function otherHint() {
  const overlay = otherOverlay();
  if (!overlay) return otherInSight()?.sentences?.length ? texts.chooseOther : "";
  return (
    (texts[otherInSight().method] || texts.attention) +
    (others.inSight === "stranger" ? ` ${texts.switchStranger}` : "") +
    texts.noProof
  );
}

window.addEventListener("priorrg:readings", (event) => {
  const value = event.detail;
  if (!element.isConnected || !value.key || value.key !== state.key) return;
  const hadNothing = !otherInSight()?.sentences;
  Object.assign(others, {
    key: value.key,
    readings: JSON.parse(value.readings),
    status: value.status,
    busy: value.busy,
  });
  const other = otherInSight();
  if (hadNothing && other?.details && others.selected < 0)
    others.selected = rowNaming(state.rows[state.selected]?.facts || [], other.details);
  root.dataset.readings = Object.keys(others.readings).join(" ");
  if (other) show();
});
