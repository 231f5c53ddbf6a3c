// The two radiographs: what is shown of each, and its drawing. Runs inside a gr.HTML: `element`, `props` and `watch` are
// given. Text goes in by textContent only. Buttons, mouse and keys are in tools.js.
const root = element.querySelector(".viewer");
const holder = root.querySelector(".panes");
const texts = props.texts,
  colours = props.colours;
// film: the first look. whole: all pixels, once somebody looked so closely. failed: whether they could not be loaded.
const NO_FILM = { film: null, whole: null, isLoading: false, failed: false, failedAt: 0 };
const START = { zoom: 1, x: 0, y: 0, shift: 0, factor: 1, inverted: false };
// mode: `side` by side, `wipe` or `flicker`. wipe: where its line stands, from the left. front: whom flicker shows.
const view = {
  mode: "side",
  linked: true,
  drag: "window",
  wipe: 0.5,
  front: "current",
  overlay: null,
  overlayOn: true,
  style: "outline", // or `heat`
  alignment: null, // of the prior onto the current image, while it is used: see placedBy
  hasNoFit: false, // whether one was looked for in vain
  opacity: 0.7, // a part of the most that an overlay may have (overlay.js)
};
const panes = {};
// What further parts add (presets.js, measure.js, lens.js, align.js), where the page has them: buttons with keys, what
// dragging may do besides windowing and moving, and what is drawn over the films.
const moreActs = {},
  dragTools = {},
  layers = [];

