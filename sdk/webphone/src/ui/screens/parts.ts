import { bars } from "../../core/quality.js";
import type { CallQuality } from "../../types.js";
import { h, icon, type VNode } from "../dom.js";
import type { IconName } from "../icons.js";
import { initialsOf } from "../scene.js";
import type { Texts } from "../text.js";

interface ButtonOptions {
  label: string;
  icon?: IconName;
  /** Shows the label below or beside the icon; otherwise it is for screen readers. */
  shows?: boolean;
  class?: string;
  part?: string;
  pressed?: boolean;
  disabled?: boolean;
  keys?: string;
  key?: string;
  onclick: () => void;
}

export function button(options: ButtonOptions): VNode {
  const { label, shows } = options;
  return h(
    "button",
    {
      key: options.key ?? options.class ?? label,
      type: "button",
      class: options.class ?? "plain",
      part: options.part ?? "button",
      "aria-label": shows ? null : label,
      title: shows ? null : label,
      "aria-pressed": options.pressed === undefined ? null : String(options.pressed),
      "aria-keyshortcuts": options.keys,
      disabled: options.disabled ?? false,
      onclick: options.onclick,
    },
    options.icon && icon(options.icon),
    shows && h("span", {}, label),
  );
}

export function avatar(name: string, isPulsing = false): VNode {
  const initials = initialsOf(name);
  const inner = initials ?? icon("phone", 28);
  return h("div", { class: isPulsing ? "avatar pulsing" : "avatar", "aria-hidden": "true", part: "avatar" }, inner);
}

const LETTERS: Record<string, string> = {
  2: "ABC",
  3: "DEF",
  4: "GHI",
  5: "JKL",
  6: "MNO",
  7: "PQRS",
  8: "TUV",
  9: "WXYZ",
  0: "+",
};

export function keypad(label: string, press: (digit: string) => void): VNode {
  const key = (digit: string) =>
    h(
      "button",
      { key: digit, type: "button", class: "digit", part: "digit", "aria-label": digit, onclick: () => press(digit) },
      h("span", {}, digit),
      h("small", { "aria-hidden": "true" }, LETTERS[digit] ?? ""),
    );
  return h("div", { class: "pad", role: "group", "aria-label": label, part: "keypad" }, [..."123456789*0#"].map(key));
}

/** A line to type a number into, with a key to take back. */
export function numberField(
  texts: Texts,
  value: string,
  set: (number: string) => void,
  id: string,
  enter: () => void,
): VNode {
  return h(
    "div",
    { class: "field", key: id },
    h("input", {
      id,
      class: value.length > 15 ? "number long" : "number",
      part: "number",
      type: "tel",
      inputmode: "tel",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: texts.get("number"),
      "aria-label": texts.get("number"),
      value,
      oninput: (event: InputEvent) => set((event.target as HTMLInputElement).value),
      onkeydown: (event: KeyboardEvent) => {
        if (event.key !== "Enter" || event.isComposing) return;
        event.stopPropagation();
        // The scene may change under the key: it must not press what is there then.
        event.preventDefault();
        enter();
      },
    }),
    button({
      label: texts.get("erase"),
      icon: "erase",
      class: value ? "plain erase" : "plain erase gone",
      key: "erase",
      disabled: value === "",
      onclick: () => set(value.slice(0, -1)),
    }),
  );
}

export function qualityBars(quality: CallQuality | null, texts: Texts): VNode {
  const count = bars(quality);
  const label = `${texts.get("quality")}: ${count}/4`;
  return h(
    "span",
    { class: `bars bars-${count}`, role: "img", "aria-label": label, title: label },
    [1, 2, 3, 4].map((bar) => h("i", { class: bar <= count ? "on" : "" })),
  );
}
