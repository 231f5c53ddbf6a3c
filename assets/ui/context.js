// Under indication and history: their length, examples to choose, and the text that the model is given.
// Runs inside a gr.HTML: `element`, `props`, `watch` and `trigger` are given. Text goes in by textContent only.
const contextRoot = element.querySelector(".context");
const lengthLine = contextRoot.querySelector(".context-length");
const unknownLine = contextRoot.querySelector(".context-unknown");

const folds = make("div", contextRoot, "folds");
const examples = make("details", folds, "context-examples");
make("summary", examples, "", props.texts.examples);
for (const box of ["indication", "history"]) {
  const group = make("div", examples, "example-group");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", props.texts[box]);
  make("span", group, "example-box", props.texts[box]);
  for (const text of props.examples[box]) {
    const button = make("button", group, "example", text);
    button.type = "button";
    button.addEventListener("click", () => trigger("chosen", { box, text }));
  }
}
const received = make("details", folds, "received");
make("summary", received, "", props.texts.received);
const receivedText = make("code", received);

function showContext() {
  const value = props.value || {};
  lengthLine.textContent = value.length || "";
  lengthLine.classList.toggle("too-long", Boolean(value.isLong));
  const unknown = value.unknown || [];
  unknownLine.replaceChildren(unknown.length ? `${props.texts.unknown} ` : "");
  for (const [place, word] of unknown.entries()) {
    if (place) unknownLine.append(", ");
    make("u", unknownLine, "", word);
  }
  receivedText.textContent = value.received || "";
  received.hidden = !value.received;
}

watch("value", showContext);
showContext();
