// The prior laid over the current image by its anatomy, for wipe and flicker: found by the server (priorrg/ui/alignments.py),
// used where it fits, with its quality said, and a switch. In the viewer's scope.
const fit = { pair: "", found: null, isWanted: null }; // isWanted: null while the reader has not said

function pairOf() {
  return canCompare() ? `${panes.current.data.key}/${panes.prior.data.key}` : "";
}

function useFit() {
  const isThere = fit.found && fit.pair === pairOf();
  const isUsed = isThere && (fit.isWanted ?? fit.found.quality !== "poor");
  view.alignment = isUsed ? fit.found : null;
  view.hasNoFit = Boolean(isThere) && fit.found.quality === "poor";
  root.dataset.aligned = isUsed ? fit.found.quality : "";
}

async function findFit() {
  const pair = pairOf();
  if (!pair || fit.pair === pair) return;
  Object.assign(fit, { pair, found: null });
  try {
    const headers = { [props.tokenHeader]: props.value?.token || "" };
    const answer = await fetch(appAddress(`/alignment/${pair}`), {
      headers,
      cache: "no-store",
      credentials: "same-origin",
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const found = await answer.json();
    if (fit.pair !== pair) return;
    fit.found = found;
  } catch {
    if (fit.pair === pair) fit.pair = ""; // the next comparison asks again
    return;
  }
  useFit();
  sayMode();
  drawAll();
}

root.addEventListener("priorrg:mode", () => {
  if (view.mode !== "side") findFit();
  useFit();
});
root.addEventListener("priorrg:shown", useFit);
moreActs.align = {
  key: "g",
  after: "flicker",
  needsBoth: true,
  isOn: () => Boolean(view.alignment),
  run: () => {
    fit.isWanted = !view.alignment;
    if (view.mode === "side") setMode("wipe");
    else findFit();
    useFit();
    sayMode();
  },
};
