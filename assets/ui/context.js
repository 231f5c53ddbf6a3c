// Under indication and history: their length, examples to choose, and the text that the model is given.
// Runs inside a gr.HTML: `element`, `props`, `watch` and `trigger` are given. Text goes in by textContent only.
const contextRoot = element.querySelector(".context");
const lengthLine = contextRoot.querySelector(".context-length");

function put(kind, parent, className, text) {
  const node = document.createElement(kind);
  if (className) node.className = className;
  if (text) node.textContent = text;
  parent.appendChild(node);
  return node;
}

const folds = put("div", contextRoot, "folds");
const examples = put("details", folds, "context-examples");
put("summary", examples, "", props.texts.examples);
for (const box of ["indication", "history"]) {
  const group = put("div", examples, "example-group");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", props.texts[box]);
  put("span", group, "example-box", props.texts[box]);
  for (const text of props.examples[box]) {
    const button = put("button", group, "example", text);
    button.type = "button";
    button.addEventListener("click", () => trigger("chosen", { box, text }));
  }
}
const received = put("details", folds, "received");
put("summary", received, "", props.texts.received);
const receivedText = put("code", received);

function showContext() {
  const value = props.value || {};
  lengthLine.textContent = value.length || "";
  lengthLine.classList.toggle("too-long", Boolean(value.isLong));
  receivedText.textContent = value.received || "";
  received.hidden = !value.received;
}

watch("value", showContext);
showContext();
