// A frame: the page and the phone talk by `postMessage`, nothing else.
const source = "zorio-webphone";
const form = document.querySelector("#start");
const log = document.querySelector("#log");
const waiting = new Map();
const notifications = new Map();
let frame;
let origin;
let last = 0;

// In your page the token comes from your own server; here from the form, or from behind the `#` of the address.
const given = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);
form.base.value = given.get("base") ?? location.origin;
form.token.value = given.get("token") ?? "";

form.addEventListener("submit", (event) => {
  event.preventDefault();
  origin = new URL(form.base.value).origin;
  frame = document.createElement("iframe");
  frame.title = "Phone";
  // Without `autoplay` the phone cannot ring; the last one is for servers in the office, reached from pages on the internet.
  frame.allow = "microphone; autoplay; speaker-selection; hid; screen-wake-lock; local-network-access";
  const query = new URLSearchParams({ token: form.token.value, locale: navigator.language.startsWith("vi") ? "vi" : "en" });
  frame.src = `${origin}/webphone-embed?${query}`;
  const place = document.querySelector("#frame");
  place.classList.add("live");
  place.replaceChildren(frame);
});

window.addEventListener("message", (event) => {
  // Always look at both: who speaks, and whether it is the phone.
  if (event.origin !== origin || event.data?.source !== source) return;
  const { type, id, payload } = event.data;
  log.textContent += `${type} ${JSON.stringify(payload ?? {})}\n`;
  log.scrollTop = log.scrollHeight;
  if (type === "result") waiting.get(id)?.(payload);
  // Browsers show no notifications of frames: the page does it, once it was allowed to.
  if (type === "notification" && document.hidden && Notification.permission === "granted") {
    notifications.set(payload.uuid, new Notification(payload.title, { body: payload.body, tag: payload.uuid }));
  }
  if (type === "notification_close") notifications.get(payload.uuid)?.close();
});

/** Tells the phone; the answer is `{ ok, result?, error? }`. */
const tell = (type, payload = {}) =>
  new Promise((resolve) => {
    last += 1;
    waiting.set(last, resolve);
    frame?.contentWindow.postMessage({ source, type, payload, id: last }, origin);
  });

document.querySelector("#dial").addEventListener("submit", (event) => {
  event.preventDefault();
  if (Notification.permission === "default") void Notification.requestPermission();
  void tell("call", { number: event.target.number.value });
});
document.querySelector("#commands").addEventListener("click", (event) => {
  if (event.target.value) void tell(event.target.value);
});

if (given.has("token")) form.requestSubmit();
