import { ZorioWebphoneError } from "../errors.js";

/** Returns what can be dialled of what a person typed or pasted: digits with a plus in front, `*` and `#` for services. */
export function normaliseNumber(input: string): string {
  let text = input.trim();
  try {
    text = decodeURIComponent(text);
  } catch {
    // A lone per cent sign is just another mark to drop.
  }
  text = text.replace(/^(tel|sip|callto):(\/\/)?/i, "").replace(/[;?@].*$/, "");
  const digits = text.replace(/[^0-9*#]/g, "");
  return (/^[\s(]*\+/.test(text) ? "+" : "") + digits;
}

/** Returns the number, or refuses it with `invalid_number`. */
export function requireNumber(input: unknown): string {
  const number = typeof input === "string" ? normaliseNumber(input) : "";
  if (!/^(\+?[0-9]{2,20}|[0-9]|[*#][0-9*#]{1,19})$/.test(number)) {
    throw new ZorioWebphoneError("invalid_number", "This is no number that can be dialled", { number: String(input) });
  }
  return number;
}

/** Returns the digits to send, or refuses them with `invalid_number`. */
export function requireDigits(input: unknown): string {
  const digits = String(input ?? "").toUpperCase();
  if (!/^[0-9*#A-D,]{1,64}$/.test(digits)) {
    throw new ZorioWebphoneError("invalid_number", "Digits are 0-9, *, #, A-D and a comma for a pause", { digits });
  }
  return digits;
}
