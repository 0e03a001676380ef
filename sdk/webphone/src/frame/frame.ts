import { ZorioWebphoneError } from "../errors.js";
import { ZorioWebphone } from "../phone.js";
import type { ConnectOptions } from "../types.js";
import {
  EVENTS,
  type FrameMessage,
  METHODS,
  obey,
  Parent,
  plainError,
  plainPayload,
  readMessage,
  readQuery,
  scrubbed,
  SOURCE,
} from "./protocol.js";

/** Origins that may drive the frame: `<meta name="zorio-allowed-origins" content="https://a.example https://b.example">`. */
function allowedOrigins(): string[] {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="zorio-allowed-origins"]');
  return (meta?.content ?? "").split(/\s+/).filter(Boolean);
}

/** Runs the page that others show in a frame. */
export async function run(connect: (options: ConnectOptions) => Promise<ZorioWebphone>): Promise<void> {
  const { token, options } = readQuery(location.search);
  history.replaceState(null, "", scrubbed(location.href));
  const parent = new Parent(token, allowedOrigins());
  const isFramed = window.parent !== window;
  const post = (type: string, payload?: unknown, id?: string | number) => {
    if (!isFramed) return;
    const message: FrameMessage = { source: SOURCE, type, ...(id === undefined ? {} : { id }) };
    if (payload !== undefined) message.payload = payload;
    for (const origin of parent.targets()) window.parent.postMessage(message, origin);
  };

  // Commands may come before the phone is there; they wait for it.
  let settle: (phone: ZorioWebphone) => void = () => {};
  let refuse: (error: unknown) => void = () => {};
  const phone = new Promise<ZorioWebphone>((resolve, reject) => {
    settle = resolve;
    refuse = reject;
  });
  phone.catch(() => {});

  let bringToken: ((token: string) => void) | null = null;
  window.addEventListener("message", (event) => {
    if (event.source !== window.parent) return;
    const message = readMessage(event.data);
    if (!message || !parent.hears(event.origin)) return;
    if (message.type === "refresh_token") bringToken?.(String((message.payload as { token?: unknown })?.token ?? ""));
    const done = phone.then((phone) => obey(phone, message));
    done.then(
      (result) => answer(message, { ok: true, ...(result === undefined ? {} : { result }) }),
      (error) => answer(message, { ok: false, error: plainError(error) }),
    );
  });
  const answer = (message: FrameMessage, payload: unknown) => {
    if (message.id !== undefined) post("result", payload, message.id);
  };

  /** Tells the parent that the token is over, and waits a while for the one that it brings. */
  const tokenResolver = () =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => {
        bringToken = null;
        reject(new ZorioWebphoneError("token_expired", "The page brought no fresh token"));
      }, 10_000);
      bringToken = (fresh) => {
        clearTimeout(timer);
        bringToken = null;
        resolve(fresh);
      };
      post("error", { code: "token_expired", message: "Bring a fresh token with refresh_token" });
    });

  const mount = document.querySelector<HTMLElement>("#webphone") ?? document.body;
  try {
    const it = await connect({
      ...options,
      apiBase: location.origin,
      token,
      mount,
      tokenResolver,
    });
    for (const name of EVENTS) it.on(name, (payload: unknown) => post(name, plainPayload(name, payload)));
    post("ready", { version: ZorioWebphone.version, methods: METHODS });
    // What happened before anybody could listen.
    post("connected", {});
    if (it.status === "registered") post("registered", {});
    settle(it);
  } catch (error) {
    post("error", plainError(error));
    refuse(error);
    const note = document.createElement("p");
    note.className = "webphone-error";
    note.setAttribute("role", "alert");
    note.textContent = ZorioWebphoneError.from(error).message;
    mount.appendChild(note);
  }
}
