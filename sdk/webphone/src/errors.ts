import type { Locale } from "./types.js";
import { errorText } from "./words.js";

/** Every code that an error of the webphone may carry. */
export type ErrorCode =
  | "bootstrap_failed"
  | "audio_autoplay_blocked"
  | "reconnect_failed"
  | "token_invalid"
  | "token_expired"
  | "insecure_context"
  | "unsupported_browser"
  | "mic_denied"
  | "mic_not_found"
  | "mic_in_use"
  | "register_failed"
  | "transport_failed"
  | "invalid_number"
  | "call_failed"
  | "call_not_found"
  | "invalid_state"
  | "media_failed"
  | "device_unavailable"
  | "transfer_failed"
  | "rate_limited"
  | "origin_not_allowed"
  | "unknown_command"
  | "internal_error";

export interface PlainError {
  code: ErrorCode;
  message: string;
  details?: Record<string, unknown>;
}

export class ZorioWebphoneError extends Error {
  readonly code: ErrorCode;
  readonly details?: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, details?: Record<string, unknown>) {
    super(message);
    this.name = "ZorioWebphoneError";
    this.code = code;
    if (details) this.details = details;
  }

  /** Returns one sentence for people in their language; `message` is for programmers and in English. */
  text(locale: Locale): string {
    return errorText(this.code, locale);
  }

  /** Returns what may cross to another window or tab. */
  toJSON(): PlainError {
    return { code: this.code, message: this.message, ...(this.details ? { details: this.details } : {}) };
  }

  static from(error: unknown, code: ErrorCode = "internal_error"): ZorioWebphoneError {
    if (error instanceof ZorioWebphoneError) return error;
    const plain = error as Partial<PlainError> | null;
    if (plain && typeof plain === "object" && !(error instanceof Error) && plain.code) {
      return new ZorioWebphoneError(plain.code, String(plain.message), plain.details);
    }
    return new ZorioWebphoneError(code, error instanceof Error ? error.message : String(error));
  }
}

/** Says why the browser gave no microphone. */
export function microphoneError(error: unknown): ZorioWebphoneError {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return new ZorioWebphoneError("mic_denied", "The microphone is not allowed for this page");
    case "NotFoundError":
    case "OverconstrainedError":
      return new ZorioWebphoneError("mic_not_found", "There is no such microphone");
    case "NotReadableError":
    case "AbortError":
      return new ZorioWebphoneError("mic_in_use", "The microphone is used by another program");
    default:
      return ZorioWebphoneError.from(error, "media_failed");
  }
}
