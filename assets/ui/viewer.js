// The two radiographs side by side: shared zoom and pan, brightness and contrast, and the overlay of a sentence.
// Runs inside a gr.HTML: `element`, `props` and `watch` are given. Text goes in by textContent only.
const root = element.querySelector(".viewer");
const view = { zoom: 1, x: 0, y: 0, brightness: 1, contrast: 1, opacity: 0.55, overlay: null };
const panes = {};
let colours = [];

function make(kind, parent, className, text) {
  const node = document.createElement(kind);
  if (className) node.className = className;
  if (text) node.textContent = text;
  parent.appendChild(node);
  return node;
}

for (const side of ["current", "prior"]) {
  const figure = make("figure", root.querySelector(".panes"), "pane");
  const head = make("figcaption", figure, "pane-head");
  make("strong", head, "", side === "current" ? "Current" : "Prior");
  const caption = make("span", head, "pane-caption");
  const canvas = make("canvas", figure, "pane-canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  const empty = make("div", figure, "pane-empty", side === "current" ? "No current image yet" : "No prior image: the report will not compare");
  const notes = make("div", figure, "pane-notes");
  panes[side] = { side, canvas, caption, empty, notes, image: null, data: null };
}

function heat(levels) {
  const size = levels.length;
  const small = document.createElement("canvas");
  small.width = small.height = size;
  const pixels = new ImageData(size, size);
  levels.flat().forEach((level, i) => {
    const [r, g, b] = colours[level] || [255, 160, 0];
    // Little is left clear: a dark tint over lung would look like a finding.
    pixels.data.set([r, g, b, Math.round(255 * Math.min(1, Math.max(0, (level - 90) / 110)))], 4 * i);
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  return small;
}

function draw(pane) {
  const { canvas, image, data } = pane;
  canvas.hidden = !image;
  pane.empty.hidden = Boolean(image);
  if (!image) return;
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
  if (!width) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const fit = Math.min(width / image.width, height / image.height) * view.zoom;
  const w = image.width * fit, h = image.height * fit;
  const left = (width - w) / 2 + view.x * w, top = (height - h) / 2 + view.y * h;
  pen.imageSmoothingQuality = "high";
  pen.filter = `brightness(${view.brightness}) contrast(${view.contrast})`;
  pen.drawImage(image, left, top, w, h);
  pen.filter = "none";
  const levels = view.overlay && view.overlay[pane.side];
  if (!levels) return;
  const s = data.seen;
  const box = [left + s.left * w, top + s.top * h, s.width * w, s.height * h];
  pen.globalAlpha = view.opacity;
  pen.drawImage(heat(levels), ...box);
  pen.globalAlpha = 0.5;
  pen.strokeStyle = "#7dd3fc";
  pen.setLineDash([6, 6]);
  pen.strokeRect(...box);
  pen.globalAlpha = 1;
}

function drawAll() {
  // At rest a finger scrolls the page; zoomed in it moves the image.
  for (const pane of Object.values(panes)) { pane.canvas.style.touchAction = view.zoom > 1 ? "none" : "pan-y"; draw(pane); }
}
function zoom(factor) {
  view.zoom = Math.min(8, Math.max(1, view.zoom * factor));
  if (view.zoom === 1) view.x = view.y = 0;
  drawAll();
}

function show() {
  const value = props.value || {};
  colours = value.colours || colours;
  for (const pane of Object.values(panes)) {
    const data = value[pane.side];
    pane.caption.textContent = data ? data.caption : "";
    pane.notes.textContent = data ? data.notes.join(" ") : "";
    if ((pane.data && pane.data.key) === (data && data.key)) { pane.data = data; continue; }
    pane.data = data;
    pane.image = null;
    view.overlay = null;
    root.dataset[pane.side] = data ? data.key : "";
    if (data) {
      const image = new Image();
      image.onload = () => { if (pane.data === data || (pane.data && pane.data.key === data.key)) { pane.image = image; drawAll(); } };
      image.src = data.src;
      pane.canvas.setAttribute("aria-label", `${pane.side} radiograph, ${data.caption}`);
    }
  }
  drawAll();
}

let drag = null;
for (const { canvas } of Object.values(panes)) {
  canvas.addEventListener("wheel", (e) => {
    e.preventDefault();
    zoom(Math.exp(-e.deltaY / 500));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (e) => { drag = [e.clientX, e.clientY]; canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener("pointermove", (e) => {
    if (!drag) return;
    const dx = e.clientX - drag[0], dy = e.clientY - drag[1];
    drag = [e.clientX, e.clientY];
    if (e.shiftKey) { view.contrast = Math.min(4, Math.max(0.3, view.contrast + dx / 200)); view.brightness = Math.min(3, Math.max(0.3, view.brightness - dy / 200)); sliders(); }
    else if (view.zoom > 1) { view.x += dx / (canvas.clientWidth * view.zoom); view.y += dy / (canvas.clientHeight * view.zoom); }
    drawAll();
  });
  canvas.addEventListener("pointerup", () => { drag = null; });
  canvas.addEventListener("dblclick", reset);
  canvas.addEventListener("keydown", (e) => {
    if (e.key === "+" || e.key === "=") zoom(1.25);
    else if (e.key === "-") zoom(1 / 1.25);
    else if (e.key === "0") reset();
  });
}

const inputs = {};
for (const [name, label, low, high] of [["brightness", "Brightness", 0.3, 3], ["contrast", "Contrast", 0.3, 4], ["opacity", "Overlay", 0, 1]]) {
  const holder = make("label", root.querySelector(".viewer-tools"), "tool", label);
  const input = make("input", holder);
  Object.assign(input, { type: "range", min: low, max: high, step: 0.05, value: view[name] });
  input.addEventListener("input", () => { view[name] = Number(input.value); drawAll(); });
  inputs[name] = input;
}
function sliders() { for (const name in inputs) inputs[name].value = view[name]; }
function reset() { Object.assign(view, { zoom: 1, x: 0, y: 0, brightness: 1, contrast: 1 }); sliders(); drawAll(); }
for (const [text, label, act] of [["+", "Zoom in", () => zoom(1.25)], ["−", "Zoom out", () => zoom(1 / 1.25)], ["Reset view", "Reset view", reset]]) {
  const button = make("button", root.querySelector(".viewer-tools"), "tool-button", text);
  button.type = "button";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
}
const legend = make("span", root.querySelector(".viewer-tools"), "legend", "little");
make("span", legend, "legend-bar");
legend.append("most, within each image");

window.addEventListener("priorrg:overlay", (e) => {
  view.overlay = e.detail;
  root.dataset.overlay = e.detail ? "shown" : "";
  drawAll();
});
new ResizeObserver(drawAll).observe(root);
watch("value", show);
show();
