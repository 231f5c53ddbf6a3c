// What a reader has judged of a case, rebuilt from its events in their order. The server keeps events and nothing else,
// so that a reload or another machine comes to the same state.
function emptyWork() {
  return {
    findings: null, // the reader's own, taken before a text is shown
    sentences: {}, // "report:place" -> the last judgement of it
    missed: {}, // id -> the finding
    answers: {}, // "report:question" -> value
    text: null, // the report as it is written
    at: "", // the sentence under the hand
    seen: new Set(), // kinds of events that there were
    outcome: "", // submitted, skipped, unreadable
  };
}

function apply(work, { kind, payload }) {
  work.seen.add(kind);
  if (kind === "own_findings") work.findings = payload.text;
  else if (kind === "sentence") {
    work.at = `${payload.report}:${payload.place}`;
    work.sentences[work.at] = payload;
  } else if (kind === "missed") work.missed[payload.id] = payload;
  else if (kind === "missed_gone") delete work.missed[payload.id];
  else if (kind === "answer") work.answers[`${payload.report}:${payload.question}`] = payload.value;
  else if (kind === "text") work.text = payload.text;
  else if (["submitted", "skipped", "unreadable"].includes(kind)) work.outcome = kind;
  else if (kind === "reopened") work.outcome = "";
  return work;
}

const isErroneous = (judged) => Boolean(judged) && judged.verdict !== "right";
const isWhole = (judged) =>
  Boolean(judged) && (!isErroneous(judged) || Boolean(judged.category && judged.significance));

// Questions that this case asks, each with the report that it is about: of two, 0 is the left one.
function questionsOf(slot) {
  return slot.questions.flatMap((question) => {
    if (question.about === "case") return [{ question, report: 0 }];
    const about = slot.reports.map((_, report) => report);
    return about
      .filter((report) => question.about !== "overlay" || slot.reports[report].has_overlays)
      .map((report) => ({ question, report }));
  });
}

// What is still to do before a case can be submitted: sentences, findings, a text, questions.
function openIn(slot, work) {
  const keys = slot.reports.flatMap(({ sentences }, report) => sentences.map((_, place) => `${report}:${place}`));
  return {
    sentences: slot.judges_sentences ? keys.filter((key) => !isWhole(work.sentences[key])) : [],
    missed: Object.values(work.missed).filter((one) => !one.text.trim() || !one.significance),
    text: slot.writes && !(work.text ?? slot.start).trim() ? [slot] : [],
    questions: questionsOf(slot).filter(
      ({ question, report }) => question.required && !work.answers[`${report}:${question.id}`],
    ),
  };
}

const isComplete = (open) => Object.values(open).every((list) => !list.length);
