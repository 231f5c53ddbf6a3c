// The reading page of a feedback session: opening a personal link, consent, and the cases one after the other.
// All state is the server's events and those on their way (session-outbox.js); nothing else is kept.
const { words, viewerWords, base, tokenHeader, colours } = JSON.parse(
  document.getElementById("session-data").textContent,
);
window.gradio_config = { root: base }; // the viewer asks for pixels below it
const ANSWER_WITHIN_MS = 15_000;
const ASK_EVERY_MS = 2000; // whether a report is written
const JUDGED = ["sentence", "missed", "missed_gone", "text"]; // the first of these ends the reading of a text

const frame = document.getElementById("session"),
  stage = document.getElementById("stage"),
  banner = document.getElementById("banner"),
  saved = document.getElementById("saved"),
  place = document.getElementById("place");
const clock = new CaseClock();
let session = null, // what the server says of it and of this reader
  outbox = null,
  slot = null, // the case on the page
  work = emptyWork(),
  films = null;
const slots = new Map(); // cases that came, by number: what is on the page is what a broken line leaves

// The server

class Refusal extends Error {
  constructor(said) {
    super(said);
    this.refusal = said;
  }
}

// Throws a Refusal with the server's sentence where asking again changes nothing, another error where the line is down.
async function call(path, body) {
  const options =
    body === undefined
      ? {}
      : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const answer = await fetch(appAddress(path), { ...options, signal, cache: "no-store", credentials: "same-origin" });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const said = await answer.json().catch(() => ({}));
  if (answer.status >= 400 && answer.status < 500 && ![408, 429].includes(answer.status))
    throw new Refusal(said.detail || String(answer.status));
  throw new Error(String(answer.status));
}

async function send(events) {
  const { kept } = await call("/api/events", { sent_utc: new Date().toISOString(), events });
  return kept;
}

// The key of a personal link stands behind the #, where no server and no proxy reads it, and leaves the address at once.
async function enter() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!key) return;
  history.replaceState(null, "", location.pathname);
  await call("/enter", { key });
}

// Saved or not

function showSaved() {
  const count = outbox ? outbox.waiting.size : 0;
  const isOffline = Boolean(outbox && !outbox.isOnline);
  const state = outbox?.refusal ? "refused" : isOffline ? "offline" : count ? "saving" : "saved";
  saved.dataset.state = state;
  saved.textContent = state === "saved" ? `✓ ${words.saved}` : state === "saving" ? `… ${words.saving}` : `⚠ ${count}`;
  const offline = outbox?.canStore ? words.offline : words.offlineNoStore;
  const said =
    state === "refused"
      ? fill(words.refused, { why: outbox.refusal })
      : state === "offline"
        ? fill(offline, { count })
        : "";
  if (banner.textContent !== said && (said || banner.dataset.state !== "said")) {
    banner.textContent = said;
    banner.dataset.state = state;
  }
  if (slot?.is_withheld && !slot.is_coming && work.findings !== null && !count && state === "saved" && !slot.isAsking)
    askAgain();
}

function say(text) {
  banner.textContent = text;
  banner.dataset.state = text ? "said" : "";
  if (!text) showSaved();
}

function record(kind, payload = {}, number = slot?.number ?? null) {
  const event = { client_id: newId(), kind, assignment: number, said_utc: new Date().toISOString(), payload };
  if (number !== null && slot) {
    slot.events.push(event);
    apply(work, event);
  }
  outbox.add(event);
}

// A judgement of the case on the page. isQuiet: more of them follow, and the page is painted after the last.
function judge(kind, payload, isQuiet) {
  if (work.outcome) record("reopened");
  if (JUDGED.includes(kind) && phase() === "read") takeTime();
  record(kind, payload);
  if (!isQuiet) paintDesk();
}

function phase() {
  if (!work.seen.has("shown")) return "look";
  return JUDGED.some((kind) => work.seen.has(kind)) ? "edit" : "read";
}

function takeTime() {
  if (!slot || clock.isPaused) return;
  const parts = clock.take();
  if (Object.values(parts).some((seconds) => seconds > 0)) record("time", { phase: phase(), ...parts });
}

// From case to case

const isDone = ({ status }) => ["submitted", "skipped", "unreadable"].includes(status);

function statusOf(number) {
  return session.slots.find((one) => one.number === number);
}

function nextOpen(after) {
  const open = session.slots.filter((one) => !isDone(one));
  return open.find((one) => one.number > after) || open[0] || null;
}

