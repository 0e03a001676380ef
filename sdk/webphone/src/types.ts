import type { ZorioCall } from "./call.js";
import type { ZorioWebphoneError } from "./errors.js";

export type Layout = "docked" | "overlay" | "fullscreen";
export type Theme = "light" | "dark" | "auto";
export type Locale = "vi" | "en";
export type Direction = "incoming" | "outgoing";

/**
 * What a phone does at the moment.
 *
 * ```text
 * disconnected ─▶ connecting ─▶ connected ─▶ registering ─▶ registered
 *       ▲             ▲                                        │
 *       │             └────────────── reconnecting ◀───────────┤
 *       └──────────────────────────────────────────────────────┘
 * ```
 */
export type PhoneStatus = "disconnected" | "connecting" | "connected" | "registering" | "registered" | "reconnecting";

/**
 * What a call does at the moment.
 *
 * ```text
 * initiating ─▶ ringing ─▶ early_media ─▶ answered ◀─▶ held
 *      └───────────┴────────────┴────────────┴──────────┴──▶ ended
 * ```
 */
export type CallState = "initiating" | "ringing" | "early_media" | "answered" | "held" | "ended";

export interface ConnectOptions {
  /** Where the server is, e.g. `https://pbx.example`. */
  apiBase: string;
  /** An embed token, or the token of a user or an application. */
  token: string;
  /** Where the phone's face goes: an element or a selector. Without it there is no face. */
  mount?: string | HTMLElement;
  /** `headless` shows nothing even if `mount` is given. */
  renderer?: "default" | "headless";
  layout?: Layout;
  /** Whether the phone begins as small as a pill. By default it is as this browser's user left it; at first it is open. */
  minimised?: boolean;
  theme?: Theme;
  locale?: Locale;
  /** Registers at once (default). If false, call `phone.register()` later. */
  autoRegister?: boolean;
  /** A sound file instead of the ringtone that the phone makes itself. */
  ringtoneUrl?: string;
  audioInputDeviceId?: string;
  audioOutputDeviceId?: string;
  /** Where incoming calls ring; the output device unless given. */
  ringDeviceId?: string;
  /** Echo cancellation and the like; all three are on unless set. */
  audioProcessing?: { echoCancellation?: boolean; noiseSuppression?: boolean; autoGainControl?: boolean };
  /** Returns a fresh token. Asked at 80 % of the token's life and when the server refuses it. */
  tokenResolver?: () => Promise<string>;
  /** `leader` (default): of all tabs one is the phone and the others show it. `off`: each tab is a phone. */
  multiTab?: "leader" | "off";
  /** Asks before the page is left during a call. */
  confirmLeave?: boolean;
  /**
   * Announces incoming calls by the system and in the page's title while the page is not looked at; by default where the
   * phone has a face. The system shows them once `phone.enableNotifications()` was allowed.
   */
  notifications?: boolean;
  /** Plays what the other side sends before it answers, such as announcements (default). */
  earlyMedia?: boolean;
  /**
   * Where timers run, because browsers slow those of hidden pages down: `auto` (default) in a worker made from a blob,
   * an address in a worker of that file of the page's own origin (a copy of `timers.js`), `off` in the page.
   * Where the page's policy forbids the worker, the page's own timers do.
   */
  backgroundTimers?: "auto" | "off" | (string & {});
  /** Where keyboard shortcuts work: only inside the phone (default), on the whole page, or nowhere. */
  shortcuts?: "phone" | "page" | "off";
  /** For pages whose CSP allows styles by nonce and browsers without constructable stylesheets. */
  styleNonce?: string;
  /** How long `connect()` waits for the first registration, in milliseconds (default 15 000). */
  connectTimeoutMs?: number;
  /** Tells the console what happens; never a token or a password. */
  debug?: boolean;
  onError?: (error: ZorioWebphoneError) => void;
}

export interface CallOptions {
  /** The campaign and the lead that the call belongs to. */
  campaignId?: number;
  leadId?: number;
}

export interface TransferOptions {
  /** How long a blind transfer may take to be accepted, in milliseconds (default 20 000). */
  timeoutMs?: number;
}

export interface Contact {
  id: number;
  full_name: string;
  phones?: string[];
  customer_id?: number;
  lead_id?: number;
}

/** Why a call sounds bad. */
export type QualityWarning = "high_rtt" | "high_jitter" | "high_loss" | "low_mos" | "no_audio" | "silent_microphone";

export interface CallQuality {
  /** Estimated mean opinion score, 1 to 4.5. */
  mos: number;
  /** Round trip in milliseconds, if the other side reports. */
  rttMs: number | null;
  jitterMs: number;
  /** Lost packets of the last seconds, in percent. */
  lossPercent: number;
  warnings: QualityWarning[];
}

export interface CallStats {
  uuid: string;
  codec: string | null;
  packetsSent: number;
  packetsReceived: number;
  packetsLost: number;
  /** Loudness of the other side, 0 to 1. */
  remoteLevel: number;
  /** Loudness of the microphone, 0 to 1. */
  microphoneLevel: number;
  quality: CallQuality | null;
}

/** A call as plain data: what crosses to other tabs and other windows. */
export interface CallSnapshot {
  id: string;
  uuid: string;
  number: string;
  direction: Direction;
  state: CallState;
  muted: boolean;
  held: boolean;
  name: string | null;
  contact: Contact | null;
  /** The queue or the dialled number by which an incoming call came. */
  via: string | null;
  startedAt: number;
  answeredAt: number | null;
  endedAt: number | null;
  reason: string | null;
  billsec: number;
  quality: CallQuality | null;
}

export type UnregisteredReason = "manual" | "remote" | "transport_disconnect";

export interface PhoneEvents {
  registered: Record<string, never>;
  unregistered: { reason: UnregisteredReason };
  connected: Record<string, never>;
  disconnected: { reason?: string };
  incoming_call: { call: ZorioCall; contact: Contact | null };
  call_ringing: { call: ZorioCall };
  call_answered: { call: ZorioCall };
  call_hangup: { call: ZorioCall; reason: string; billsec: number };
  dtmf: { call: ZorioCall; digit: string };
  error: ZorioWebphoneError;
  auto_reconnect: { attempt: number; delay_ms: number };
  audio_autoplay_blocked: { call: ZorioCall | null };
}

export type PhoneEvent = keyof PhoneEvents;

export interface AudioDevice {
  id: string;
  label: string;
}

export interface AudioDevices {
  inputs: AudioDevice[];
  outputs: AudioDevice[];
  /** Whether this browser lets a page choose the output. */
  canChooseOutput: boolean;
}

export type CheckStatus = "ok" | "warn" | "fail" | "skipped";

export interface DiagnoseCheck {
  name: "https" | "browser" | "microphone" | "bootstrap" | "wss" | "stun" | "turn";
  status: CheckStatus;
  /** One sentence that a person can act on. */
  message: string;
  durationMs: number;
}

export interface DiagnoseResult {
  ok: boolean;
  checks: DiagnoseCheck[];
  userAgent: string;
  sdkVersion: string;
  at: string;
}
