// The line that says what may be dropped where, with buttons for those who do not drop: intake.js does the work.
const intake = element.querySelector(".intake");
make("span", intake, "", props.texts.several);
for (const [slot, words] of [
  ["set", props.texts.files],
  ["folder", props.texts.folder],
]) {
  const button = make("button", intake, "tool-button", words);
  button.type = "button";
  button.dataset.choose = slot;
}
