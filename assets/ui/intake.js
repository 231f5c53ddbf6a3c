// Files on their way in: what is dropped anywhere on the page, or chosen, goes to the upload of its slot as if chosen there.
// A file on a film takes that film's place; several, a folder or a zip are sorted by the server (priorrg/ui/several.py).
const SLOTS = { current: "#upload-current", prior: "#upload-prior", set: "#upload-set" };

function fileInput(slot) {
  return document.querySelector(`${SLOTS[slot] || "#upload-folder"} input[type=file]`);
}

// A folder is opened here: Gradio's uploads take files alone.
async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((found, failed) => entry.file(found, failed))];
  const reader = entry.createReader(),
    all = [];
  for (;;) {
    // it gives a hundred at a time
    const some = await new Promise((found, failed) => reader.readEntries(found, failed));
    if (!some.length) return all;
    for (const inner of some) all.push(...(await filesIn(inner)));
  }
}

// Where one file goes that was dropped beside the films: where there is room, else in the place of the current image.
function emptySlot() {
  const { current, prior } = document.querySelector("#viewer .viewer")?.dataset || {};
  return current && !prior ? "prior" : "current";
}

function bringsFiles(event) {
  return [...(event.dataTransfer?.types || [])].includes("Files");
}

function showTarget(event) {
  const pane = event?.target.closest?.("#viewer .pane");
  document.body.classList.toggle("files-over", Boolean(event));
  for (const one of document.querySelectorAll("#viewer .pane")) one.classList.toggle("is-target", one === pane);
}

document.addEventListener("dragover", (event) => {
  if (!bringsFiles(event)) return;
  event.preventDefault(); // else the browser would open the file in the place of the page
  showTarget(event);
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) showTarget(null);
});
document.addEventListener(
  "drop",
  async (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    showTarget(null);
    const side = event.target.closest?.("#viewer .pane")?.dataset.side;
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const loose = [...event.dataTransfer.files];
    const files = new DataTransfer();
    if (entries.some((entry) => entry?.isDirectory)) {
      for (const entry of entries) if (entry) for (const file of await filesIn(entry)) files.items.add(file);
    } else for (const file of loose) files.items.add(file);
    if (!files.files.length) return;
    const isOne = files.files.length === 1 && !/\.zip$/i.test(files.files[0].name);
    const input = fileInput(isOne ? side || emptySlot() : "set");
    if (!input) return; // the one before is still on its way
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  },
  true,
);

// Buttons anywhere on the page: data-choose names the slot that they choose a file for.
document.addEventListener("click", (event) => {
  const slot = event.target.closest?.("[data-choose]")?.dataset.choose;
  if (slot) fileInput(slot)?.click();
});

// What is on its way is said on the films (films.js) until the server has answered, or the upload has failed.
document.addEventListener(
  "change",
  (event) => {
    const slot = event.target.type === "file" && Object.keys(SLOTS).find((one) => event.target.closest(SLOTS[one]));
    const files = event.target.files;
    if (!files?.length) return;
    const detail = {
      sides: slot === "current" || slot === "prior" ? [slot] : ["current", "prior"],
      name: files.length === 1 ? files[0].name : "",
      count: files.length,
      isDone: () => fileInput(slot || "folder") !== null,
    };
    window.dispatchEvent(new CustomEvent("priorrg:arriving", { detail }));
  },
  true,
);