const hasBack = () =>
  session.may_go_back && slot.number > 1 && statusOf(slot.number - 1).is_practice === slot.is_practice;

function leaveCase() {
  keepTyping();
  takeTime();
  clock.pause(true);
  films?.marks.stop();
  editing = "";
}

function goOn(after = 0) {
  const next = nextOpen(after);
  if (!next) return showDone();
  if (next.due) return showCard(words.welcome, fill(words.notYet, { day: next.due }));
  return loadSlot(next.number);
}

function goBack() {
  leaveCase();
  loadSlot(slot.number - 1);
}

async function fetchSlot(number) {
  const found = await call(`/api/cases/${number}`);
  slots.set(number, found);
  return found;
}

// What came before is shown at once; where the line is down it is all there is.
async function loadSlot(number) {
  const known = slots.get(number);
  let found = known;
  if (!known || known.wasShown || known.is_withheld || known.is_coming) {
    try {
      found = await fetchSlot(number);
    } catch (error) {
      if (error.refusal) return showProblem(error.refusal);
      if (!known) return showProblem(words.noSlot, () => loadSlot(number));
    }
  }
  const here = new Set(found.events.map((event) => event.client_id));
  found.events.push(...outbox.events.filter((event) => event.assignment === number && !here.has(event.client_id)));
  slot = found;
  slot.wasShown = true;
  work = slot.events.reduce(apply, emptyWork());
  showCase();
}

// A report that is being written is asked for until it is there.
async function waitForReport(waiting) {
  await new Promise((done) => setTimeout(done, ASK_EVERY_MS));
  if (slot !== waiting || frame.dataset.screen !== "case") return;
  try {
    const found = await call(`/api/cases/${waiting.number}`);
    if (slot !== waiting || frame.dataset.screen !== "case") return;
    if (!found.is_coming && slot.asks_findings && work.findings === null) {
      slot.is_coming = false; // the reader's own findings are being typed
      return;
    }
    if (!found.is_coming) {
      keepTyping();
      takeTime();
      slots.set(waiting.number, found);
      return loadSlot(waiting.number);
    }
  } catch (error) {
    if (error.refusal) return showProblem(error.refusal);
  }
  waitForReport(waiting);
}

async function askAgain() {
  slot.isAsking = true;
  await loadSlot(slot.number);
  slot.isAsking = false;
}

function takeFindings(text) {
  takeTime();
  record("own_findings", { text });
  slot.is_withheld = slot.is_withheld || !slot.reports.length;
  paintOwn();
  showSaved();
}

// The films of the next case come while this one is read.
const kept = new Map();
function fetchKept(side, data, isWhole, header, token) {
  if (isWhole) return fetchFilm(side, data, isWhole, header, token);
  if (!kept.has(data.key)) {
    const coming = fetchFilm(side, data, false, header, token);
    coming.catch(() => kept.delete(data.key));
    kept.set(data.key, coming);
  }
  return kept.get(data.key);
}

async function prepareNext() {
  const next = nextOpen(slot.number);
  if (!next || next.due || next.number === slot.number) return;
  try {
    const data = slots.get(next.number) || (await fetchSlot(next.number));
    const needed = new Set([slot, data].flatMap(({ films }) => Object.values(films)).map((film) => film?.key));
    for (const key of kept.keys()) if (!needed.has(key)) kept.delete(key);
    for (const [side, film] of Object.entries(data.films))
      if (film) await fetchKept(side, film, false, tokenHeader, "");
  } catch {
    // it is asked for again when its turn comes
  }
}

// Screens

function showPlace() {
  const mine = session.slots.filter((one) => one.is_practice === slot.is_practice);
  const number = mine.findIndex((one) => one.number === slot.number) + 1;
  place.textContent = fill(slot.is_practice ? words.practice : words.case, { number, total: mine.length });
  const all = session.slots.filter((one) => !one.is_practice);
  const bar = document.getElementById("progress");
  Object.assign(bar, { max: all.length || 1, value: all.filter(isDone).length });
  bar.setAttribute("aria-label", fill(words.progress, { done: bar.value, total: all.length }));
}

function setScreen(name) {
  frame.dataset.screen = name;
  for (const id of ["pause", "read-again", "show-keys"]) document.getElementById(id).hidden = name !== "case";
  document.getElementById("progress").hidden = place.hidden = name !== "case";
}

