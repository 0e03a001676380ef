// The webphone of whoever has an extension: on every page once it was turned on, or in a window that outlives pages.

const place = document.getElementById("phone");
const KEPT = "phone-token";

/** Returns a token for the phone: the one of the page before, or a fresh one. */
async function phoneToken(anew) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  // Not in the last fifth of its life, and only for this user's phone.
  if (!anew && kept?.extension === place.dataset.extension && kept.until - Date.now() > 720_000) {
    return kept.token;
  }
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  const response = await fetch("/webphone/token", { method: "POST", headers });
  if (!response.ok) {
    throw new Error(`token: ${response.status}`);
  }
  const { embed_token: token, expires_at: until } = await response.json();
  sessionStorage.setItem(KEPT, JSON.stringify({ token, until, extension: place.dataset.extension }));
  return token;
}

const themeOf = (name) => (name === "device" ? "auto" : name);

if (place) {
  const { script, extension, layout, failed } = place.dataset;
  const turn = document.querySelector("[data-phone-turn]");
  let phone = null;
  let starting = null;

  const say = (text) => document.dispatchEvent(new CustomEvent("toast", { detail: { kind: "bad", text } }));

  /** Whoever turns it on sees it; on the next pages it is as it was left. */
  async function start(isAsked) {
    const { ZorioWebphone } = await import(script);
    phone = await ZorioWebphone.connect({
      apiBase: location.origin,
      token: await phoneToken(false),
      tokenResolver: () => phoneToken(true),
      mount: place,
      layout: layout ?? "overlay",
      ...(isAsked ? { minimised: false } : {}),
      theme: themeOf(document.documentElement.dataset.theme),
      locale: document.documentElement.lang === "vi" ? "vi" : "en",
      confirmLeave: true,
    });
  }

  function on(isAsked = false) {
    turn?.setAttribute("aria-pressed", "true");
    starting ??= start(isAsked).catch((error) => {
      starting = null;
      turn?.setAttribute("aria-pressed", "false");
      console.error(error);
      say(failed);
    });
    return starting;
  }

  async function off() {
    turn?.setAttribute("aria-pressed", "false");
    await starting;
    starting = null;
    await phone?.disconnect();
    phone = null;
  }

  turn?.addEventListener("click", () => {
    const isOn = turn.getAttribute("aria-pressed") === "true";
    localStorage.setItem("phone", isOn ? "" : extension);
    turn.closest("[popover]").hidePopover();
    return isOn ? off() : on(true);
  });

  // The window becomes the phone, and the pages show it: calls there outlive them.
  document.querySelector("[data-phone-window]")?.addEventListener("click", async () => {
    if (phone?.activeCall) {
      return;
    }
    await off();
    window.open("/webphone", "zorio-webphone", "popup,width=400,height=640");
    localStorage.setItem("phone", extension);
    setTimeout(on, 4_000);
  });

  if (layout === "fullscreen" || localStorage.getItem("phone") === extension) {
    on();
  }
}
