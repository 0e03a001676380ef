// Forms: sent once, empty filters left out of the address, passwords shown on demand, the first error in view.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog") {
    return;
  }
  const button = event.submitter ?? form.querySelector("button:not([type=button])");
  button?.setAttribute("aria-busy", "true");
  document.documentElement.classList.add("is-leaving");
});

// A page that is come back to is not leaving.
addEventListener("pageshow", () => {
  document.documentElement.classList.remove("is-leaving");
  for (const button of document.querySelectorAll("button[aria-busy]")) {
    button.removeAttribute("aria-busy");
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const plain = !event.defaultPrevented && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
  if (link && plain && link.origin === location.origin && !link.download && !link.target && !link.hash) {
    document.documentElement.classList.add("is-leaving");
    setTimeout(() => document.documentElement.classList.remove("is-leaving"), 8000);
  }
});

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb === "get" && event.detail.elt.closest(".filters")) {
    for (const [name, value] of [...event.detail.formData.entries()]) {
      if (value === "") {
        event.detail.formData.delete(name);
      }
    }
  }
});

document.addEventListener("htmx:beforeRequest", () => document.documentElement.classList.add("is-fetching"));
document.addEventListener("htmx:afterRequest", () => document.documentElement.classList.remove("is-fetching"));

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-reveal]");
  if (button) {
    const field = button.parentElement.querySelector("input");
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    field.focus();
  }
  const all = event.target.closest?.("[data-check-all]");
  if (all) {
    for (const box of all.closest("fieldset").querySelectorAll("input[type=checkbox]")) {
      box.checked = all.dataset.checkAll === "yes";
    }
  }
});

document.querySelector("[data-form-errors]")?.focus();
