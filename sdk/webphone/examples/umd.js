// One script: `ZorioWebphone` is a global of ../zorio-webphone.umd.js.
const form = document.querySelector("#start");
const log = document.querySelector("#log");
const tell = (...what) => {
  log.textContent += `${what.filter(Boolean).join(" ")}\n`;
  log.scrollTop = log.scrollHeight;
};

// In your page the token comes from your own server; here from the form, or from behind the `#` of the address.
const given = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);
form.base.value = given.get("base") ?? location.origin;
form.token.value = given.get("token") ?? "";

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  const place = document.querySelector("#phone");
  button.disabled = true;
  place.textContent = "";
  place.classList.add("live");
  try {
    const phone = await ZorioWebphone.connect({
      apiBase: form.base.value,
      token: form.token.value,
      mount: place,
      locale: navigator.language.startsWith("vi") ? "vi" : "en",
    });
    tell("registered as", phone.extension);
    phone.on("incoming_call", ({ call, contact }) => tell("incoming_call", contact ? contact.full_name : "", call.number));
    phone.on("call_answered", ({ call }) => tell("call_answered", call.number, call.uuid));
    phone.on("call_hangup", ({ call, reason, billsec }) => tell("call_hangup", call.number, reason, `${billsec} s`));
    phone.on("error", (error) => tell("error", error.code, error.message));
    for (const link of document.querySelectorAll("a[href^='tel:']")) {
      link.onclick = (click) => {
        click.preventDefault();
        phone.call(link.getAttribute("href")).catch((error) => tell("error", error.code, error.message));
      };
    }
  } catch (error) {
    tell("error", error.code, error.message);
    place.classList.remove("live");
    place.textContent = "The phone appears here";
    button.disabled = false;
  }
});

if (given.has("token")) form.requestSubmit();