for (const side of ["current", "prior"]) {
  const figure = make("figure", holder, "pane");
  figure.dataset.side = side;
  const stage = make("div", figure, "pane-stage");
  const canvas = make("canvas", stage, "pane-canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  const empty = make("div", stage, "pane-empty", side === "current" ? texts.noCurrent : texts.noPrior);
  const corners = Object.fromEntries(
    ["label", "window", "scale"].map((name) => [name, make("div", stage, `corner corner-${name}`)]),
  );
  const name = make("strong", corners.label, "", texts[side]);
  const caption = make("span", corners.label, "pane-caption");
  const notes = make("figcaption", figure, "pane-notes");
  panes[side] = { side, figure, stage, canvas, empty, corners, name, caption, notes, data: null, ...NO_FILM, ...START };
}
const both = Object.values(panes);
const opposite = (pane) => panes[pane.side === "current" ? "prior" : "current"];
const isShown = (pane) => view.mode === "side" || pane.side === "current"; // whose stage is on the screen
const ratio = () => window.devicePixelRatio || 1;

// Whom a change at `pane` concerns.
function together(pane) {
  return view.linked ? both : [pane];
}

// Window and level

// (centre, width) in pixel values. Both are kept in proportion to the image's own start, so that images of different
// depth change alike.
function windowOf(pane) {
  const [centre, width] = pane.data.window;
  return [centre + pane.shift * width, Math.max(2, width * pane.factor)];
}

function changeWindow(pane, wider, higher) {
  for (const one of together(pane)) {
    const least = one.data ? 2 / one.data.window[1] : 0.001;
    one.factor = Math.min(8, Math.max(least, one.factor * wider));
    one.shift = Math.min(2, Math.max(-2, one.shift + higher * one.factor));
  }
}

// In the file's own values. MONOCHROME1 was inverted about its top, where DICOM's window is half a value off.
function ownWindow(pane) {
  const [centre, width] = windowOf(pane),
    [slope, intercept] = pane.data.units;
  const level = intercept + slope * (slope < 0 ? centre - 1 : centre),
    wide = width * Math.abs(slope);
  const digits = wide < 10 && Math.abs(slope) !== 1 ? 2 : 0;
  return { width: wide.toFixed(digits), level: level.toFixed(digits) };
}

// Zoom and place, in pixels of the screen; a scale is of the file's pixels, whichever film is drawn

function stageSize(pane) {
  const stage = isShown(pane) ? pane.stage : panes.current.stage;
  return [stage.clientWidth * ratio(), stage.clientHeight * ratio()];
}

function fitScale(pane) {
  const [width, height] = stageSize(pane),
    { file } = pane.data;
  return Math.min(width / file.width, height / file.height) || 1;
}

function boxOf(pane) {
  const [width, height] = stageSize(pane),
    scale = fitScale(pane) * pane.zoom;
  const w = pane.data.file.width * scale,
    h = pane.data.file.height * scale;
  const left = (width - w) / 2 + pane.x * w,
    top = (height - h) / 2 + pane.y * h;
  // Whole pixels where one is shown as one: else all of them would be mixed with their neighbours.
  return Math.abs(scale - 1) < 1e-6 ? [Math.round(left), Math.round(top), w, h] : [left, top, w, h];
}

function keepInSight(pane) {
  const [width, height] = stageSize(pane),
    [, , w, h] = boxOf(pane);
  const most = [0.5 + (0.5 * width - 40) / w, 0.5 + (0.5 * height - 40) / h].map((v) => Math.max(0, v));
  pane.x = Math.min(most[0], Math.max(-most[0], pane.x));
  pane.y = Math.min(most[1], Math.max(-most[1], pane.y));
}

function setZoom(pane, zoom, [right, down] = [0, 0]) {
  // [right, down]: the place that stays where it is, from the middle of the stage.
  if (performance.now() - pane.failedAt > 3000) pane.failed = false;
  const most = Math.max(8, 16 / fitScale(pane)),
    least = Math.min(1, 1 / fitScale(pane)),
    before = pane.zoom;
  pane.zoom = Math.min(most, Math.max(least, zoom));
  if (pane.zoom <= 1) {
    pane.x = pane.y = 0;
    return;
  }
  const [, , w, h] = boxOf(pane),
    grown = pane.zoom / before;
  pane.x = (right - (right - pane.x * (w / grown)) * grown) / w;
  pane.y = (down - (down - pane.y * (h / grown)) * grown) / h;
  keepInSight(pane);
}

// Whose place a film is drawn by: an aligned prior is laid over the current image, wherever that stands.
function placedBy(pane) {
  return view.alignment && view.mode !== "side" ? panes.current : pane;
}

function zoom(pane, factor, place) {
  for (const one of together(placedBy(pane))) if (one.data) setZoom(one, one.zoom * factor, place);
}

function pan(pane, right, down) {
  for (const one of together(placedBy(pane))) {
    if (!one.data) continue;
    const [, , w, h] = boxOf(one);
    one.x += right / w;
    one.y += down / h;
    keepInSight(one);
  }
}

// Drawing

// The first look while it has a pixel for each one of the screen, then all pixels of the file.
function filmFor(pane, scale) {
  if (scale * pane.film.step <= 1.001 || pane.film.step === 1) return pane.film;
  if (!pane.whole) loadWhole(pane);
  return pane.whole || pane.film;
}

// A film where it stands on the canvas of `pen`. closer: how much a lens enlarges it besides.
function paint(pen, pane, closer = 1) {
  if (placedBy(pane) !== pane) {
    paintAligned(pen, pane, closer);
    return;
  }
  const [left, top, w, h] = boxOf(pane),
    scale = w / pane.data.file.width,
    { canvas } = pen;
  const film = filmFor(pane, scale * closer),
    size = scale * film.step; // of one of its pixels on the screen
  const inSight = [-left, -top, canvas.width - left, canvas.height - top].map((place) => place / size);
  const part = film.develop(...windowOf(pane), pane.inverted, inSight);
  if (!part) return;
  pen.imageSmoothingEnabled = Math.abs(size - 1) > 1e-6 || film.step > 1;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(part.canvas, left + part.x * size, top + part.y * size, part.w * size, part.h * size);
  drawOverlay(pen, pane.side, pane.data, [left, top, w, h], pane.zoom);
}

// The prior turned, scaled and moved onto the current image: a pixel (x, y) of it lies at (along * x - across * y + right,
// across * x + along * y + down) of that one.
function paintAligned(pen, pane, closer) {
  const [left, top, w] = boxOf(panes.current),
    scale = w / panes.current.data.file.width,
    { along, across, right, down } = view.alignment;
  const unit = scale * Math.hypot(along, across),
    film = filmFor(pane, unit * closer),
    { file } = pane.data;
  const part = film.develop(...windowOf(pane), pane.inverted, [0, 0, film.width, film.height]);
  pen.save();
  pen.transform(scale, 0, 0, scale, left, top);
  pen.transform(along, across, -across, along, right, down);
  pen.imageSmoothingEnabled = true;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(part.canvas, 0, 0, part.w * film.step, part.h * film.step);
  drawOverlay(pen, pane.side, pane.data, [0, 0, file.width, file.height], panes.current.zoom, unit);
  pen.restore();
}

// All films of a pane: in a comparison at one place, both.
function compose(pen, pane, closer = 1) {
  const front = view.mode === "flicker" ? panes[view.front] : pane;
  if (front.film) paint(pen, front, closer);
  if (view.mode !== "wipe" || !panes.prior.film) return;
  const [width, height] = stageSize(pane).map(Math.round),
    line = Math.round(view.wipe * width),
    isLeft = priorSide() === "left";
  pen.save();
  pen.beginPath();
  pen.rect(isLeft ? 0 : line, 0, isLeft ? line : width - line, height);
  pen.clip();
  pen.fillRect(0, 0, width, height);
  paint(pen, panes.prior, closer);
  pen.restore();
}

function label(pane, shown) {
  const isThere = Boolean(shown.film);
  const scale = isThere ? fitScale(shown) * shown.zoom : 1;
  pane.corners.window.textContent = isThere ? fill(texts.window, ownWindow(shown)) : "";
  let said = Math.abs(scale - 1) < 1e-6 ? texts.oneToOne : fill(texts.scale, { percent: Math.round(100 * scale) });
  if (isThere && filmFor(shown, scale) === shown.film && scale * shown.film.step > 1.001 && shown.film.step > 1) {
    said = fill(texts[shown.failed ? "wholeFailed" : "wholeLoading"], { scale: said, ...shown.data.file });
  }
  pane.corners.scale.textContent = isThere ? said : "";
}

function draw(pane) {
  const isThere = Boolean(pane.film);
  pane.canvas.hidden = !isThere;
  pane.empty.hidden = isThere;
  if (!isThere || !isShown(pane)) {
    label(pane, pane);
    return;
  }
  const [width, height] = stageSize(pane).map(Math.round),
    { canvas } = pane;
  if (!width || !height) return;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  // At rest a finger scrolls the page; zoomed in it moves the image.
  canvas.style.touchAction = pane.zoom > 1 || view.touchWindow ? "none" : "pan-y";
  const pen = canvas.getContext("2d", { alpha: false });
  pen.reset();
  const front = view.mode === "flicker" ? panes[view.front] : pane;
  compose(pen, pane);
  for (const add of layers) add(pen, pane, front);
  pane.name.textContent = view.mode === "flicker" ? texts[front.side] : texts[pane.side];
  pane.caption.textContent = front.data ? front.data.caption : "";
  label(pane, front);
  root.dataset[`${pane.side}Drawn`] = pane.data.key;
}

function drawAll() {
  root.dataset.overlay = view.overlay && view.overlayOn ? "shown" : "";
  both.forEach(draw);
  root.dispatchEvent(new Event("priorrg:drawn"));
  refreshTools();
}

let isDue = false;
function drawSoon() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    drawAll();
  });
}

