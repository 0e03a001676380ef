import type { ZorioCall } from "../call.js";
import { ZorioWebphoneError } from "../errors.js";
import { noticeOf } from "../notifier.js";
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
  // A page of the server's own could do all that the frame can.
  return [...(meta?.content ?? "").split(/\s+/).filter(Boolean), location.origin];
}

/** Runs the page that others show in a frame. */
export async function run(
  connect: (options: ConnectOptions) => Promise<ZorioWebphone>,
  backgroundTimers: string,
): Promise<void> {
  const { token: first, options } = readQuery(location.search);
  const locale = options.locale ?? "vi";
  history.replaceState(null, "", scrubbed(location.href));
  const parent = new Parent(first, allowedOrigins());
  const isFramed = window.parent !== window;
  const post = (type: string, payload?: unknown, id?: string | number) => {
    if (!isFramed) return;
    const message: FrameMessage = { source: SOURCE, type, ...(id === undefined ? {} : { id }) };
    if (payload !== undefined) message.payload = payload;
    for (const origin of parent.targets()) window.parent.postMessage(message, origin);
  };
  const answer = (message: FrameMessage, payload: unknown) => {
    if (message.id !== undefined) post("result", payload, message.id);
  };

  let attempt = hope<ZorioWebphone>();
  /** Takes the token that the parent brings, while somebody waits for one. */
  let bringToken: ((token: string) => void) | null = null;

  window.addEventListener("message", (event) => {
    if (event.source !== window.parent) return;
    const message = readMessage(event.data);
    if (!message || !parent.hears(event.origin)) return;
    if (message.type === "refresh_token" && bringToken) {
      const token = String((message.payload as { token?: unknown } | undefined)?.token ?? "");
      bringToken(token);
    }
    // Commands may come before the phone is there; they wait for it.
    const done = attempt.promise.then((phone) => obey(phone, message));
    done.then(
      (result) => answer(message, { ok: true, ...(result === undefined ? {} : { result }) }),
      (error) => answer(message, { ok: false, error: plainError(error) }),
    );
  });

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
  const start = async (token: string): Promise<void> => {
    mount.querySelector(".webphone-error")?.remove();
    try {
      requireParent(parent, isFramed);
      const it = await connect({
        ...options,
        backgroundTimers,
        apiBase: location.origin,
        token,
        mount,
        tokenResolver,
      });
      for (const name of EVENTS) it.on(name, (payload: unknown) => post(name, plainPayload(name, payload)));
      announce(it, locale, post);
      post("ready", { version: ZorioWebphone.version, methods: METHODS });
      // What happened before anybody could listen.
      post("connected", {});
      if (it.status === "registered") post("registered", {});
      attempt.settle(it);
    } catch (error) {
      const known = ZorioWebphoneError.from(error);
      post("error", plainError(known));
      attempt.refuse(known);
      const note = document.createElement("p");
      note.className = "webphone-error";
      note.lang = locale;
      note.setAttribute("role", "alert");
      note.textContent = known.text(locale);
      mount.appendChild(note);
      if (known.code !== "token_expired" && known.code !== "token_invalid") return;
      // A reload of the frame finds no token in its address: the parent brings one, and the phone starts.
      bringToken = (fresh) => {
        bringToken = null;
        attempt = hope<ZorioWebphone>();
        void start(fresh);
      };
    }
  };
  await start(first);
}

/** A promise to be settled from outside; nobody has to wait for it. */
function hope<T>(): { promise: Promise<T>; settle(value: T): void; refuse(error: unknown): void } {
  let settle: (value: T) => void = () => {};
  let refuse: (error: unknown) => void = () => {};
  const promise = new Promise<T>((resolve, reject) => {
    settle = resolve;
    refuse = reject;
  });
  promise.catch(() => {});
  return { promise, settle, refuse };
}

/** Refuses to be shown by a page that would not be obeyed, where the browser tells whose it is. */
function requireParent(parent: Parent, isFramed: boolean): void {
  const above = (location as { ancestorOrigins?: DOMStringList }).ancestorOrigins?.[0];
  if (!isFramed || above === undefined || above === location.origin || parent.targets().includes(above)) return;
  throw new ZorioWebphoneError("origin_not_allowed", `The page of ${above} may not show this phone`);
}

/** Browsers show no notifications of frames: the parent is told what to show, and when to take it away. */
function announce(phone: ZorioWebphone, locale: "vi" | "en", post: (type: string, payload: unknown) => void): void {
  phone.on("incoming_call", ({ call, contact }) => {
    const { uuid, number, name, via } = call;
    post("notification", { uuid, ...noticeOf({ contact, name, number, via }, locale) });
  });
  const close = ({ call: { uuid, direction } }: { call: ZorioCall }) => {
    if (direction === "incoming") post("notification_close", { uuid });
  };
  phone.on("call_answered", close);
  phone.on("call_hangup", close);
}
