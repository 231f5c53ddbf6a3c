// Distances and the cardiothoracic ratio, drawn on a film in its own pixels; in mm where the file gives a pixel spacing.
// In the viewer's scope. What a reader keeps goes to the server, for exports (priorrg/ui/measures.py).
const RULER = "#86efac";
const steps = { distance: ["distance"], ratio: ["heart", "thorax"] }; // what a drag of each tool draws, one after the other

// Where a place of the stage lies on a film, in pixels of its file.
function onFilm(pane, [right, down]) {
  const [left, top, w] = boxOf(pane),
    [width, height] = stageSize(pane),
    scale = w / pane.data.file.width;
  return [(width / 2 + right - left) / scale, (height / 2 + down - top) / scale];
}

function lengthOf(pane, { from, to }) {
  const pixels = Math.hypot(to[0] - from[0], to[1] - from[1]),
    { spacing } = pane.data;
  return spacing
    ? fill(texts.measures.mm, { mm: (pixels * spacing).toFixed(1) })
    : fill(texts.measures.pixels, { pixels: Math.round(pixels) });
}

function across({ from, to }) {
  return Math.abs(to[0] - from[0]);
}

// Lines of a film as what they say: [kind, words, figures for the server].
function saidOf(pane) {
  const said = [],
    find = (kind) => pane.lines.find((line) => line.kind === kind);
  for (const line of pane.lines)
    if (line.kind === "distance")
      said.push(["distance", fill(texts.measures.distance, { length: lengthOf(pane, line) })]);
  const heart = find("heart"),
    thorax = find("thorax");
  if (heart && thorax) {
    const values = {
      ratio: (across(heart) / across(thorax)).toFixed(2),
      heart: lengthOf(pane, heart),
      thorax: lengthOf(pane, thorax),
    };
    said.push(["ratio", fill(texts.measures.ratio, values)]);
  }
  return said;
}

function tellKept(pane) {
  const lines = pane.areKept ? pane.lines.map(({ kind, from, to }) => ({ kind, from, to })) : [];
  trigger("measured", { side: pane.side, key: pane.data.key, lines });
}

const drags = (tool) => ({
  start(pane, place) {
    if (placedBy(pane) !== pane) return; // over an aligned film there is no one place of the file
    const open = steps[tool].find((kind) => !pane.lines.some((line) => line.kind === kind)) || steps[tool][0];
    const isNew = tool === "ratio" && open === "heart"; // a third drag begins the ratio anew
    pane.lines = pane.lines.filter(({ kind }) => kind === "distance" || !isNew);
    const from = onFilm(pane, place);
    pane.drawing = { kind: open, from, to: from };
    pane.lines.push(pane.drawing);
  },
  move(pane, place) {
    if (!pane.drawing) return;
    const [x, y] = onFilm(pane, place);
    pane.drawing.to = [x, tool === "ratio" ? pane.drawing.from[1] : y]; // both widths of the ratio are level
  },
  end(pane) {
    const line = pane.drawing;
    pane.drawing = null;
    if (!line) return;
    const scale = boxOf(pane)[2] / pane.data.file.width;
    if (Math.hypot(line.to[0] - line.from[0], line.to[1] - line.from[1]) * scale < 4 * ratio())
      pane.lines = pane.lines.filter((one) => one !== line); // a click
    showMeasures(pane);
    if (pane.areKept) tellKept(pane);
    drawAll();
  },
});
dragTools.distance = drags("distance");
dragTools.ratio = drags("ratio");
moreActs.dragDistance = {
  key: "d",
  after: "dragPan",
  isOn: () => view.drag === "distance",
  run: () => measureWith("distance"),
};
moreActs.dragRatio = {
  key: "t",
  after: "dragDistance",
  isOn: () => view.drag === "ratio",
  run: () => measureWith("ratio"),
};

function measureWith(tool) {
  setDrag(view.drag === tool ? "window" : tool);
  for (const pane of both) showMeasures(pane);
}

for (const pane of both) {
  pane.lines = [];
  const box = make("div", pane.stage, "pane-measures");
  const list = make("ul", box),
    note = make("p", box);
  const keep = make("label", box);
  const kept = make("input", keep);
  kept.type = "checkbox";
  keep.append(texts.measures.keep);
  kept.addEventListener("change", () => {
    pane.areKept = kept.checked;
    tellKept(pane);
  });
  const clear = make("button", box, "tool-button", texts.measures.clear);
  clear.type = "button";
  clear.addEventListener("click", () => {
    pane.lines = [];
    if (pane.areKept) tellKept(pane);
    showMeasures(pane);
    drawAll();
  });
  pane.measures = { box, list, note, keep, kept, clear };
}

function showMeasures(pane) {
  const { box, list, note, keep, kept, clear } = pane.measures,
    said = saidOf(pane),
    isMeasuring = view.drag in dragTools;
  list.replaceChildren();
  for (const [kind, words] of said) make("li", list, kind, words);
  const has = (kind) => pane.lines.some((line) => line.kind === kind);
  const next =
    view.drag === "ratio" && !(has("heart") && has("thorax")) ? texts.measures[has("heart") ? "thorax" : "heart"] : "";
  const unit = pane.data && !pane.data.spacing && (isMeasuring || pane.lines.length) ? texts.measures.noSpacing : "";
  const enlarged = pane.data?.spacing && pane.data.isOfDetector && said.length ? texts.measures.detector : "";
  note.textContent = [unit, next || enlarged].filter(Boolean).join(" ");
  keep.hidden = clear.hidden = !pane.lines.length;
  kept.checked = Boolean(pane.areKept);
  box.hidden = !pane.data || (!said.length && !note.textContent && !pane.lines.length);
}

root.addEventListener("priorrg:shown", () => {
  for (const pane of both) {
    if (pane.measuredOn !== pane.data?.key)
      Object.assign(pane, { lines: [], areKept: false, measuredOn: pane.data?.key });
    showMeasures(pane);
  }
});

layers.push((pen, _pane, front) => {
  if (!front.data || placedBy(front) !== front) return;
  const [left, top, w] = boxOf(front),
    scale = w / front.data.file.width;
  const at = ([x, y]) => [left + x * scale, top + y * scale];
  for (const line of front.lines) {
    const [x, y] = at(line.from),
      [u, v] = at(line.to),
      long = Math.hypot(u - x, v - y) || 1,
      tick = [(-(v - y) / long) * 6 * ratio(), ((u - x) / long) * 6 * ratio()];
    const path = new Path2D();
    path.moveTo(x, y);
    path.lineTo(u, v);
    for (const [a, b] of [
      [x, y],
      [u, v],
    ]) {
      path.moveTo(a - tick[0], b - tick[1]);
      path.lineTo(a + tick[0], b + tick[1]);
    }
    for (const [colour, wide] of [
      ["rgb(0 0 0 / 60%)", 4],
      [RULER, 1.5],
    ]) {
      pen.strokeStyle = colour;
      pen.lineWidth = wide * ratio();
      pen.stroke(path);
    }
    pen.font = [`${12 * ratio()}px`, "sans-serif"].join(" ");
    pen.lineWidth = 3 * ratio();
    pen.strokeStyle = "rgb(0 0 0 / 75%)";
    pen.fillStyle = RULER;
    const word = line.kind === "distance" ? lengthOf(front, line) : texts.measures[`${line.kind}Name`];
    pen.strokeText(word, u + 8 * ratio(), v - 6 * ratio());
    pen.fillText(word, u + 8 * ratio(), v - 6 * ratio());
  }
});
