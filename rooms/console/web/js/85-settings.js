// Pages of settings: addresses without their secrets, passwords for what moves elsewhere, long lists of choices.

// A page that answered a form has another page's address from here on: to load it again shows no secret and sends
// nothing twice.
const moved = document.querySelector("main [data-address]");
if (moved) {
  history.replaceState(history.state, "", moved.dataset.address);
}

// The password is asked for only if this field was changed.
const guard = (form) => {
  const field = form.elements.namedItem(form.dataset.freshWhen);
  form.toggleAttribute("data-fresh", Boolean(field) && field.value.trim() !== field.defaultValue.trim());
};
for (const form of document.querySelectorAll("form[data-fresh-when]")) {
  guard(form);
}
document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-fresh-when]");
  if (form) {
    guard(form);
  }
  const narrow = event.target.closest?.("[data-narrows]");
  if (narrow) {
    const wanted = narrow.value.trim().toLocaleLowerCase();
    for (const choice of document.getElementById(narrow.dataset.narrows).children) {
      choice.hidden = !choice.textContent.toLocaleLowerCase().includes(wanted);
    }
  }
});
