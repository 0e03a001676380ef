import type { DeskSnapshot } from "../desk/desk.js";
import type { CallSnapshot } from "../types.js";

export type Panel = "settings" | "keys" | "transfer" | "add";

/** What the face shows, found from what the phone is. */
export type Scene =
  | { kind: "idle" }
  | { kind: "incoming"; call: CallSnapshot }
  | { kind: "call"; call: CallSnapshot; others: CallSnapshot[]; waiting: CallSnapshot | null }
  | { kind: "ended"; call: CallSnapshot };

export function sceneOf(snapshot: DeskSnapshot, dismissed: string | null): Scene {
  const live = snapshot.calls.filter((call) => call.state !== "ended");
  const isRinging = (call: CallSnapshot) => call.direction === "incoming" && call.state === "ringing";
  const waiting = live.find(isRinging) ?? null;
  const busy = live.filter((call) => !isRinging(call));
  const call =
    busy.find((call) => call.state === "answered") ?? busy.find((call) => call.state !== "held") ?? busy[busy.length - 1];
  if (call) return { kind: "call", call, others: busy.filter((other) => other !== call), waiting };
  if (waiting) return { kind: "incoming", call: waiting };
  const last = snapshot.calls[snapshot.calls.length - 1];
  return last && last.id !== dismissed ? { kind: "ended", call: last } : { kind: "idle" };
}

/** Returns who is on the other side, as people call them. */
export function nameOf(call: Pick<CallSnapshot, "contact" | "name" | "number">): string {
  return call.contact?.full_name || call.name || call.number;
}

/** Returns one or two letters for a round picture; `null` where there is only a number. */
export function initialsOf(name: string): string | null {
  const words = name.trim().split(/\s+/).filter((word) => /^\p{L}/u.test(word));
  const first = words[0];
  const last = words[words.length - 1];
  if (!first || !last) return null;
  const letter = (word: string) => (Array.from(word)[0] ?? "").toUpperCase();
  return words.length > 1 ? letter(first) + letter(last) : letter(first);
}

/** Returns `1:05` or `1:02:03`. */
export function duration(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(all / 3600);
  const minutes = Math.floor(all / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${two(minutes)}:${two(all % 60)}`;
}

export interface Recent {
  number: string;
  name: string | null;
  direction: "incoming" | "outgoing";
  missed: boolean;
  at: number;
  seconds: number;
}

const MOST_RECENTS = 30;

/** Returns the list with the ended call in front. */
export function withRecent(recents: readonly Recent[], call: CallSnapshot): Recent[] {
  const name = nameOf(call);
  const missed = call.direction === "incoming" && call.answeredAt === null && call.reason !== "answered_elsewhere";
  const recent: Recent = {
    number: call.number,
    name: name === call.number ? null : name,
    direction: call.direction,
    missed: missed && call.reason !== "call_rejected",
    at: call.startedAt,
    seconds: call.billsec,
  };
  return [recent, ...recents].slice(0, MOST_RECENTS);
}