function showCase() {
  if (!films) {
    stage.replaceChildren();
    const viewer = make("section", stage, "films");
    viewer.setAttribute("aria-label", words.films);
    viewer.id = "viewer";
    const root = make("div", viewer, "viewer");
    make("div", root, "panes");
    make("div", root, "viewer-tools");
    stage.append(desk);
    films = mountViewer(viewer, { texts: viewerWords, colours, tokenHeader }, fetchKept);
  } else if (!stage.contains(desk)) stage.replaceChildren(films.element, desk);
  setScreen("case");
  stage.dataset.overlays = slot.reports.some((report) => report.has_overlays) ? "shown" : "";
  stage.dataset.reports = slot.reports.length;
  showPlace();
  showOverlay(null);
  films.show(slot.films);
  clock.begin();
  clock.pause(false);
  if (!work.seen.has("opened")) record("opened");
  const waits = slot.is_coming || (slot.asks_findings && (work.findings === null || slot.is_withheld));
  if (slot.is_coming) waitForReport(slot);
  if (waits) slot.is_withheld = true;
  else if (!work.seen.has("shown")) {
    takeTime();
    record("shown");
  }
  editing = "";
  paintContext();
  paintOwn();
  paintDesk();
  desk.scrollTop = 0;
  if (work.at) look(work.at, true);
  else if (!waits) desk.querySelector(".sentence")?.focus({ preventScroll: true });
  prepareNext();
}

function submitCase() {
  keepTyping();
  if (slot.is_withheld || !isComplete(openIn(slot, work))) return;
  if (slot.writes && work.text === null) record("text", { text: slot.start }); // a draft that stands as it was
  finish("submitted", {});
}

function finish(kind, payload) {
  leaveCaseWith(kind, payload);
  statusOf(slot.number).status = kind;
  if (slot.is_practice && kind === "submitted") showAnswer();
  else goOn(slot.number);
}

function leaveCaseWith(kind, payload) {
  takeTime();
  clock.pause(true); // what comes now is no part of the case
  if (work.outcome !== kind) record(kind, payload);
  leaveCase();
}

async function showAnswer() {
  const card = (node) => parts.own.replaceChildren(node);
  const node = make("section", null, "card answer-card");
  make("h2", node, "", words.answerTitle);
  card(node);
  try {
    const answer = await whenSaved(() => call(`/api/answers/${slot.number}`));
    if (answer.reference) {
      make("h3", node, "", words.answerReference);
      make("p", node, "", shown(answer.reference));
    }
    if (answer.planted.length) {
      make("h3", node, "", words.answerPlanted);
      const list = make("ul", node);
      for (const one of answer.planted) make("li", list, "", shown(one.right ? fill(words.planted, one) : one.said));
    }
    if (!answer.reference && !answer.planted.length) make("p", node, "", words.answerNone);
  } catch (error) {
    make("p", node, "", error.refusal || words.noSlot);
  }
  parts.foot.replaceChildren();
  button(
    make("div", make("section", parts.foot, "card foot-card"), "foot-row"),
    "main-button",
    words.next,
    () => goOn(slot.number),
    "foot:next",
  ).focus();
  desk.scrollTop = 0;
}

async function whenSaved(ask) {
  for (let tries = 0; outbox.waiting.size && tries < 40; tries++) await new Promise((done) => setTimeout(done, 100));
  return ask();
}

function showCard(title, text, action, act) {
  setScreen("card");
  const node = make("section", null, "card lone-card");
  make("h2", node, "", title);
  if (text) make("p", node, "", text);
  if (action) button(node, "main-button", action, act).focus();
  stage.replaceChildren(node);
  return node;
}

function showProblem(text, again) {
  clock.pause(true);
  showCard(words.welcome, text, again && words.again, again);
}

function showDone() {
  const count = outbox.waiting.size;
  showCard(words.doneTitle, count ? fill(words.doneWaiting, { count }) : words.done);
  if (count) setTimeout(() => frame.dataset.screen === "card" && showDone(), 2000);
}

// Markdown of the protocol, as the server wrote it: without HTML of its own.
function organised(parent, html) {
  make("div", parent, "organised").innerHTML = html;
}

