// Which weights, trained on what, measured how, and where the data goes. Runs inside a gr.HTML; text by textContent only.
const aboutRoot = element.querySelector(".about");

function showAbout() {
  const value = props.value || {};
  const list = document.createElement("dl");
  for (const [name, said] of value.rows || []) {
    const row = list.appendChild(document.createElement("div"));
    row.appendChild(document.createElement("dt")).textContent = name;
    row.appendChild(document.createElement("dd")).textContent = said;
  }
  aboutRoot.replaceChildren(list);
  if (!value.card) return;
  const link = aboutRoot.appendChild(document.createElement("a"));
  link.href = appAddress(value.card);
  link.target = "_blank";
  link.textContent = value.cardWords;
}

watch("value", showAbout);
showAbout();
