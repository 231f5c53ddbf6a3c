// Windows to choose on each film, for the screen only: as the file says, and by where the film's own tones lie. A radiograph
// has no fixed units as CT has, so a preset is a share of its tones. In the viewer's scope.

// From which to which share of the film's tones. Its border and what is cut off black are left out.
const PRESETS = { start: null, lungs: [0.02, 0.6], mediastinum: [0.45, 0.995], whole: [0, 1] };

function tonesOf(film) {
  if (film.tones) return film.tones;
  const { values, width, height } = film,
    counts = new Uint32Array(65536);
  for (let y = Math.floor(height / 10); y < (9 * height) / 10; y += 2)
    for (let x = Math.floor(width / 10); x < (9 * width) / 10; x += 2) counts[values[y * width + x]]++;
  const first = counts.findIndex((count) => count > 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (counts[first] > total / 20) counts[first] = 0; // a collimator's black, or what it was filled up with
  film.tones = counts;
  return counts;
}

function toneAt(counts, share) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  for (let tone = 0; tone < counts.length; tone++) {
    sum += counts[tone];
    if (sum > 0 && sum >= share * total) return tone;
  }
  return 65535;
}

function preset(pane, name) {
  if (!pane.film) return;
  if (!PRESETS[name]) {
    Object.assign(pane, { shift: 0, factor: 1 });
    return;
  }
  const [low, high] = PRESETS[name].map((share) => toneAt(tonesOf(pane.film), share)),
    [centre, width] = pane.data.window;
  pane.factor = Math.max(2, high - low + 1) / width;
  pane.shift = ((low + high + 1) / 2 - centre) / width;
}

for (const pane of both) {
  const choice = make("select", pane.stage, "pane-presets");
  choice.append(
    new Option(texts.presets.title, ""),
    ...Object.keys(PRESETS).map((name) => new Option(texts.presets[name], name)),
  );
  choice.setAttribute("aria-label", fill(texts.presets.about, { side: texts[pane.side] }));
  choice.title = choice.getAttribute("aria-label");
  choice.addEventListener("change", () => {
    for (const one of together(pane)) preset(one, choice.value);
    choice.value = ""; // a drag changes the window too: no name stays true
    drawAll();
  });
  pane.presets = choice;
}
root.addEventListener("priorrg:shown", () => {
  for (const pane of both) pane.presets.hidden = !pane.data;
});