// What the server sends

async function load(pane, data) {
  pane.empty.textContent = texts.loading;
  const held = () => pane.data && pane.data.key === data.key;
  for (const isLast of [false, true]) {
    try {
      const film = await fetchFilm(pane.side, data, false, props.tokenHeader, props.value?.token || "");
      if (!held()) return;
      pane.film = film;
      drawAll();
      return;
    } catch {
      if (!held()) return;
      if (isLast) offerAgain(pane, data);
    }
  }
}

// All pixels of a film whose first look is there. A failure is said, and the next zoom tries again.
async function loadWhole(pane) {
  const { data } = pane;
  if (pane.isLoading || pane.failed) return;
  pane.isLoading = true;
  let whole = null;
  try {
    whole = await fetchFilm(pane.side, data, true, props.tokenHeader, props.value?.token || "");
  } catch {
    /* said below */
  }
  if (pane.data !== data && pane.data?.key !== data.key) return; // another image has come, and begun afresh
  if (!whole && pane.whole) return; // asked for twice, and the other came
  Object.assign(pane, { isLoading: false, failed: !whole, failedAt: performance.now(), whole });
  drawAll();
}

function offerAgain(pane, data) {
  pane.empty.textContent = `${texts.failed} `;
  const again = make("button", pane.empty, "tool-button", texts.again);
  again.type = "button";
  again.addEventListener("click", () => load(pane, data));
}

function show() {
  const value = props.value || {};
  for (const pane of both) {
    const data = value[pane.side] || null;
    pane.caption.textContent = data ? data.caption : "";
    pane.notes.textContent = data ? data.notes.join(" ") : "";
    if (data)
      pane.canvas.setAttribute("aria-label", fill(texts.canvas, { side: texts[pane.side], caption: data.caption }));
    const isSame = pane.data?.key === data?.key;
    pane.data = data;
    showCorrection(pane);
    if (isSame) continue;
    Object.assign(pane, NO_FILM);
    view.overlay = null;
    root.dataset[pane.side] = data ? data.key : "";
    root.dataset[`${pane.side}Drawn`] = "";
    pane.empty.textContent = pane.side === "current" ? texts.noCurrent : texts.noPrior;
    // A new image starts afresh, and its companion with it where both go together.
    for (const one of together(pane)) Object.assign(one, START);
    if (data) load(pane, data);
    else if (view.mode !== "side") setMode("side");
  }
  root.dispatchEvent(new Event("priorrg:shown"));
  drawAll();
}
