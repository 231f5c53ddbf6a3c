// Findings at a glance: the facts of all sentences in one table; a row selects its sentence.

function showGlance() {
  const other = otherInSight();
  const isDraft = !other && isDraftInSight(props.value || {});
  const facts = other ? otherFacts(other) : isDraft ? draftFacts() : reportFacts();
  parts.glance.replaceChildren();
  if (!facts.length) return;
  const table = make("table", parts.glance);
  make("caption", table, "", isDraft ? texts.glanceDraft : texts.glance);
  const head = make("tr", make("thead", table));
  for (const name of texts.columns) make("th", head, "", name).scope = "col";
  const body = make("tbody", table);
  for (const fact of facts) {
    const line = make("tr", body, `is-${fact.kind}`);
    const glow = (cell) => (fact.differs?.includes(cell) ? "glow" : "");
    const name = make("th", line, glow("finding"));
    name.scope = "row";
    if (fact.isGone || isDraft) {
      make(fact.isGone ? "del" : "span", name, "", fact.finding);
      line.classList.toggle("gone-fact", Boolean(fact.isGone));
    } else {
      line.dataset.row = fact.number;
      action(name, "fact", fact.finding, "", (event) => {
        event.stopPropagation();
        pick(fact.number);
      });
      line.addEventListener("click", () => pick(fact.number));
    }
    make("td", line, glow("side"), fact.side || "–");
    make("td", line, `presence ${glow("presence")}`, fact.presence);
    make("td", line, glow("change"), fact.change || "–");
    make("td", line, "", fact.isGone ? texts.switchGone : String(fact.number + 1));
  }
  make("div", parts.glance, "note", texts.glanceNote);
}

function numbered(facts, number) {
  return facts.map((fact) => ({ ...fact, number }));
}

function reportFacts() {
  return state.rows.flatMap((row, number) => (row.removed ? [] : numbered(row.facts, number)));
}

function otherFacts(other) {
  if (!other.details) return [];
  return [
    ...other.details.flatMap((detail, number) => numbered(detail.facts, number)),
    ...other.gone.map((fact) => ({ ...fact, isGone: true })),
  ];
}

function pick(number) {
  if (otherInSight()) {
    selectOther(number);
    return;
  }
  state.view = "refined";
  showHead(props.value || {});
  select(number);
  const line = parts.refined.querySelector(`.sentence-row[data-row="${number}"]`);
  if (line) line.scrollIntoView({ block: "nearest" });
}

watch("value", show);
show();
