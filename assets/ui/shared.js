// What the scripts of several parts call. It stands before each of them, in the part's own scope (priorrg/ui/scripts.py).

// A new element, at the end of `parent` where there is one. Text goes in by textContent only.
function make(kind, parent, className, text) {
  const node = document.createElement(kind);
  if (className) node.className = className;
  if (text) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

// "{name}" in a text becomes the value of that name.
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// Where the app is served, also behind a proxy's path; the proxy's outer protocol is the address bar's.
function appAddress(path) {
  const root = new URL(window.gradio_config?.root || "/", location.href);
  return location.origin + root.pathname.replace(/\/$/, "") + path;
}
