// With a bundler: `npm install @zorio/webphone`. This file is the page's script; `npm run build` makes npm.js of it.
import { type ZorioCall, ZorioWebphone, ZorioWebphoneError } from "@zorio/webphone";

const element = <T extends HTMLElement = HTMLButtonElement>(id: string) => document.getElementById(id) as T;
const start = element<HTMLFormElement>("start");
const dial = element<HTMLFormElement>("dial");
const field = (form: HTMLFormElement, name: string) => form.elements.namedItem(name) as HTMLInputElement;
const log = (...what: unknown[]) => {
  element<HTMLPreElement>("log").textContent += `${what.filter(Boolean).join(" ")}\n`;
};
const fail = (error: unknown) => {
  if (error instanceof ZorioWebphoneError) log("error", error.code, error.text("en"));
  else throw error;
};

// In your page the token comes from your own server; here from the form, or from behind the `#` of the address.
const given = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);
field(start, "base").value = given.get("base") ?? location.origin;
field(start, "token").value = given.get("token") ?? "";

async function run(): Promise<void> {
  const phone = await ZorioWebphone.connect({
    apiBase: field(start, "base").value,
    token: field(start, "token").value,
    renderer: "headless",
  });
  let call: ZorioCall | null = phone.activeCall;

  const draw = () => {
    element("status").textContent = call ? `${call.number}: ${call.state}` : `extension ${phone.extension}: ${phone.status}`;
    const isUp = call?.state === "answered" || call?.state === "held";
    (dial.querySelector("button") as HTMLButtonElement).disabled = call !== null;
    element("answer").disabled = !(call?.direction === "incoming" && call.state === "ringing");
    element("hangup").disabled = call === null;
    for (const [id, is] of [["mute", call?.muted], ["hold", call?.held]] as const) {
      element(id).disabled = !isUp;
      element(id).setAttribute("aria-pressed", String(is ?? false));
    }
  };
  const show = (name: string) => (payload: object) => {
    const data = payload as { call?: ZorioCall; reason?: string; billsec?: number };
    if (data.call) call = name === "call_hangup" ? null : data.call;
    log(name, data.call?.number, data.reason, data.billsec === undefined ? "" : `${data.billsec} s`);
    draw();
  };
  for (const name of ["registered", "unregistered", "incoming_call", "call_ringing", "call_answered", "call_hangup"] as const) {
    phone.on(name, show(name));
  }
  phone.on("error", fail);
  // Browsers play no sound before the first click on a page.
  phone.on("audio_autoplay_blocked", () => log("click anywhere to hear it ring"));
  document.addEventListener("click", () => void phone.unlockAudio(), { once: true });

  dial.addEventListener("submit", (event) => {
    event.preventDefault();
    phone.call(field(dial, "number").value).then((made) => {
      call = made;
      draw();
    }, fail);
  });
  element("answer").onclick = () => call?.answer().catch(fail);
  element("hangup").onclick = () => call?.hangup().catch(fail);
  element("mute").onclick = () => (call?.muted ? call.unmute() : call?.mute())?.then(draw, fail);
  element("hold").onclick = () => (call?.held ? call.unhold() : call?.hold())?.then(draw, fail);
  draw();
}

start.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = start.querySelector("button") as HTMLButtonElement;
  button.disabled = true;
  run().catch((error) => {
    button.disabled = false;
    fail(error);
  });
});
if (given.has("token")) start.requestSubmit();
