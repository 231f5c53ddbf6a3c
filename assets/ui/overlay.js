// An overlay on its film: an outline round where most of its weight lies, or heat. In the viewer's scope (viewer.js).
// An outline hides no lung and stays as sharp as its line at any zoom; heat is a choice, and never opaque.

const CLEAR = 90; // levels below weigh nothing: as in priorrg/explain/drawing.py
const MASS = 0.7; // of the weight, inside the outline
const MOST_HEAT = 0.6; // opacity with the slider at its end: lung stays seen
const HEAT_UNTIL = 3; // zoom beyond which heat fades: one patch would fill the film
const OUTLINE = "#fbbf24";

const heats = new WeakMap();
function heat(levels) {
  if (heats.has(levels)) return heats.get(levels);
  const small = document.createElement("canvas");
  small.width = small.height = levels.length;
  const pixels = new ImageData(levels.length, levels.length);
  levels.flat().forEach((level, i) => {
    const [r, g, b] = colours[level] || [255, 160, 0];
    // Little is left clear: a dark tint over lung would look like a finding.
    pixels.data.set([r, g, b, Math.round(255 * Math.min(1, Math.max(0, (level - CLEAR) / 110)))], 4 * i);
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  heats.set(levels, small);
  return small;
}

// The level whose outline holds MASS of the weight, half way to the next lower one; null where nothing weighs.
function outlineLevel(levels) {
  const sorted = levels.flat().sort((a, b) => b - a);
  const weight = (level) => Math.max(0, level - CLEAR);
  const total = sorted.reduce((sum, level) => sum + weight(level), 0);
  if (!total) return null;
  let held = 0,
    last = 0;
  while (last < sorted.length && held < MASS * total) held += weight(sorted[last++]);
  const lower = sorted.find((level) => level < sorted[last - 1]) ?? 0;
  return (sorted[last - 1] + lower) / 2;
}

// Which edge of a square of four levels an outline enters and leaves by, its inside to the left: marching squares.
// The corners in a case's number: 1 top left, 2 top right, 4 bottom right, 8 bottom left.
const CASES = {
  1: ["LT"],
  2: ["TR"],
  3: ["LR"],
  4: ["RB"],
  5: ["LT", "RB"],
  6: ["TB"],
  7: ["LB"],
  8: ["BL"],
  9: ["BT"],
  10: ["TR", "BL"],
  11: ["BR"],
  12: ["RL"],
  13: ["RT"],
  14: ["TL"],
};
// Of the two cases that can be read both ways, the other one: the middle, the mean of the corners, lies inside too.
const JOINED = { 5: ["RT", "LB"], 10: ["TL", "BR"] };

// Closed lines round all that is above `level`, as points in parts of the grid's edge; outside of the grid is nothing.
function outlines(levels, level) {
  const size = levels.length,
    at = (row, column) => levels[row]?.[column] ?? 0,
    next = new Map(),
    points = new Map();
  const cross = (row, column, otherRow, otherColumn) => {
    const here = at(row, column),
      there = at(otherRow, otherColumn),
      part = (level - here) / (there - here);
    const place = (from, to) => Math.min(1, Math.max(0, (from + part * (to - from) + 0.5) / size));
    return [place(column, otherColumn), place(row, otherRow)];
  };
  for (let row = -1; row < size; row++) {
    for (let column = -1; column < size; column++) {
      const corners = [at(row, column), at(row, column + 1), at(row + 1, column + 1), at(row + 1, column)];
      const number = corners.reduce((sum, one, i) => sum + (one > level ? 1 << i : 0), 0);
      const isJoined = corners.reduce((sum, one) => sum + one, 0) / 4 > level;
      const edges = {
        T: [row, column, row, column + 1],
        R: [row, column + 1, row + 1, column + 1],
        B: [row + 1, column, row + 1, column + 1],
        L: [row, column, row + 1, column],
      };
      for (const [from, to] of (isJoined && JOINED[number]) || CASES[number] || []) {
        const start = edges[from].join();
        next.set(start, edges[to].join());
        points.set(start, cross(...edges[from]));
      }
    }
  }
  const lines = [];
  while (next.size) {
    const line = [];
    for (let edge = next.keys().next().value; next.has(edge); ) {
      const following = next.get(edge);
      line.push(points.get(edge));
      next.delete(edge);
      edge = following;
    }
    lines.push(rounded(rounded(line)));
  }
  return lines;
}

// Corners cut off, as Chaikin does: what is known to a patch shall not look as if it had been drawn along one.
function rounded(line) {
  return line.flatMap(([x, y], i) => {
    const [u, v] = line[(i + 1) % line.length];
    return [
      [0.75 * x + 0.25 * u, 0.75 * y + 0.25 * v],
      [0.25 * x + 0.75 * u, 0.25 * y + 0.75 * v],
    ];
  });
}

const outlinesKnown = new WeakMap();
function outlinesOf(levels) {
  if (!outlinesKnown.has(levels)) {
    const level = outlineLevel(levels);
    outlinesKnown.set(levels, level === null ? [] : outlines(levels, level));
  }
  return outlinesKnown.get(levels);
}

// side: whose overlay. [left, top, width, height]: where the film stands, in units of `pen`, of which each is `unit` pixels
// of the screen. zoom: of the film.
function drawOverlay(pen, side, data, [left, top, w, h], zoom, unit = 1) {
  const levels = view.overlayOn && view.overlay?.[side];
  if (!levels) return;
  const s = data.seen;
  const box = [left + s.left * w, top + s.top * h, s.width * w, s.height * h];
  if (view.style === "heat") {
    pen.imageSmoothingEnabled = true;
    pen.globalAlpha = MOST_HEAT * view.opacity * Math.min(1, HEAT_UNTIL / zoom);
    pen.drawImage(heat(levels), ...box);
  }
  const path = new Path2D();
  for (const line of outlinesOf(levels)) {
    line.forEach(([x, y], i) => {
      path[i ? "lineTo" : "moveTo"](box[0] + x * box[2], box[1] + y * box[3]);
    });
    path.closePath();
  }
  // A weak overlay has a weak line; dashed on the prior: what it shows there is how it was.
  const strength = Math.min(1, Math.max(0.35, (Math.max(...levels.flat()) - CLEAR) / 110));
  const pixel = ratio() / unit;
  pen.lineJoin = "round";
  pen.setLineDash(side === "prior" ? [7 * pixel, 5 * pixel] : []);
  for (const [colour, wide, opacity] of [
    ["#000", 4, 0.5],
    [OUTLINE, 2, 1],
  ]) {
    pen.globalAlpha = (view.style === "heat" ? 0.6 : 1) * opacity * strength * (0.3 + 0.7 * view.opacity);
    pen.strokeStyle = colour;
    pen.lineWidth = wide * pixel;
    pen.stroke(path);
  }
  pen.globalAlpha = 0.35;
  pen.strokeStyle = "#7dd3fc";
  pen.lineWidth = pixel;
  pen.setLineDash([2 * pixel, 6 * pixel]);
  pen.strokeRect(...box);
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}
