// Dark, as a reading room, unless a reader has chosen the light page in this browser. `?__theme=` goes before.
const THEME = "priorrg-theme";

function chosenTheme() {
  try {
    return localStorage.getItem(THEME);
  } catch {
    return null; // storage is closed to this page
  }
}

const asked = new URLSearchParams(location.search).get("__theme") || chosenTheme();
setDark(asked !== "light");

// Scroll bars and boxes that the browser draws itself, too.
function setDark(isDark) {
  document.body.classList.toggle("dark", isDark);
  document.documentElement.style.colorScheme = isDark ? "dark" : "light";
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("#theme")) return;
  const isDark = !document.body.classList.contains("dark");
  setDark(isDark);
  try {
    localStorage.setItem(THEME, isDark ? "dark" : "light");
  } catch {
    // then for this visit only
  }
});
