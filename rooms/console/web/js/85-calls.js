// Hanging up from a list that changes by itself: the form stands beside it and is told which call is meant.

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-hang-up]");
  const form = button?.form;
  if (form) {
    form.elements.namedItem("uuid").value = button.value;
    form.dataset.confirmText = button.dataset.hangUp;
  }
}, true);
