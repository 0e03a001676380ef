// With a bundler: `npm install @zorio/webphone`, then this file is the page's script.
import { ZorioWebphone, ZorioWebphoneError } from "@zorio/webphone";

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const log = (text: string) => {
  element("log").textContent += `${text}\n`;
};

/** Your own server asks Zorio for an embed token; its application token never reaches a browser. */
async function fetchToken(): Promise<string> {
  const response = await fetch("/webphone-token", { method: "POST" });
  const { embed_token } = (await response.json()) as { embed_token: string };
  return embed_token;
}

async function start(): Promise<void> {
  const phone = await ZorioWebphone.connect({
    apiBase: "https://pbx.example",
    token: await fetchToken(),
    tokenResolver: fetchToken,
    renderer: "headless",
  });
  log(`extension ${phone.extension}: ${phone.status}`);
  phone.on("incoming_call", ({ call, contact }) => {
    log(`incoming: ${contact?.full_name ?? call.number}`);
    element("answer").onclick = () => call.answer();
  });
  phone.on("call_answered", ({ call }) => log(`answered: ${call.uuid}`));
  phone.on("call_hangup", ({ call, reason, billsec }) => log(`over: ${call.number}, ${reason}, ${billsec} s`));
  phone.on("auto_reconnect", ({ attempt, delay_ms }) => log(`attempt ${attempt} in ${delay_ms} ms`));
  phone.on("audio_autoplay_blocked", () => log("click anywhere to hear it ring"));
  document.addEventListener("click", () => phone.unlockAudio(), { once: true });

  element("call").onclick = async () => {
    try {
      await phone.call(element<HTMLInputElement>("number").value);
    } catch (error) {
      log(error instanceof ZorioWebphoneError ? error.code : String(error));
    }
  };
  element("hangup").onclick = () => phone.activeCall?.hangup();
}

void start();
