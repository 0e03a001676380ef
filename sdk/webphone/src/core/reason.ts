/** How a call ended, as far as the network told. */
export interface Ending {
  /** Who ended it. */
  by: "local" | "remote" | "system";
  answered: boolean;
  direction: "incoming" | "outgoing";
  billsec: number;
  /** The SIP status of a refusal. */
  status?: number;
  /** The `Reason` header (RFC 3326) of the last message. */
  reason?: string;
  /** Told by ourselves: why there can be no call. */
  cause?: string;
}

const Q850: Record<number, string> = {
  1: "unallocated_number",
  16: "normal_clearing",
  17: "busy",
  18: "no_answer",
  19: "no_answer",
  20: "subscriber_absent",
  21: "call_rejected",
  22: "number_changed",
  27: "destination_out_of_order",
  28: "invalid_number_format",
  31: "normal_unspecified",
  34: "no_circuit",
  38: "network_out_of_order",
  41: "temporary_failure",
  42: "congestion",
  57: "not_allowed",
  58: "not_available",
  88: "incompatible_destination",
  102: "timeout",
};

/** By RFC 3398 §8.2.6.1, in the names of `Q850`. */
const STATUS: Record<number, string> = {
  403: "call_rejected",
  404: "unallocated_number",
  408: "no_answer",
  410: "number_changed",
  415: "incompatible_destination",
  480: "no_answer",
  484: "invalid_number_format",
  486: "busy",
  487: "originator_cancel",
  488: "incompatible_destination",
  500: "temporary_failure",
  503: "temporary_failure",
  600: "busy",
  603: "call_rejected",
  604: "unallocated_number",
};

/** The switch's names of causes; where the published name differs, the published one. */
const NAMES: Record<string, string> = {
  user_busy: "busy",
  no_user_response: "no_answer",
};

/** Returns the `reason` of `call_hangup`. */
export function hangupReason(ending: Ending): string {
  if (ending.cause) return ending.cause;
  if (!ending.answered && ending.by === "local") {
    return ending.direction === "outgoing" ? "originator_cancel" : "call_rejected";
  }
  const told = fromReason(ending.reason) ?? (ending.status ? STATUS[ending.status] : undefined);
  if (!ending.answered && ending.direction === "incoming" && ending.by === "remote") {
    // The caller gave up, unless a colleague was faster or the switch says otherwise.
    if (!told || told === "normal_clearing") return "originator_cancel";
  }
  const reason = told ?? (ending.status ? "call_failed" : "normal_clearing");
  return reason === "normal_clearing" && ending.billsec === 0 ? "no_answer" : reason;
}

function fromReason(header: string | undefined): string | undefined {
  if (!header) return undefined;
  const sip = /\bSIP\s*;[^,]*?cause=(\d+)/i.exec(header);
  if (sip?.[1] === "200") return "answered_elsewhere";
  const cause = Number(/\bQ\.850\s*;[^,]*?cause=(\d+)/i.exec(header)?.[1]);
  const text = /text="?([A-Z][A-Z_0-9]+)"?/.exec(header)?.[1]?.toLowerCase();
  // A name says more than its number: several names share one.
  if (text) return NAMES[text] ?? text;
  return Q850[cause] ?? (sip?.[1] ? STATUS[Number(sip[1])] : undefined);
}
