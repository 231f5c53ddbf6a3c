// What became of sending, beside the button; what is kept stands in the place of the form until its reader changes it.
// Runs inside a gr.HTML: `element`, `props`, `watch` and `trigger` are given.
const said = element.querySelector(".said");
const change = make("button", said.parentElement, "change", props.texts.change);
change.type = "button";
change.addEventListener("click", () => trigger("change_asked"));

function showSaid() {
  const value = props.value || {};
  const form = element.closest("#feedback");
  if (!form) return;
  const hadFocus = form.contains(document.activeElement);
  const wasKept = form.dataset.state === "kept";
  said.textContent = value.said || "";
  said.classList.toggle("problem", Boolean(value.isProblem));
  change.hidden = !value.isKept;
  form.dataset.state = value.isKept ? "kept" : "open";
  // What had the focus is out of sight now: the hand goes on at what came in its place.
  if (value.isKept && hadFocus) change.focus();
  else if (wasKept && !value.isKept && hadFocus) form.querySelector("#rating input")?.focus();
}

// Who edits or marks on, changes what was sent.
window.addEventListener("priorrg:written", () => {
  if (element.isConnected && !change.hidden) trigger("change_asked");
});
watch("value", showSaid);
showSaid();
