// What a reader does to the two radiographs: buttons, mouse, touch, keys, and the comparison of both at one place.
const bar = root.querySelector(".viewer-tools");
bar.setAttribute("role", "group");
bar.setAttribute("aria-label", texts.tools);

// The only thing kept in the browser: how this reader likes the viewer. Never a text, never an image.
const PREFERENCE = "priorrg.viewer";
const preference = { priorSide: "right", shortcuts: true };
try {
  Object.assign(preference, JSON.parse(localStorage.getItem(PREFERENCE) || "{}"));
} catch {
  /* storage is blocked */
}
function prefer(change) {
  Object.assign(preference, change);
  try {
    localStorage.setItem(PREFERENCE, JSON.stringify(preference));
  } catch {
    /* then for this visit only */
  }
}
function priorSide() {
  return preference.priorSide === "left" ? "left" : "right";
}
function placeSides() {
  // In the document and not only on the screen, so that the Tab key goes from left to right too.
  const order = priorSide() === "left" ? [panes.prior, panes.current] : [panes.current, panes.prior];
  holder.append(...order.map((pane) => pane.figure));
  root.dataset.priorSide = priorSide();
}

const canCompare = () => Boolean(panes.current.film && panes.prior.film);
const here = () => (view.mode === "flicker" ? panes[view.front] : lastTouched);
let lastTouched = panes.current;

// Comparison at one place

const divider = make("div", panes.current.stage, "divider");
Object.assign(divider, { tabIndex: 0 });
for (const [name, value] of [
  ["role", "slider"],
  ["aria-label", texts.divider],
  ["aria-valuemin", 0],
  ["aria-valuemax", 100],
])
  divider.setAttribute(name, value);
function setWipe(place) {
  view.wipe = Math.min(1, Math.max(0, place));
  divider.style.left = `${100 * view.wipe}%`;
  divider.setAttribute("aria-valuenow", Math.round(100 * view.wipe));
}
divider.addEventListener("pointerdown", (e) => {
  divider.setPointerCapture(e.pointerId);
  e.preventDefault();
  divider.focus();
});
divider.addEventListener("pointermove", (e) => {
  if (!divider.hasPointerCapture(e.pointerId)) return;
  const stage = panes.current.stage.getBoundingClientRect();
  setWipe((e.clientX - stage.left) / stage.width);
  drawSoon();
});
divider.addEventListener("keydown", (e) => {
  const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[e.key];
  if (!step) return;
  e.preventDefault();
  setWipe(view.wipe + step);
  drawAll();
});
const otherName = make("div", panes.current.stage, "corner corner-other");
const remark = make("div", panes.current.stage, "viewer-remark"); // over the film: a line more beside it would move it
remark.setAttribute("role", "status");

const wantsLittleMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;
let flickering = 0;
function flicker() {
  view.front = view.front === "current" ? "prior" : "current";
  drawAll();
}
function setMode(mode) {
  view.mode = mode !== "side" && !canCompare() ? "side" : mode;
  clearInterval(flickering);
  view.front = "current";
  root.dataset.mode = view.mode;
  // Slower than the three flashes a second of WCAG 2.3.1.
  if (view.mode === "flicker" && !wantsLittleMotion)
    flickering = setInterval(() => {
      if (element.isConnected) flicker();
      else clearInterval(flickering);
    }, 700);
  root.dispatchEvent(new Event("priorrg:mode"));
  sayMode();
  drawAll();
}
// In a comparison at one place: whether the anatomy is aligned, and how well.
function sayMode() {
  const said = view.alignment ? view.alignment.said : texts.notAligned + (view.hasNoFit ? ` ${texts.noFit}` : "");
  const byHand = view.mode === "flicker" && wantsLittleMotion ? ` ${texts.flickerByHand}` : "";
  remark.textContent = view.mode === "side" ? "" : said + byHand;
}

// Actions: name -> what it does, its key, and (for a switch) whether it is on

