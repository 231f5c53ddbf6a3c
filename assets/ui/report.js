// Coarse draft, refined report, and its sentences as buttons that show their overlay. Text by textContent only.
const root = element.querySelector(".report");
const parts = Object.fromEntries(["status", "context-note", "draft", "draft-note", "refined", "hint"].map((n) => [n, root.querySelector(`.${n}`)]));
let selected = -1;
let shown = "";
const marks = {};
const reasons = ["wrong finding", "missed finding", "wrong side or place", "wrong severity", "wrong comparison with the prior", "hallucinated device", "other"];

function select(number) {
  selected = number;
  const value = props.value || {};
  root.querySelectorAll(".sentence").forEach((b, i) => b.setAttribute("aria-pressed", String(i === number)));
  const overlay = (value.overlays || [])[number] || null;
  parts.hint.textContent = hint(value, overlay);
  window.dispatchEvent(new CustomEvent("priorrg:overlay", { detail: overlay }));
}

function hint(value, overlay) {
  if (!value.sentences || !value.sentences.length) return "";
  if (!overlay) return "Select a sentence to see on both images where it came from.";
  const share = (overlay.shares || []).map((s) => Math.round(100 * s));
  const method = value.method === "gradient"
    ? "Gradient: the patches that this sentence's probability hangs on."
    : "Attention: where the model looked while it wrote this sentence.";
  const divided = share.length ? ` Current image ${share[0]} %, prior image ${share[1]} %.` : "";
  return `${method}${divided} No proof that the sentence is right.`;
}

// For each word of the refined report whether the draft had it, in reading order.
function keptWords(value) {
  return (value.changes || []).filter((p) => p.kind !== "removed").flatMap((p) => p.text.split(/\s+/).map(() => p.kind === "same"));
}

function words(node, value) {
  node.replaceChildren();
  if (!(value.changes || []).length) { node.textContent = value.draft; return; }
  for (const part of value.changes) {
    if (part.kind === "added") continue;
    const span = document.createElement(part.kind === "removed" ? "del" : "span");
    span.textContent = part.text + " ";
    node.appendChild(span);
  }
}

function show() {
  const value = props.value || {};
  parts.status.textContent = value.status || "";
  root.classList.toggle("busy", Boolean(value.busy));
  root.setAttribute("aria-busy", String(Boolean(value.busy)));
  words(parts.draft, value);
  parts["draft-note"].textContent = value.draft ? value.draftNote : "";
  parts["context-note"].textContent = value.contextNote || "";
  const sentences = value.sentences || [];
  if (!sentences.length) {
    parts.refined.textContent = value.report || "";
    shown = "";
    if (selected >= 0) select(-1);
    parts.hint.textContent = "";
    return;
  }
  const key = [value.submissions, ...sentences].join("\n");
  if (key !== shown) {
    const isNewReport = !shown || shown.slice(shown.indexOf("\n")) !== key.slice(key.indexOf("\n"));
    shown = key;
    if (isNewReport) selected = -1;
    const kept = keptWords(value);
    for (const name in marks) delete marks[name];
    parts.refined.replaceChildren();
    sentences.forEach((text, number) => {
      const row = document.createElement("div");
      row.className = "sentence-row";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sentence";
      for (const word of text.split(/\s+/)) {
        const span = document.createElement(kept.length && !kept.shift() ? "ins" : "span");
        span.textContent = word;
        button.append(span, " ");
      }
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => select(selected === number ? -1 : number));
      const mark = document.createElement("select");
      mark.className = "mark";
      mark.setAttribute("aria-label", `Mark as wrong: ${text}`);
      for (const reason of ["mark wrong …", ...reasons]) {
        const option = document.createElement("option");
        option.textContent = reason;
        option.value = reasons.includes(reason) ? reason : "";
        mark.appendChild(option);
      }
      mark.addEventListener("change", () => {
        if (mark.value) marks[number] = mark.value; else delete marks[number];
        row.classList.toggle("marked", Boolean(mark.value));
        trigger("marked", { marks: { ...marks } });
      });
      row.append(button, mark);
      parts.refined.appendChild(row);
    });
  }
  select(selected);
}

watch("value", show);
show();
