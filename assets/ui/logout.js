// Logging out ends every session of this browser; the page that comes after it is the login's.
document.addEventListener("click", async (event) => {
  if (!event.target.closest("#logout")) return;
  await fetch(appAddress("/logout"), { method: "POST" });
  location.reload();
});