function setDrag(what) {
  view.drag = what;
  view.touchWindow = what !== "pan"; // with one finger too
}
function setLinked(linked) {
  view.linked = linked;
  if (!linked) return;
  const from = here(),
    { zoom: size, x, y, shift, factor, inverted } = from;
  Object.assign(opposite(from), { zoom: size, x, y, shift, factor, inverted });
}
function toEach(place) {
  for (const pane of together(here())) Object.assign(pane, place);
}
const acts = withMore(
  {
    dragWindow: { key: "w", isOn: () => view.drag === "window", run: () => setDrag("window") },
    dragPan: { key: "p", isOn: () => view.drag === "pan", run: () => setDrag("pan") },
    zoomOut: { key: "-", run: () => zoom(here(), 1 / 1.25) },
    zoomIn: { key: "+", run: () => zoom(here(), 1.25) },
    fit: { key: "f", run: () => toEach({ zoom: 1, x: 0, y: 0 }) },
    oneToOne: {
      key: "x",
      run: () =>
        together(here()).forEach((pane) => {
          if (pane.data) setZoom(pane, 1 / fitScale(pane));
        }),
    },
    invert: {
      key: "i",
      isOn: () => here().inverted,
      run: () => {
        const to = !here().inverted;
        together(here()).forEach((pane) => {
          pane.inverted = to;
        });
      },
    },
    reset: { key: "r", run: () => toEach(START) },
    link: { key: "l", isOn: () => view.linked, run: () => setLinked(!view.linked) },
    wipe: {
      key: "c",
      isOn: () => view.mode === "wipe",
      needsBoth: true,
      run: () => setMode(view.mode === "wipe" ? "side" : "wipe"),
    },
    flicker: {
      key: "b",
      isOn: () => view.mode === "flicker",
      needsBoth: true,
      run: () => setMode(view.mode === "flicker" ? "side" : "flicker"),
    },
    swap: {
      key: "s",
      run: () => {
        prefer({ priorSide: priorSide() === "left" ? "right" : "left" });
        placeSides();
      },
    },
    help: { key: "?", run: () => openHelp() },
    outline: { isOn: () => view.overlayOn && view.style === "outline", run: () => showAs("outline") },
    heat: { isOn: () => view.overlayOn && view.style === "heat", run: () => showAs("heat") },
    overlay: {
      key: "o",
      isOn: () => !view.overlayOn,
      run: () => {
        view.overlayOn = !view.overlayOn;
      },
    },
    opacityDown: { key: "[", hasNoButton: true, run: () => setOpacity(view.opacity - 0.1) },
    opacityUp: { key: "]", hasNoButton: true, run: () => setOpacity(view.opacity + 0.1) },
  },
  moreActs,
);
// Each of the further ones stands after another.
function withMore(known, more) {
  const entries = Object.entries(known);
  for (const [name, one] of Object.entries(more))
    entries.splice(entries.findIndex(([other]) => other === one.after) + 1, 0, [name, one]);
  return Object.fromEntries(entries);
}
function showAs(style) {
  Object.assign(view, { style, overlayOn: true });
  root.dataset.overlayStyle = style;
}
function act(name) {
  if (acts[name].needsBoth && !canCompare()) return;
  acts[name].run();
  drawAll();
}

// Buttons

const buttons = {};
let group = null,
  opacity = null;
