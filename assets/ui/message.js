// One sentence, or nothing. Runs inside a gr.HTML: `element`, `props` and `watch` are given.
const box = element.querySelector(".said");

function show() {
  box.textContent = props.value || "";
}

watch("value", show);
show();
