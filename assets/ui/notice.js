// What the page is not, and which weights read. Runs inside a gr.HTML: `element` and `props` are given.
const bar = element.querySelector(".notice-bar");
for (const name of ["notice", "weights"]) make("div", bar, "", props.value[name]);
