// What belongs to a film stands on it: its view position, another file in its place, taking it off the page; where there
// is none, how to bring one. What changes the pixels for the model as well is in correction.js.

for (const pane of both) {
  const said = (name) => fill(texts[name], { side: texts[pane.side].toLowerCase() });
  const control = (kind, parent, name, about) => {
    const node = make(kind, parent, "tool-button", name);
    if (kind === "button") node.type = "button";
    node.title = about;
    node.setAttribute("aria-label", about);
    return node;
  };
  const choice = make("select", null, "pane-view");
  choice.append(...props.views.map(([value, name]) => new Option(name, value)));
  choice.id = `view-${pane.side}`;
  choice.setAttribute("aria-label", fill(texts.view, { side: texts[pane.side] }));
  choice.addEventListener("change", () => {
    fitView(choice);
    trigger("viewed", { side: pane.side, view: choice.value });
  });
  pane.caption.after(choice);

  const tools = make("div", pane.stage, "film-tools");
  const replace = control("button", tools, texts.replace, said("replaceAbout"));
  replace.dataset.choose = pane.side;
  tools.append(pane.correction.menu);
  const remove = control("button", tools, texts.remove, said("removeAbout"));
  remove.id = `remove-${pane.side}`;
  remove.addEventListener("click", () => trigger("removed", { side: pane.side }));

  const offer = make("div", pane.stage, "film-offer");
  make("span", offer, "", texts.dropHere);
  make("button", offer, "tool-button", texts.choose).dataset.choose = pane.side;
  offer.lastChild.type = "button";
  const target = make("div", pane.stage, "film-target", texts[pane.side === "current" ? "dropCurrent" : "dropPrior"]);
  target.setAttribute("aria-hidden", "true");
  const arriving = make("div", pane.stage, "film-arriving");
  arriving.setAttribute("role", "status");
  pane.controls = { choice, tools, offer, arriving };
}

// Wide where it holds words ('not stated'), else as narrow as a view's short name.
function fitView(choice) {
  choice.classList.toggle("is-wordy", choice.selectedOptions[0]?.text.length > 4);
}

function showFilms() {
  const value = props.value || {};
  for (const pane of both) {
    const { choice, tools, offer, arriving } = pane.controls;
    tools.hidden = choice.hidden = !pane.data;
    offer.hidden = Boolean(pane.data);
    choice.value = value.views?.[pane.side] || "unk";
    fitView(choice);
    arriving.replaceChildren();
  }
}

const TRAVELLED = "--upload-progress-width"; // where Gradio says how much of an upload has arrived
let arrival = 0;
window.addEventListener("priorrg:arriving", ({ detail }) => {
  const name = detail.count === 1 ? detail.name : fill(texts.severalFiles, detail);
  const page = document.documentElement;
  page.style.removeProperty(TRAVELLED);
  const travelled = detail.sides.map((side) => {
    const { arriving } = panes[side].controls;
    arriving.replaceChildren();
    make("span", arriving, "", fill(texts.arriving, { name }));
    const line = make("span", arriving, "film-travelled"); // a listener hears of the file, not of every step
    line.setAttribute("aria-hidden", "true");
    const bar = make("progress", line);
    bar.max = 100;
    return { bar, words: make("span", line) };
  });
  clearInterval(arrival);
  // Gradio takes its input away while a file travels and until it was answered, whatever came of it.
  const begun = Date.now();
  arrival = setInterval(() => {
    const percent = Number.parseInt(page.style.getPropertyValue(TRAVELLED), 10);
    for (const { bar, words } of Number.isNaN(percent) ? [] : travelled) {
      bar.value = percent;
      words.textContent = `${Math.min(100, percent)} %`;
    }
    if (Date.now() - begun < 400 || !detail.isDone()) return;
    clearInterval(arrival);
    for (const pane of both) pane.controls.arriving.replaceChildren();
  }, 100);
});
root.addEventListener("priorrg:shown", showFilms);

// On a phone the films stay above the report while a sentence shows where it came from: never over that sentence.
window.addEventListener("priorrg:overlay", () => {
  requestAnimationFrame(() => {
    const row = document.querySelector("#report .sentence-row.selected"),
      films = element.closest("#viewer");
    if (!row || !films || getComputedStyle(films).position !== "sticky") return;
    const hidden = films.getBoundingClientRect().bottom - row.getBoundingClientRect().top;
    if (hidden > 0) window.scrollBy(0, -hidden - 8);
  });
});

// Films and tools over the whole window; on a phone, where they are small, a tap on a film is enough.
function setFull(isFull) {
  root.dataset.full = isFull ? "on" : "";
  drawSoon();
}
moreActs.full = {
  key: "u",
  after: "oneToOne",
  isOn: () => root.dataset.full === "on",
  run: () => setFull(root.dataset.full !== "on"),
};
window.addEventListener("keydown", (e) => {
  if (e.key === "Escape" && root.dataset.full === "on" && view.mode === "side" && !help.open) setFull(false);
});
for (const pane of both) {
  let down = [0, 0];
  pane.canvas.addEventListener("pointerdown", (e) => {
    down = [e.clientX, e.clientY];
  });
  pane.canvas.addEventListener("click", (e) => {
    const isTap = Math.hypot(e.clientX - down[0], e.clientY - down[1]) < 5;
    if (isTap && root.dataset.full !== "on" && matchMedia("(max-width: 800px)").matches) setFull(true);
  });
}
