// Light, dark, or as the system has it. Read before anything is drawn; that is why it is no module.

(() => {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
