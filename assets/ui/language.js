// The switch between languages: a cookie that holds the language's name, and the page anew, which finds its session.
// Runs inside a gr.HTML: `element` and `props` are given.
const languages = element.querySelector(".language");
const { language, languages: names } = props.value;
document.documentElement.lang = language;
languages.setAttribute("aria-label", props.about);

for (const [name, called] of Object.entries(names)) {
  const button = make("button", languages, "", name.toUpperCase());
  button.type = "button";
  button.lang = name;
  button.title = called;
  button.setAttribute("aria-label", called);
  button.setAttribute("aria-pressed", String(name === language));
  button.addEventListener("click", () => {
    if (name === language) return;
    const path = new URL(window.gradio_config?.root || "/", location.href).pathname;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${props.cookie}=${name}; path=${path}; max-age=31536000; SameSite=Lax${secure}`;
    window.dispatchEvent(new Event("priorrg:anew"));
    location.reload();
  });
}
