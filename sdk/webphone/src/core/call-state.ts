import { ZorioWebphoneError } from "../errors.js";
import type { CallState } from "../types.js";

export type CallInput = "ring" | "early" | "answer" | "hold" | "unhold" | "end";

/** Where each input leads from each state; what is not here is refused or, where it comes from the network, ignored. */
const NEXT: Record<CallState, Partial<Record<CallInput, CallState>>> = {
  initiating: { ring: "ringing", early: "early_media", answer: "answered", end: "ended" },
  ringing: { early: "early_media", answer: "answered", end: "ended" },
  early_media: { answer: "answered", end: "ended" },
  answered: { hold: "held", end: "ended" },
  held: { unhold: "answered", end: "ended" },
  ended: {},
};

/** Returns the state after the input, or `null` if it cannot happen now. */
export function nextState(state: CallState, input: CallInput): CallState | null {
  return NEXT[state][input] ?? null;
}

/** Throws unless the call is in one of the states. */
export function requireState(state: CallState, what: string, ...allowed: CallState[]): void {
  if (allowed.includes(state)) return;
  throw new ZorioWebphoneError("invalid_state", `Cannot ${what} a call that is ${state}`, { state });
}

/** Returns the billed seconds: whole ones from the answer to the end. */
export function billsec(answeredAt: number | null, endedAt: number): number {
  return answeredAt === null ? 0 : Math.max(0, Math.floor((endedAt - answeredAt) / 1000));
}
