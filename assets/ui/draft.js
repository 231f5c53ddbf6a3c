// The coarse draft: held until it can be read, then turned into the report in its place, once more on Replay.
// Nothing waits for it but this page: the server goes on meanwhile, and a slow model is not made slower.

const HOLD_MS = 1000 * props.hold;
const REPLAY_MS = Math.max(HOLD_MS, 1000);
const TURN_MS = 1600; // as long as the animations of report.css
const draft = { isHeld: false, wasHeld: false, isReading: false, since: 0, timer: null };

const replayButton = action(titleRow, "replay", "↻", texts.replay, replay);

function forgetDraft() {
  clearTimeout(draft.timer);
  Object.assign(draft, { isHeld: false, wasHeld: false, since: 0, timer: null });
  parts.refined.classList.remove("turning");
}

// What of a reading may be shown by now: all of it, or its draft alone while that is held.
function held(value) {
  if (value.busy) draft.isReading = true;
  const isWritten = Boolean(value.draft && value.step !== "drafting");
  if (!draft.isReading || !isWritten || value.writesOn) return value;
  draft.since ||= performance.now();
  const rest = draft.since + HOLD_MS - performance.now();
  const wasStopped = !value.busy && !(value.sentences || []).length;
  if (rest <= 0 || !value.report || wasStopped) {
    if (!value.busy) draft.isReading = false;
    return value;
  }
  draft.wasHeld = true;
  clearTimeout(draft.timer);
  draft.timer = setTimeout(show, rest);
  return {
    ...value,
    report: "",
    sentences: [],
    changes: [],
    status: texts.held,
    step: "refining",
    busy: true,
  };
}

function showDraft(value) {
  parts.draft.replaceChildren();
  const changes = value.busy ? [] : changesOf(value);
  const isPlain = !changes.length || draft.isHeld;
  if (isPlain)
    for (const line of value.draftLines || []) make("div", parts.draft, "draft-line", filledGaps(line, texts.leftOut));
  else
    for (const change of changes) {
      if (change.parts.every((part) => part.kind === "added")) continue;
      words(make("div", parts.draft, "draft-line"), change, ["same", "removed", "pending"], true);
    }
  replayButton.hidden = !(value.draft && state.rows.length) || Boolean(otherInSight());
}

function draftFacts() {
  const value = props.value || {};
  return value.busy ? [] : (value.draftFacts || []).flatMap(numbered);
}

// What was kept stays, what was dropped fades, what is new comes; at once where the system asks for no motion.
function turn() {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  parts.refined.classList.remove("turning");
  void parts.refined.offsetWidth; // or the animation of before would not begin anew
  parts.refined.classList.add("turning");
  clearTimeout(draft.timer);
  draft.timer = setTimeout(() => parts.refined.classList.remove("turning"), TURN_MS);
}

function replay() {
  if (draft.isHeld || state.editing >= 0) return;
  others.inSight = "all";
  state.view = "refined";
  draft.isHeld = true;
  show();
  clearTimeout(draft.timer);
  draft.timer = setTimeout(() => {
    draft.isHeld = false;
    show();
    turn();
  }, REPLAY_MS);
}
