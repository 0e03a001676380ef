// Short notes that go by themselves; those of errors stay until they are closed.

const toasts = document.getElementById("toasts");
const SHOWN_FOR = 6000;

function leave(toast) {
  if (toast.classList.contains("bad")) {
    return;
  }
  // Whoever reads it has it for as long again.
  setTimeout(() => (toast.matches(":hover, :focus-within") ? leave(toast) : toast.remove()), SHOWN_FOR);
}

function show(text, tone = "good") {
  const model = document.getElementById(`toast-${tone}`);
  if (!toasts || !model) {
    return;
  }
  const toast = model.content.firstElementChild.cloneNode(true);
  toast.querySelector("span").textContent = text;
  toasts.append(toast);
  leave(toast);
}

// What stood there when the page came is put in again, so that it is read out.
for (const toast of toasts?.querySelectorAll(".toast") ?? []) {
  toast.remove();
  setTimeout(() => {
    toasts.append(toast);
    leave(toast);
  }, 100);
}

document.addEventListener("click", (event) => event.target.closest?.("[data-close-toast]")?.closest(".toast").remove());
document.addEventListener("toast", (event) => show(event.detail.text ?? event.detail.value, event.detail.tone));

document.addEventListener("htmx:responseError", () => toasts && show(toasts.dataset.failed, "bad"));
document.addEventListener("htmx:sendError", () => toasts && show(toasts.dataset.offline, "bad"));
document.addEventListener("toast", ({ detail }) => toasts && show(detail.text, detail.kind));
