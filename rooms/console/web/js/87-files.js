// A text file goes into the field that it is for, where it can be looked at before it is sent.

document.addEventListener("change", async (event) => {
  const field = event.target.matches?.("[data-read-into]") && document.getElementById(event.target.dataset.readInto);
  const [file] = event.target.files ?? [];
  if (field && file) {
    field.value = await file.text();
    field.focus();
  }
});
