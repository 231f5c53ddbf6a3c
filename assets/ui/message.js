// One sentence, or nothing, or one of a kind that is coloured by it. Runs inside a gr.HTML: `element`, `props` and `watch` are given.
const box = element.querySelector(".said");

function show() {
  const value = props.value || "";
  box.textContent = typeof value === "string" ? value : value.said || "";
  box.dataset.kind = value.kind || "";
}

watch("value", show);
show();