for (const name in acts) {
  if (["dragWindow", "zoomOut", "invert", "link", "outline", "help"].includes(name))
    group = make("div", bar, `tool-group tool-group-${name}`);
  if (acts[name].hasNoButton) continue;
  const button = make("button", group, "tool-button", texts[name]);
  buttons[name] = button;
  button.type = "button";
  button.title = acts[name].key ? `${texts[`${name}About`]} (${acts[name].key})` : texts[`${name}About`];
  button.setAttribute("aria-label", texts[`${name}About`]);
  button.dataset.act = name;
  button.addEventListener("click", () => act(name));
  if (name === "overlay") addOpacity(group);
}
function addOpacity(parent) {
  opacity = make("input", parent);
  Object.assign(opacity, { type: "range", min: 0, max: 1, step: 0.05, value: view.opacity, title: texts.opacity });
  opacity.setAttribute("aria-label", texts.opacity);
  opacity.addEventListener("input", () => {
    view.opacity = Number(opacity.value);
    drawAll();
  });
  const legend = make("span", parent, "legend");
  make("span", legend, "legend-outline", texts.legendOutline).title = texts.outlineAbout;
  const heat = make("span", legend, "legend-heat", texts.legendLow);
  make("span", heat, "legend-bar");
  heat.append(texts.legendHigh);
}
function setOpacity(value) {
  view.opacity = Math.min(1, Math.max(0, value));
  opacity.value = view.opacity;
}
function refreshTools() {
  for (const [name, button] of Object.entries(buttons)) {
    if (acts[name].isOn) button.setAttribute("aria-pressed", String(acts[name].isOn()));
    button.disabled = Boolean(acts[name].needsBoth && !canCompare());
  }
  const isWipe = view.mode === "wipe";
  divider.hidden = !isWipe;
  otherName.textContent = isWipe ? texts.prior : "";
}

// Mouse and touch

const fingers = new Map();
let dragged = null;
function place(pane, e) {
  // From the middle of the stage, in pixels of the screen.
  const box = pane.stage.getBoundingClientRect();
  return [(e.clientX - box.left - box.width / 2) * ratio(), (e.clientY - box.top - box.height / 2) * ratio()];
}
function under(pane, e) {
  if (view.mode === "flicker") return panes[view.front];
  if (view.mode !== "wipe") return pane;
  const box = pane.stage.getBoundingClientRect(),
    isLeft = (e.clientX - box.left) / box.width < view.wipe;
  return panes[isLeft === (priorSide() === "left") ? "prior" : "current"];
}
function move(e, right, down) {
  const { pane } = dragged;
  const isOther = e.shiftKey || e.buttons & 6;
  const isWindow = e.pointerType === "touch" ? view.touchWindow : (view.drag !== "pan") !== Boolean(isOther);
  if (isWindow) changeWindow(pane, Math.exp(right / 200), down / 300);
  else if (e.pointerType !== "touch" || pane.zoom > 1) pan(pane, right * ratio(), down * ratio());
}
function pinch(pane, e) {
  const [a, b] = [...fingers.values()],
    before = Math.hypot(a[0] - b[0], a[1] - b[1]);
  fingers.set(e.pointerId, [e.clientX, e.clientY]);
  const [c, d] = [...fingers.values()],
    after = Math.hypot(c[0] - d[0], c[1] - d[1]);
  if (before > 0)
    zoom(dragged.pane, after / before, place(pane, { clientX: (c[0] + d[0]) / 2, clientY: (c[1] + d[1]) / 2 }));
}
for (const pane of both) {
  const { canvas } = pane;
  canvas.addEventListener(
    "wheel",
    (e) => {
      e.preventDefault();
      lastTouched = under(pane, e);
      zoom(lastTouched, Math.exp(-e.deltaY / 500), place(pane, e));
      drawSoon();
    },
    { passive: false },
  );
  canvas.addEventListener("contextmenu", (e) => e.preventDefault());
  canvas.addEventListener("pointerdown", (e) => {
    lastTouched = under(pane, e);
    fingers.set(e.pointerId, [e.clientX, e.clientY]);
    dragged = { pane: lastTouched, tool: e.shiftKey || e.button ? null : dragTools[view.drag] };
    canvas.setPointerCapture(e.pointerId);
    if (dragged.pane.data) dragged.tool?.start(dragged.pane, place(pane, e));
    if (e.button === 1) e.preventDefault();
  });
  canvas.addEventListener("pointermove", (e) => {
    const was = fingers.get(e.pointerId);
    if (!was || !dragged?.pane.data) return;
    if (fingers.size > 1) pinch(pane, e);
    else if (dragged.tool) dragged.tool.move(dragged.pane, place(pane, e));
    else move(e, e.clientX - was[0], e.clientY - was[1]);
    fingers.set(e.pointerId, [e.clientX, e.clientY]);
    drawSoon();
  });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, (e) => {
      if (fingers.size === 1 && dragged?.pane.data) dragged.tool?.end(dragged.pane);
      fingers.delete(e.pointerId);
    });
  canvas.addEventListener("dblclick", () => act("reset"));
  canvas.addEventListener("click", () => {
    if (view.mode === "flicker" && wantsLittleMotion) flicker();
  });
  canvas.addEventListener("focus", () => {
    if (view.mode === "side") lastTouched = pane;
  });
  canvas.addEventListener("keydown", (e) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (!step || !pane.data || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    if (e.shiftKey) changeWindow(here(), 1.1 ** step[0], 0.05 * step[1]);
    else pan(here(), 40 * step[0] * ratio(), 40 * step[1] * ratio());
    drawAll();
  });
}

