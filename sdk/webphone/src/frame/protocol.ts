import type { ZorioCall } from "../call.js";
import { claimsOf } from "../core/token.js";
import { type PlainError, ZorioWebphoneError } from "../errors.js";
import type { ConnectOptions, PhoneEvent } from "../types.js";

export const SOURCE = "zorio-webphone";

/** What the frame obeys. */
export const METHODS = [
  "call",
  "answer",
  "hangup",
  "mute",
  "unmute",
  "hold",
  "unhold",
  "send_dtmf",
  "transfer",
  "register",
  "unregister",
  "disconnect",
  "refresh_token",
] as const;

export const EVENTS: readonly PhoneEvent[] = [
  "registered",
  "unregistered",
  "connected",
  "disconnected",
  "incoming_call",
  "call_ringing",
  "call_answered",
  "call_hangup",
  "dtmf",
  "error",
  "auto_reconnect",
  "audio_autoplay_blocked",
];

export interface FrameMessage {
  source: typeof SOURCE;
  type: string;
  id?: string | number;
  payload?: unknown;
}

/** The part of the phone that the parent may drive. */
export interface FramePhone {
  readonly calls: ZorioCall[];
  readonly activeCall: ZorioCall | null;
  call(number: string, options: { campaignId?: number; leadId?: number }): Promise<ZorioCall>;
  register(): Promise<void>;
  unregister(): Promise<void>;
  disconnect(): Promise<void>;
  refreshToken(token?: string): Promise<void>;
}

/** What the page's address says. */
export function readQuery(search: string): { token: string; options: Omit<ConnectOptions, "apiBase" | "token"> } {
  const query = new URLSearchParams(search);
  const among = <T extends string>(name: string, values: readonly T[], otherwise: T): T =>
    values.find((value) => value === query.get(name)) ?? otherwise;
  return {
    token: query.get("token") ?? "",
    options: {
      layout: among("layout", ["docked", "overlay", "fullscreen"], "docked"),
      theme: among("theme", ["light", "dark", "auto"], "auto"),
      locale: among("locale", ["vi", "en"], "vi"),
      autoRegister: query.get("auto_register") !== "0",
    },
  };
}

/** Returns the address without the token: it must not stay in the history, in logs or in a `Referer`. */
export function scrubbed(href: string): string {
  const url = new URL(href);
  url.searchParams.delete("token");
  return url.pathname + url.search + url.hash;
}

/**
 * Whom the frame obeys and tells: one origin only.
 *
 * The token may name it. Otherwise it is the first of the account's allowed origins that speaks.
 */
export class Parent {
  private bound: string | null;
  private readonly allowed: readonly string[];

  constructor(token: string, allowed: readonly string[]) {
    const named = claimsOf(token)?.origin;
    this.bound = typeof named === "string" && named !== "" ? named : null;
    // Only the origin that a token names, or only allowed ones: `*` and `null` are nobody.
    this.allowed = allowed.filter((origin) => /^https?:\/\/[^/*]+$/.test(origin));
  }

  /** Returns whether a message from there is obeyed; the first one binds. */
  hears(origin: string): boolean {
    if (this.bound !== null) return origin === this.bound;
    if (!this.allowed.includes(origin)) return false;
    this.bound = origin;
    return true;
  }

  /** Where to post. Until somebody has spoken, to each that may: the browser hands it to none but them. */
  targets(): readonly string[] {
    return this.bound === null ? this.allowed : [this.bound];
  }
}

/** Returns the message if it is one for us. */
export function readMessage(data: unknown): FrameMessage | null {
  const message = data as Partial<FrameMessage> | null;
  const isOurs = typeof message === "object" && message !== null && message.source === SOURCE;
  return isOurs && typeof message.type === "string" ? (message as FrameMessage) : null;
}

/** Does what the parent says. */
export async function obey(phone: FramePhone, { type, payload }: FrameMessage): Promise<unknown> {
  const data = (typeof payload === "object" && payload !== null ? payload : {}) as Record<string, unknown>;
  switch (type) {
    case "call": {
      const options = (data.options ?? {}) as { campaignId?: number; leadId?: number };
      return (await phone.call(String(data.number ?? ""), options)).toJSON();
    }
    case "register":
      return await phone.register();
    case "unregister":
      return await phone.unregister();
    case "disconnect":
      return await phone.disconnect();
    case "refresh_token":
      return await phone.refreshToken(String(data.token ?? ""));
    case "answer":
    case "hangup":
    case "mute":
    case "unmute":
    case "hold":
    case "unhold":
      return await find(phone, data.uuid, type)[type]();
    case "send_dtmf":
      return await find(phone, data.uuid, type).sendDtmf(String(data.digits ?? ""));
    case "transfer": {
      const other = data.to_uuid === undefined ? null : find(phone, data.to_uuid, type);
      return await find(phone, data.uuid, type).transfer(other ?? String(data.target ?? data.number ?? ""));
    }
    default:
      throw new ZorioWebphoneError("unknown_command", `There is no command ${type}`, { methods: [...METHODS] });
  }
}

/** Returns the named call, else the one that is meant: to answer, the one that rings; else the active one. */
function find(phone: FramePhone, uuid: unknown, command: string): ZorioCall {
  const isRinging = (call: ZorioCall) => call.state === "ringing" && call.direction === "incoming";
  const meant =
    typeof uuid === "string"
      ? phone.calls.find((call) => call.uuid === uuid)
      : command === "answer"
        ? phone.calls.find(isRinging)
        : phone.activeCall;
  if (!meant) throw new ZorioWebphoneError("call_not_found", "There is no such call");
  return meant;
}

/** Returns an event's payload as it may cross: calls and errors become plain data. */
export function plainPayload(name: PhoneEvent, payload: unknown): unknown {
  if (name === "error") return plainError(payload);
  const data = payload as Record<string, unknown>;
  const call = data.call as ZorioCall | null | undefined;
  return call ? { ...data, call: call.toJSON() } : data;
}

export function plainError(error: unknown): PlainError {
  return ZorioWebphoneError.from(error).toJSON();
}
