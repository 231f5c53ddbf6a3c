// Captions over the reading that the page opens on. Each does what it speaks of; closed, they are gone for good.

const CLOSED = "priorrg.captions";
let captions = []; // of the report on the page; empty for every other than the one it opened on
const acts = { context: () => switchTo("context"), prior: () => switchTo("prior"), draft: replay };

function areClosed() {
  try {
    return localStorage.getItem(CLOSED) === "closed";
  } catch {
    return false; // storage is closed to this page
  }
}

function closeCaptions() {
  captions = [];
  try {
    localStorage.setItem(CLOSED, "closed");
  } catch {
    // then they come again with the next page
  }
  showCaptions({});
}

function showCaptions(value) {
  if (value.captions && !areClosed()) captions = value.captions;
  parts.captions.hidden = !captions.length;
  parts.captions.replaceChildren();
  if (!captions.length) return;
  const head = make("div", parts.captions, "captions-head");
  make("strong", head, "", texts.captions);
  action(head, "row-tool captions-close", "×", texts.captionsClose, closeCaptions);
  const list = make("ol", parts.captions);
  for (const caption of captions) {
    const item = make("li", list);
    make("strong", item, "", caption.about);
    make("span", item, "", ` ${caption.said} `);
    action(item, "row-tool", texts.captionActs[caption.act], "", acts[caption.act]).dataset.act = caption.act;
  }
}
