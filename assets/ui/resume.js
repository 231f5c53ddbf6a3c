// When the page comes: which session was this tab's, and what was typed while the line was down. Both go to the server.

// A tab that was duplicated has the same key; the first one answers, and then this one begins anew.
function isElsewhere(tab) {
  return new Promise((resolve) => {
    const channel = new BroadcastChannel("priorrg.tab");
    const close = (isHeld) => {
      channel.close();
      resolve(isHeld);
    };
    channel.onmessage = ({ data }) => data.held === tab && close(true);
    channel.postMessage({ asked: tab });
    setTimeout(() => close(false), 300);
  });
}

async function resume() {
  try {
    const tab = sessionStorage.getItem("priorrg.tab") || "";
    const pending = sessionStorage.getItem("priorrg.pending") || "";
    sessionStorage.removeItem("priorrg.pending");
    return tab && !(await isElsewhere(tab)) ? [tab, pending] : ["", ""];
  } catch {
    return ["", ""]; // storage is closed to this page: nothing outlives a reload
  }
}
