import type { PlainError } from "../errors.js";
import type { AudioDevices, CallOptions, CallSnapshot, CallStats, Contact, PhoneStatus } from "../types.js";

/** Everything a phone can be told to do, as plain data: from the page, the face, another tab or another window. */
export type DeskCommand =
  | { do: "call"; number: string; options: CallOptions }
  | { do: "answer" | "hangup" | "mute" | "unmute" | "hold" | "unhold"; id: string }
  | { do: "dtmf"; id: string; digits: string }
  | { do: "transfer"; id: string; number?: string; to?: string; timeoutMs?: number }
  | { do: "stats"; id: string }
  | { do: "register" | "unregister" }
  | { do: "input" | "output" | "ringer"; deviceId: string }
  | { do: "token"; token: string };

/** What a phone is at the moment, as plain data. */
export interface DeskSnapshot {
  status: PhoneStatus;
  /** Attempts to connect since the last registration. */
  attempt: number;
  calls: CallSnapshot[];
  audioBlocked: boolean;
  /** Another tab is the phone, and this one shows it. */
  isMirror: boolean;
}

/** What happened, as plain data. */
export type DeskEvent =
  | { name: "registered" | "connected" }
  | { name: "unregistered"; reason: "manual" | "remote" | "transport_disconnect" }
  | { name: "disconnected"; reason?: string }
  | { name: "incoming_call"; call: CallSnapshot; contact: Contact | null }
  | { name: "call_ringing" | "call_answered"; call: CallSnapshot }
  | { name: "call_hangup"; call: CallSnapshot; reason: string; billsec: number }
  | { name: "dtmf"; call: CallSnapshot; digit: string }
  | { name: "error"; error: PlainError }
  | { name: "auto_reconnect"; attempt: number; delay_ms: number }
  | { name: "audio_autoplay_blocked"; call: CallSnapshot | null };

export interface DeskSink {
  changed(snapshot: DeskSnapshot): void;
  event(event: DeskEvent): void;
}

/** A phone behind its public face: here, or in another tab. */
export interface Desk {
  snapshot(): DeskSnapshot;
  run(command: DeskCommand): Promise<unknown>;
  unlockAudio(): Promise<void>;
  devices(): Promise<AudioDevices>;
  /** Loudness of microphone and other side, 0 to 1; `null` where nobody can know. */
  levels(id: string): { microphone: number; remote: number } | null;
  /** The page woke up, or the network changed. */
  wake(): void;
  networkLost(): void;
  stop(): Promise<void>;
}

/** Sound and microphone, as a phone needs them. */
export interface AudioPort {
  /** Returns an own copy of the microphone for a call. */
  microphone(): Promise<MediaStream>;
  release(stream: MediaStream): void;
  play(id: string, stream: MediaStream): void;
  silence(id: string): void;
  tone(kind: ToneKind): void;
  key(digit: string): void;
  unlock(): Promise<void>;
  devices(): Promise<AudioDevices>;
  setInput(deviceId: string): Promise<void>;
  setOutput(deviceId: string): Promise<void>;
  setRinger(deviceId: string): Promise<void>;
  microphoneLevel(): number;
  remoteLevel(id: string): number;
  stop(): void;
}

export type ToneKind = "ring" | "waiting" | "ringback" | "none";

export interface AudioSink {
  /** The browser wants a click first. */
  blocked(): void;
  unblocked(): void;
  /** There is another microphone: calls have to take a fresh copy. */
  microphoneChanged(): void;
  failed(error: PlainError): void;
}

export const noStats = (uuid: string): CallStats => ({
  uuid,
  codec: null,
  packetsSent: 0,
  packetsReceived: 0,
  packetsLost: 0,
  remoteLevel: 0,
  microphoneLevel: 0,
  quality: null,
});
