// Light, dark, or as the device has it.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-theme-form]")) {
    return;
  }
  event.preventDefault();
  const theme = event.submitter.value;
  document.cookie = `theme=${theme}; path=/; samesite=lax; max-age=31536000`;
  document.documentElement.dataset.theme = theme;
  document.documentElement.classList.remove("is-leaving");
  for (const button of form.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
    button.removeAttribute("aria-busy");
  }
  document.dispatchEvent(new Event("theme"));
}, true);