function showWelcome() {
  setScreen("welcome");
  const node = make("section", null, "card lone-card welcome");
  make("h2", node, "", session.title);
  organised(node, session.instructions);
  make("h3", node, "", words.consentTitle);
  organised(node, session.consent);
  make("p", node, "quiet", words.rehearsal);
  const label = make("label", node, "consent");
  const box = make("input", label);
  box.type = "checkbox";
  label.append(words.consent);
  const begin = button(node, "main-button", words.begin, () => {
    record("consented", {}, null);
    session.consented = true;
    begin.disabled = true;
    whenSaved(() => goOn()); // no case is given before the consent is on the disk
  });
  begin.disabled = true;
  box.addEventListener("change", () => {
    begin.disabled = !box.checked;
  });
  stage.replaceChildren(node);
}

// Dialogs

function dialog(title) {
  const node = make("dialog", frame, "session-dialog");
  make("h2", node, "", title).id = "dialog-title";
  node.setAttribute("aria-labelledby", "dialog-title");
  node.addEventListener("close", () => node.remove());
  return node;
}

function foot(node, ...actions) {
  const row = make("div", node, "foot-row");
  for (const [className, text, run] of actions) button(row, className, text, run);
  node.showModal();
  return row;
}

function pause() {
  keepTyping();
  takeTime();
  clock.pause(true);
  record("paused");
  frame.dataset.paused = "yes";
  const node = dialog(words.pausedTitle);
  make("p", node, "", words.paused);
  node.addEventListener("close", () => {
    record("resumed");
    frame.dataset.paused = "";
    clock.pause(false);
  });
  foot(node, ["main-button", words.resume, () => node.close()]);
}

function readAgain() {
  const node = dialog(words.instructions);
  organised(node, session.instructions);
  foot(node, ["main-button", words.close, () => node.close()]);
}

function showKeys() {
  const node = dialog(words.keysTitle),
    table = make("table", node);
  for (const [key, about] of words.keyList) {
    const line = make("tr", table);
    make("th", line, "", key).scope = "row";
    make("td", line, "", about);
  }
  foot(node, ["main-button", words.close, () => node.close()]);
}

function askSkip() {
  const node = dialog(words.skipTitle);
  let reason = "";
  const comment = { value: "" };
  choices(node, "skip", words.skipTitle, session.skip_reasons, "", true, (value) => {
    reason = value;
    leave.disabled = false;
  });
  const label = make("label", node, "text");
  make("span", label, "text-label", `${words.comment} ${words.optional}`);
  const box = Object.assign(make("textarea", label), { rows: 2, maxLength: 2000 });
  box.addEventListener("input", () => {
    comment.value = box.value;
  });
  const row = foot(
    node,
    ["quiet-button", words.cancel, () => node.close()],
    [
      "main-button",
      words.leave,
      () => {
        node.close();
        finish("skipped", { reason, comment: comment.value });
      },
    ],
  );
  const leave = row.lastChild;
  leave.disabled = true;
}

function askUnreadable() {
  const node = dialog(words.unreadable);
  make("p", node, "", words.unreadableSure);
  const sides = ["current", "prior"].filter((side) => slot.films[side]);
  const leave = (image) => () => {
    node.close();
    finish("unreadable", { image, comment: "" });
  };
  foot(
    node,
    ["quiet-button", words.cancel, () => node.close()],
    ...sides.map((side) => ["main-button", viewerWords[side], leave(side)]),
  );
}

// Beginning

window.addEventListener("visibilitychange", () => {
  if (document.hidden && outbox) {
    keepTyping();
    takeTime();
  }
});
window.addEventListener("pagehide", () => {
  if (!outbox) return;
  keepTyping();
  takeTime();
});
document.getElementById("pause").addEventListener("click", pause);
document.getElementById("read-again").addEventListener("click", readAgain);
document.getElementById("show-keys").addEventListener("click", showKeys);

async function begin() {
  showCard(words.opening, "");
  try {
    await enter();
    session = await call("/api/state");
  } catch (error) {
    return error.refusal ? showProblem(error.refusal) : showProblem(words.noLine, begin);
  }
  document.title = session.title;
  document.getElementById("title").textContent = session.title;
  outbox = new Outbox(`priorrg.session.${base}.${session.reader}.`, send, showSaved);
  for (const { kind, assignment } of outbox.events) {
    if (kind === "consented") session.consented = true;
    const status = { submitted: "submitted", skipped: "skipped", unreadable: "unreadable", reopened: "open" }[kind];
    if (status) statusOf(assignment).status = status;
  }
  outbox.flush();
  showSaved();
  if (session.consented) goOn();
  else showWelcome();
}

begin();
