// Questions before what cannot be undone, and the password before secrets.

const confirmDialog = document.getElementById("confirm");
const passwordDialog = document.getElementById("ask-password");

const needsPassword = (element) =>
  passwordDialog && element.hasAttribute("data-fresh") && Date.now() > Number(document.body.dataset.freshUntil) - 5000;

/** Asks what the element's `data-confirm` says; resolves to whether it may go on. */
function askToConfirm(element) {
  const { confirm, confirmText, confirmVerb, confirmType } = element.dataset;
  const field = confirmDialog.querySelector("[data-part=field]");
  const typed = field.querySelector("input");
  confirmDialog.querySelector("[data-part=title]").textContent = confirm;
  confirmDialog.querySelector("[data-part=text]").textContent = confirmText ?? "";
  const go = confirmDialog.querySelector("[value=yes]");
  go.textContent = confirmVerb ?? go.dataset.verb;
  field.hidden = !confirmType;
  typed.value = "";
  field.querySelector("[data-part=type]").textContent = confirmType ?? "";
  go.disabled = Boolean(confirmType);
  typed.oninput = () => {
    go.disabled = typed.value.trim() !== confirmType;
  };
  confirmDialog.returnValue = "";
  confirmDialog.showModal();
  return new Promise((resolve) => {
    confirmDialog.addEventListener("close", () => resolve(confirmDialog.returnValue === "yes"), { once: true });
  });
}

/** Asks for the password until it is right; resolves to whether it was given. */
function askForPassword() {
  const form = passwordDialog.querySelector("form");
  const field = form.querySelector("input[type=password]");
  const error = form.querySelector("[data-part=error]");
  field.value = "";
  error.hidden = true;
  passwordDialog.returnValue = "";
  passwordDialog.showModal();
  return new Promise((resolve) => {
    form.onsubmit = async (event) => {
      event.preventDefault();
      event.stopPropagation();
      const body = new URLSearchParams({ password: field.value, script: "1" });
      const token = form.querySelector("[name=csrf]").value;
      const answer = await fetch(form.action, { method: "POST", body, headers: { "x-csrf-token": token } });
      if (answer.status === 204) {
        document.body.dataset.freshUntil = String(Date.now() + 300000);
        passwordDialog.close("yes");
      } else if (answer.status === 422) {
        error.querySelector("span").textContent = await answer.text();
        error.hidden = false;
        field.setAttribute("aria-invalid", "true");
        field.select();
      } else {
        location.reload();
      }
    };
    passwordDialog.addEventListener(
      "close",
      () => {
        field.value = "";
        resolve(passwordDialog.returnValue === "yes");
      },
      { once: true },
    );
  });
}

/** Whether the element was asked about already. */
const answered = new WeakSet();

async function ask(element, goOn) {
  if (element.hasAttribute("data-confirm") && !(await askToConfirm(element))) {
    return;
  }
  if (needsPassword(element) && !(await askForPassword())) {
    return;
  }
  answered.add(element);
  goOn();
  answered.delete(element);
}

const asks = (element) =>
  !answered.has(element) && ((confirmDialog && element.hasAttribute("data-confirm")) || needsPassword(element));

document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (asks(form)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      const { submitter } = event;
      ask(form, () => form.requestSubmit(submitter?.form === form ? submitter : null));
    }
  },
  true,
);

document.addEventListener(
  "click",
  (event) => {
    const link = event.target.closest?.("a[data-fresh]");
    if (link && asks(link)) {
      event.preventDefault();
      ask(link, () => location.assign(link.href));
    }
  },
  true,
);

// The server has the last word on how long a confirmed password counts.
document.addEventListener("htmx:responseError", async (event) => {
  const { xhr, elt } = event.detail;
  if (passwordDialog && xhr.getResponseHeader("x-confirm-password")) {
    event.stopImmediatePropagation();
    if (await askForPassword()) {
      answered.add(elt);
      elt.matches("form") ? elt.requestSubmit() : elt.click();
      answered.delete(elt);
    }
  }
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener) {
    document.getElementById(opener.dataset.opens)?.showModal();
  }
  event.target.closest?.("[data-closes]")?.closest("dialog").close();
  // A click beside an open dialog closes it.
  if (event.target instanceof HTMLDialogElement && event.target.open) {
    const box = event.target.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) {
      event.target.close();
    }
  }
});
