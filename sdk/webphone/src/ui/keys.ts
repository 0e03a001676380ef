/** What a key does; `null` for keys that are the page's own. */
export type KeyAction =
  | { do: "digit"; digit: string }
  | { do: "enter" | "escape" | "mute" | "hold" | "transfer" | "hangup" };

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  /** Where it was pressed. */
  into: "text" | "control" | "other";
}

export const SHORTCUTS = [
  ["0–9 * #", "keys"],
  ["Enter", "answer"],
  ["Esc", "reject"],
  ["M", "mute"],
  ["H", "hold"],
  ["T", "transfer"],
  ["Shift+H", "hangup"],
] as const;

export function keyAction(press: KeyPress): KeyAction | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  if (press.key === "Escape") return { do: "escape" };
  // A button and a link have their own idea of Enter.
  if (press.key === "Enter") return press.into === "control" ? null : { do: "enter" };
  if (press.into === "text") return null;
  if (/^[0-9*#]$/.test(press.key)) return { do: "digit", digit: press.key };
  switch (press.key.toLowerCase()) {
    case "m":
      return { do: "mute" };
    case "h":
      return { do: press.shiftKey ? "hangup" : "hold" };
    case "t":
      return { do: "transfer" };
    default:
      return null;
  }
}
