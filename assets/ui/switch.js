// Carries the readings of the switch to the report's column (others.js), which is another component.
function carry() {
  window.dispatchEvent(new CustomEvent("priorrg:readings", { detail: props.value || {} }));
}
watch("value", carry);
carry();
