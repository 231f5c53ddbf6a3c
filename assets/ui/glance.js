// Findings at a glance: the facts of all sentences in one table; a row selects its sentence.

function showGlance() {
  const facts = state.rows.flatMap((row, number) =>
    row.removed ? [] : row.facts.map((fact) => ({ ...fact, number })),
  );
  parts.glance.replaceChildren();
  if (!facts.length) return;
  const table = make("table", parts.glance);
  make("caption", table, "", texts.glance);
  const head = make("tr", make("thead", table));
  for (const name of texts.columns) make("th", head, "", name).scope = "col";
  const body = make("tbody", table);
  for (const fact of facts) {
    const line = make("tr", body, `is-${fact.kind}`);
    line.dataset.row = fact.number;
    line.classList.toggle("selected", fact.number === state.selected);
    const name = make("th", line);
    name.scope = "row";
    action(name, "fact", fact.finding, "", (event) => {
      event.stopPropagation();
      pick(fact.number);
    });
    make("td", line, "", fact.side || "–");
    make("td", line, "presence", fact.presence);
    make("td", line, "", fact.change || "–");
    make("td", line, "", String(fact.number + 1));
    line.addEventListener("click", () => pick(fact.number));
  }
  make("div", parts.glance, "note", texts.glanceNote);
}

function pick(number) {
  state.view = "refined";
  showHead(props.value || {});
  select(number);
  const line = root.querySelector(`.sentence-row[data-row="${number}"]`);
  if (line) line.scrollIntoView({ block: "nearest" });
}

watch("value", show);
show();
