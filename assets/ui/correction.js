// On each film: turning, mirroring, the negative and the file's windows, which change what the model reads as well.
// Everything else in the viewer changes the screen only.

for (const pane of both) {
  const menu = make("details", pane.stage, "film-menu");
  const summary = make("summary", menu, "tool-button", texts.correct);
  summary.setAttribute("aria-label", fill(texts.correctAbout, { side: texts[pane.side].toLowerCase() }));
  summary.title = summary.getAttribute("aria-label");
  const body = make("div", menu, "film-menu-body");
  make("p", body, "", texts.correctNote);
  const steps = make("div", body, "film-menu-steps");
  for (const [step, label, about] of texts.steps) {
    const button = make("button", steps, "tool-button", label);
    Object.assign(button, { type: "button", title: about });
    button.setAttribute("aria-label", about);
    button.dataset.step = step;
    button.addEventListener("click", () => correct(pane, { step }));
  }
  const named = make("label", body, "film-menu-window", texts.windowOfFile);
  named.title = texts.windowOfFileAbout;
  const choice = make("select", named);
  choice.addEventListener("change", () => correct(pane, { window: Number(choice.value) }));
  make("span", named, "", texts.windowOfFileAbout);
  const corrected = make("span", pane.corners.label, "pane-corrected");
  pane.correction = { menu, steps, named, choice, corrected };
  menu.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || !menu.open) return;
    e.preventDefault();
    menu.open = false;
    summary.focus();
  });
  window.addEventListener("pointerdown", (e) => {
    if (!menu.contains(e.target)) menu.open = false;
  });
}

// The server answers with the whole study, of which `show` makes a new film; until then nothing more can be pressed.
function correct(pane, what) {
  setBusy(pane, true);
  setTimeout(() => setBusy(pane, false), 5000); // it may have had nothing to change
  trigger("corrected", { side: pane.side, key: pane.data.key, ...what });
}

function setBusy(pane, isBusy) {
  for (const one of pane.correction.menu.querySelectorAll("button, select")) one.disabled = isBusy;
  if (!pane.data?.corrected) pane.correction.steps.querySelector("[data-step=reset]").disabled = true;
}

function showCorrection(pane) {
  const { data, correction } = pane,
    windows = data ? data.windows : [];
  correction.menu.hidden = !data;
  if (!data) correction.menu.open = false;
  correction.corrected.textContent = data?.corrected ? fill(texts.corrected, { what: data.corrected }) : "";
  correction.named.hidden = windows.length < 2;
  correction.choice.replaceChildren(
    ...windows.map((name, number) => new Option(name, number, false, number === data.windowInUse)),
  );
  setBusy(pane, false);
}
