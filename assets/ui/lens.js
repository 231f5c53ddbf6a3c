// A magnifier that follows the pointer, on both films at the same place while they are linked. In the viewer's scope.
const lens = { isOn: false, place: null, pane: null }; // place: on the stage, from its middle, in pixels of the screen
const CLOSER = 2.5,
  RADIUS = 105; // in pixels of the page

moreActs.magnify = {
  key: "z",
  after: "dragPan",
  isOn: () => lens.isOn,
  run: () => {
    lens.isOn = !lens.isOn;
    root.dataset.lens = lens.isOn ? "on" : "";
  },
};

for (const pane of both) {
  pane.canvas.addEventListener("pointermove", (e) => {
    if (!lens.isOn) return;
    Object.assign(lens, { pane, place: place(pane, e) });
    drawSoon();
  });
  pane.canvas.addEventListener("pointerleave", () => {
    if (!lens.place) return;
    lens.place = null;
    if (lens.isOn) drawSoon();
  });
}

layers.push((pen, pane) => {
  if (!lens.isOn || !lens.place || (pane !== lens.pane && !view.linked)) return;
  const x = pen.canvas.width / 2 + lens.place[0],
    y = pen.canvas.height / 2 + lens.place[1];
  const round = new Path2D();
  round.arc(x, y, RADIUS * ratio(), 0, 2 * Math.PI);
  pen.save();
  pen.clip(round);
  pen.fillStyle = "#000";
  pen.fill(round);
  pen.translate(x, y);
  pen.scale(CLOSER, CLOSER);
  pen.translate(-x, -y);
  compose(pen, pane, CLOSER);
  pen.restore();
  pen.strokeStyle = "#7dd3fc";
  pen.lineWidth = 2 * ratio();
  pen.stroke(round);
});
