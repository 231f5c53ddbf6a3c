// What a reader types, edits and marks goes to the server as it comes to be; nothing is thrown away without a question.
// Runs inside a gr.HTML: `element`, `props` and `watch` are given.
const line = element.querySelector(".said");
const texts = props.texts;
const BOXES = ["indication", "history", "comment", "corrected", "unsent"];
const EVERY_MS = 500;
const RETRY_MS = 2000;
let tab = ""; // the key of this tab's session, empty while there is none
let told = ""; // what the server has
let report = null; // what was changed in the report that stands
let isUnsent = false;
let isTelling = false;
let isDown = false;
let isForgotten = false; // the server has nothing of this page any more: what stands here is the only copy
let downUntil = 0; // a page that comes back by itself asks nothing
let tellAt = 0;

function store(name, text) {
  try {
    sessionStorage.setItem(name, text);
  } catch {
    // storage is closed to this page: nothing outlives a reload
  }
}

function say(text) {
  line.textContent = text;
}

function kept() {
  const text = (name) => (document.querySelector(`#${name} textarea`) || { value: "" }).value;
  const form = Object.fromEntries(BOXES.map((name) => [name, text(name)]));
  form.rating = [...document.querySelectorAll("#rating input")].findIndex((one) => one.checked) + 1;
  return JSON.stringify({ tab, form, report });
}

function send(body) {
  return fetch(appAddress(props.path), { method: "POST", headers: { "Content-Type": "application/json" }, body });
}

function lineIsDown() {
  if (!isDown) say(texts.down);
  isDown = true;
  downUntil = Date.now() + 60_000;
  tellAt = Date.now() + RETRY_MS;
}

async function tell() {
  const body = kept();
  if (!tab || isTelling || Date.now() < tellAt || (body === told && !isDown)) return;
  isTelling = true;
  try {
    const answer = await send(body);
    if (answer.status >= 500) lineIsDown();
    else {
      if (isDown) say("");
      isDown = false;
      if (answer.ok) told = body;
      else if (JSON.parse(body).tab === tab) {
        tab = "";
        isForgotten = true;
        say(texts.forgotten);
      }
    }
  } catch {
    lineIsDown();
  }
  isTelling = false;
}

function show() {
  const value = props.value || {};
  if (!value.tab || value.tab === tab) return;
  tab = value.tab;
  isForgotten = false;
  told = kept();
  report = null;
  isUnsent = value.isUnsent;
  store("priorrg.tab", tab);
  say(value.said);
}

// What must not be lost without a question

const THROWS_AWAY = "#examples button, #end, #remove-current, #remove-prior, .note-swap, .film-menu-steps button";
const UPLOADS = "#upload-current, #upload-prior, #upload-several";

function hasUnsent() {
  return isUnsent || Boolean(document.querySelector("#unsent textarea")?.value);
}

function mayGoOn(event) {
  if (!hasUnsent()) return true;
  if (confirm(texts.discard)) {
    isUnsent = false;
    return true;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  return false;
}

function onPage(kind, act) {
  window.addEventListener(
    kind,
    (event) => {
      if (element.isConnected && event.target.closest) act(event);
    },
    true,
  );
}

onPage("click", (event) => {
  if (event.target.closest(THROWS_AWAY) && mayGoOn(event) && event.target.closest("#end")) tab = "";
});
onPage("change", (event) => {
  if (event.target.type === "file" && event.target.closest(UPLOADS) && !mayGoOn(event)) event.target.value = "";
});
let windowBefore = ""; // of the film whose window is being chosen
onPage("focusin", (event) => {
  if (event.target.closest(".film-menu select")) windowBefore = event.target.value;
});
onPage("change", (event) => {
  if (event.target.closest(".film-menu select") && !mayGoOn(event)) event.target.value = windowBefore;
});
onPage("input", (event) => {
  if (event.target.closest("#comment, #corrected")) isUnsent = true;
});
window.addEventListener("priorrg:written", (event) => {
  report = event.detail;
  isUnsent = true;
});
window.addEventListener("priorrg:report", (event) => {
  const value = props.value || {};
  report = null;
  isUnsent = Boolean(value.isUnsent && value.key === event.detail); // else another report than that of the reload
});
window.addEventListener("priorrg:sent", () => {
  isUnsent = false;
});
window.addEventListener("priorrg:anew", () => {
  downUntil = Date.now() + 5000;
});
window.addEventListener("beforeunload", (event) => {
  if (element.isConnected && hasUnsent() && Date.now() > downUntil) event.preventDefault();
});

// The line

window.addEventListener("offline", lineIsDown);
window.addEventListener("online", () => {
  tellAt = 0;
});
window.addEventListener("pagehide", () => {
  if (!(tab || isForgotten) || !element.isConnected) return;
  if (isDown || isForgotten) store("priorrg.pending", kept());
  else if (kept() !== told) navigator.sendBeacon(appAddress(props.path), kept());
});
const channel = new BroadcastChannel("priorrg.tab");
channel.onmessage = ({ data }) => {
  if (tab && data.asked === tab) channel.postMessage({ held: tab });
};
setInterval(tell, EVERY_MS);
watch("value", show);
show();
