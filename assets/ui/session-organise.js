// The organiser's page: how far each reader is, agreement without unblinding, and the acts that are recorded.
const { words, base } = JSON.parse(document.getElementById("session-data").textContent);
window.gradio_config = { root: base };
const stage = document.getElementById("stage");

async function call(path, body) {
  const options =
    body === undefined
      ? {}
      : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(appAddress(path), { ...options, cache: "no-store", credentials: "same-origin" });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const said = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(said.detail || words.noLine), { status: answer.status });
}

function button(parent, className, text, run) {
  const node = make("button", parent, className, text);
  node.type = "button";
  node.addEventListener("click", run);
  return node;
}

function askSecret(said) {
  const form = make("form", null, "card lone-card");
  make("h2", form, "", words.secret);
  make("p", form, "quiet", words.secretAbout);
  const label = make("label", form, "text");
  make("span", label, "text-label", words.secret);
  const box = Object.assign(make("input", label), {
    type: "password",
    autocomplete: "current-password",
    required: true,
  });
  const alert = make("p", form, "problem", said || "");
  alert.setAttribute("role", "alert");
  make("button", form, "main-button", words.enter);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await call("/enter", { secret: box.value });
      show();
    } catch (error) {
      alert.textContent = error.message;
      box.select();
    }
  });
  stage.replaceChildren(form);
  box.focus();
}

function table(parent, caption, heads, rows) {
  const scroll = make("div", parent, "scroll"),
    node = make("table", scroll);
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", caption);
  make("caption", node, "", caption);
  const head = make("tr", make("thead", node));
  for (const one of heads) make("th", head, "", one).scope = "col";
  const body = make("tbody", node);
  for (const cells of rows) {
    const row = make("tr", body);
    cells.forEach((cell, place) => {
      const node = make(place ? "td" : "th", row, "", cell === null ? "–" : String(cell));
      if (!place) node.scope = "row";
    });
  }
}

function when(iso) {
  return iso ? new Date(`${iso}Z`).toLocaleString() : words.never;
}

function showOne(session) {
  const node = make("section", stage, "card one-session");
  node.dataset.session = session.name;
  const head = make("div", node, "session-head");
  make("h2", head, "", `${session.title} (${session.name})`);
  make("span", head, `state ${session.state}`, words[session.state]);
  make("span", head, "state", session.unblinded ? fill(words.unblinded, { day: session.unblinded }) : words.blinded);
  for (const act of session.acts) button(head, "quiet-button", words[act], () => doIt(session, act)).dataset.act = act;
  if (session.problem) make("p", node, "problem", session.problem);
  const { readers } = session;
  const heads = ["reader", "link", "done", "skipped", "seconds", "last"].map((name) => words[name]);
  const line = (one) => [one.reader, one.link, one.done, one.skipped, one.seconds, when(one.last)];
  table(node, words.readers, heads, readers.map(line));
  if (session.pushed) make("p", node, "quiet", fill(words.pushed, { when: session.pushed }));
  make("h3", node, "", words.agreement);
  make("p", node, "quiet", session.agreement.length ? words.agreementAbout : words.agreementNone);
  if (session.agreement.length) {
    const rows = session.agreement.map((one) => [
      one.question,
      fill(words.sameOf, { ...one, percent: Math.round((100 * one.same) / one.pairs) }),
    ]);
    table(node, words.agreement, [words.question, words.same], rows);
  }
  if (session.by_arm.length) {
    const rows = session.by_arm.map((one) => [one.question, one.arm, one.answers]);
    table(node, words.arms, [words.question, words.arm, words.answers], rows);
  }
  const record = make("details", node);
  make("summary", record, "", words.acts);
  table(
    record,
    words.acts,
    [words.when, words.act],
    session.record.map((one) => [when(one.when), one.act]),
  );
}

async function doIt(session, act) {
  const typed = act === "unblind" ? await askName(session.name) : "";
  if (typed === null) return;
  try {
    await call("/api/acts", { session: session.name, act, typed });
    await show();
  } catch (error) {
    await show();
    stage.prepend(make("p", null, "problem", error.message));
  }
}

// Unblinding cannot be taken back, so that a press is not enough.
function askName(name) {
  return new Promise((done) => {
    const node = make("dialog", document.body, "session-dialog"),
      form = make("form", node);
    make("h2", form, "", words.unblind);
    const label = make("label", form, "text");
    make("span", label, "text-label", words.unblindSure);
    const box = Object.assign(make("input", label), { type: "text", autocomplete: "off" });
    const row = make("div", form, "foot-row");
    button(row, "quiet-button", words.cancel, () => node.close());
    const go = make("button", row, "main-button", words.unblind);
    go.disabled = true;
    box.addEventListener("input", () => {
      go.disabled = box.value !== name;
    });
    let typed = null;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      typed = box.value;
      node.close();
    });
    node.addEventListener("close", () => {
      node.remove();
      done(typed);
    });
    node.showModal();
  });
}

async function show() {
  try {
    const { sessions } = await call("/api/sessions");
    stage.replaceChildren();
    const row = make("div", stage, "foot-row");
    button(row, "quiet-button", words.reload, show);
    button(row, "quiet-button", words.leave, async () => {
      await call("/leave", {});
      askSecret();
    });
    if (!sessions.length) make("p", stage, "quiet", words.none);
    sessions.forEach(showOne);
  } catch (error) {
    if (error.status === 401) askSecret();
    else askSecret(error.message);
  }
}

show();
