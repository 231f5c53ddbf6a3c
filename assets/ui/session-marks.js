// Places that a reader draws on the films. Runs in the viewer's scope: its panes and where a film stands are known here.
// A box is [left, top, width, height] in parts of the whole film; a press without a drag is a point, of no size.
const LEAST = 0.01; // a shorter drag is a press
const STEP = 0.02; // of an arrow key
let places = [];
let endDrawing = null;

function placeOf(pane, box) {
  const [left, top, w, h] = boxOf(pane).map((length) => length / ratio());
  return { left: left + box[0] * w, top: top + box[1] * h, width: box[2] * w, height: box[3] * h };
}

function partOf(pane, clientX, clientY) {
  const stage = pane.stage.getBoundingClientRect(),
    [left, top, w, h] = boxOf(pane).map((length) => length / ratio());
  const within = (part) => Math.min(1, Math.max(0, part));
  return [within((clientX - stage.left - left) / w), within((clientY - stage.top - top) / h)];
}

// As the store has it: the film, and two corners in parts of its width and height.
function placed(pane, [left, top, w, h]) {
  const part = (value) => Number(Math.min(1, value).toFixed(4));
  return { image: pane.side, x0: part(left), y0: part(top), x1: part(left + w), y1: part(top + h) };
}

function setMark(node, pane, box) {
  const at = placeOf(pane, box);
  node.classList.toggle("film-point", !box[2] || !box[3]);
  for (const [name, length] of Object.entries(at)) node.style[name] = `${length}px`;
}

function placeMarks() {
  for (const pane of both) {
    for (const node of pane.stage.querySelectorAll(".film-mark:not(.is-new)")) node.remove();
    if (!pane.film || view.mode !== "side") continue;
    for (const { place, name } of places) {
      if (place.image !== pane.side) continue;
      const { x0, y0, x1, y1 } = place;
      setMark(make("div", pane.stage, "film-mark", name), pane, [x0, y0, x1 - x0, y1 - y0]);
    }
  }
}
root.addEventListener("priorrg:drawn", placeMarks);

// A layer over each film takes one press, one drag, or arrows and Enter. Gives a promise of the place; null where the reader
// thought better of it.
function drawPlace(said) {
  if (endDrawing) endDrawing(null);
  if (view.mode !== "side") setMode("side");
  return new Promise((done) => {
    const layers = [];
    endDrawing = (drawn) => {
      for (const layer of layers) layer.remove();
      window.removeEventListener("keydown", onEscape, true);
      endDrawing = null;
      done(drawn);
    };
    function onEscape(event) {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      endDrawing(null);
    }
    window.addEventListener("keydown", onEscape, true);
    for (const pane of both) if (pane.film) layers.push(drawingLayer(pane, said));
    if (layers.length) layers[0].focus();
    else endDrawing(null);
  });
}

function drawingLayer(pane, said) {
  const layer = make("div", pane.stage, "drawing-layer");
  layer.tabIndex = 0;
  layer.setAttribute("role", "application");
  layer.setAttribute("aria-label", `${texts[pane.side]}. ${said}`);
  const mark = make("div", layer, "film-mark is-new");
  mark.hidden = true;
  let start = null,
    box = [0.5, 0.5, 0, 0];
  const show = () => {
    mark.hidden = false;
    setMark(mark, pane, box);
  };
  const stretch = (event) => {
    const [x, y] = partOf(pane, event.clientX, event.clientY);
    box = [Math.min(x, start[0]), Math.min(y, start[1]), Math.abs(x - start[0]), Math.abs(y - start[1])];
    show();
  };
  layer.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    layer.setPointerCapture(event.pointerId);
    start = partOf(pane, event.clientX, event.clientY);
    stretch(event);
  });
  layer.addEventListener("pointermove", (event) => {
    if (start) stretch(event);
  });
  layer.addEventListener("pointerup", (event) => {
    if (!start) return;
    stretch(event);
    if (box[2] < LEAST && box[3] < LEAST) box = [...start, 0, 0];
    endDrawing(placed(pane, box));
  });
  layer.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (event.key === "Enter") {
      event.preventDefault();
      event.stopPropagation();
      endDrawing(placed(pane, box));
    }
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    box = [...[0, 1].map((axis) => Math.min(1, Math.max(0, box[axis] + step[axis]))), 0, 0];
    show();
  });
  return layer;
}

const marks = {
  show(list) {
    places = list;
    placeMarks();
  },
  draw: drawPlace,
  stop: () => endDrawing?.(null),
};
