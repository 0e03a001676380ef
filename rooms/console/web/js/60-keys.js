// Keys: g and a letter goes to a page, / to the search field, ? to the list of keys.

const NEXT_KEY_WITHIN = 1200;
let waitsSince = 0;

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "Escape" && event.target.matches?.("input[type=search]")) {
    event.target.blur();
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) {
    return;
  }
  if (event.key === "/") {
    const field = document.querySelector("main input[type=search]");
    if (field) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  } else if (event.key === "?") {
    document.getElementById("keys")?.showModal();
  } else if (event.key === "g") {
    waitsSince = event.timeStamp;
  } else if (waitsSince && event.timeStamp - waitsSince < NEXT_KEY_WITHIN) {
    waitsSince = 0;
    document.querySelector(`[data-key="${CSS.escape(event.key)}"]`)?.click();
  } else if (event.key === "n") {
    document.querySelector("main [data-new]")?.click();
  }
});
