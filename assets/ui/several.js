// Gradio's drop area takes files alone: a folder that is dropped is opened here, and its files go in as if chosen.
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

document.addEventListener(
  "drop",
  async (event) => {
    const area = event.target.closest?.("#upload-set");
    const input = area?.querySelector("input[type=file]");
    const entries = input ? [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()) : [];
    if (!entries.some((entry) => entry?.isDirectory)) return;
    event.preventDefault();
    event.stopPropagation();
    const files = new DataTransfer();
    for (const entry of entries) if (entry) for (const file of await filesIn(entry)) files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  },
  true,
);
