import type { CallSnapshot } from "../types.js";

/** A call that came in and was answered, but for what `part` says. */
export const snapshot = (part: Partial<CallSnapshot> = {}): CallSnapshot => ({
  id: "c1",
  uuid: "u1",
  number: "0912345678",
  direction: "incoming",
  state: "answered",
  muted: false,
  held: false,
  name: null,
  contact: null,
  via: null,
  startedAt: 0,
  answeredAt: 0,
  endedAt: null,
  reason: null,
  billsec: 0,
  quality: null,
  ...part,
});