// Keys, and the dialog that lists them

const isText = (node) =>
  node.closest?.(
    "textarea, select, [contenteditable=''], [contenteditable=true], [role=textbox], [role=combobox], [role=listbox], input:not([type=range]):not([type=checkbox]):not([type=radio]):not([type=button]):not([type=file])",
  );
const help = make("dialog", root, "viewer-help");
const helpHead = make("div", help, "viewer-help-head");
make("h2", helpHead, "", texts.helpTitle).id = "viewer-help-title";
const close = make("button", helpHead, "tool-button", texts.close);
close.type = "button";
close.addEventListener("click", () => help.close());
help.setAttribute("aria-labelledby", "viewer-help-title");
const keyTable = make("table", help),
  handTable = make("table", help, "viewer-help-hand");
function row(table, what, about) {
  const line = make("tr", table);
  make("th", line, "", what).scope = "row";
  make("td", line, "", about);
}
for (const name in acts) if (acts[name].key) row(keyTable, acts[name].key, texts[`${name}About`] || texts[name]);
row(handTable, "← ↑ → ↓", texts.moveKeys);
row(handTable, `${texts.shift} ← ↑ → ↓`, texts.toneKeys);
for (const [what, about] of texts.gestures) row(handTable, what, about);
make("p", help, "", texts.helpNote);
const choice = make("label", help, "viewer-help-choice");
const shortcuts = make("input", choice);
Object.assign(shortcuts, { type: "checkbox", checked: preference.shortcuts });
choice.append(texts.shortcuts);
shortcuts.addEventListener("change", () => prefer({ shortcuts: shortcuts.checked }));
help.addEventListener("click", (e) => {
  if (e.target === help) help.close();
});
function openHelp() {
  if (!help.open) help.showModal();
}

const byKey = Object.fromEntries(Object.entries(acts).flatMap(([name, { key }]) => (key ? [[key, name]] : [])));
window.addEventListener("keydown", (e) => {
  if (!element.isConnected || e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || help.open)
    return;
  if (isText(e.target) || document.querySelector("dialog[open], [aria-modal=true]")) return;
  const name =
    e.key === "Escape" && view.mode !== "side"
      ? "side"
      : byKey[e.key === "=" ? "+" : e.key === "0" ? "f" : e.key.toLowerCase()];
  if (name === "side") setMode("side");
  else if (name && preference.shortcuts) {
    e.preventDefault();
    act(name);
  }
});

window.addEventListener("priorrg:overlay", (e) => {
  view.overlay = e.detail;
  drawAll();
});
new ResizeObserver(drawAll).observe(holder);
placeSides();
setWipe(0.5);
setMode("side");
root.dataset.overlayStyle = view.style;
watch("value", show);
show();
