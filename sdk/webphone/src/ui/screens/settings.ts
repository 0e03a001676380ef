import type { AudioDevice, DiagnoseCheck, Theme } from "../../types.js";
import { h, icon, type VNode } from "../dom.js";
import { SHORTCUTS } from "../keys.js";
import type { Stage } from "../view.js";
import { button } from "./parts.js";

export function settings(stage: Stage): VNode[] {
  const { texts, state } = stage;
  const { devices, chosen } = state;
  return [
    h(
      "div",
      { key: "settings", class: "body scroll", part: "settings" },
      h(
        "div",
        { class: "heading" },
        button({ label: texts.get("back"), icon: "back", class: "plain", key: "back", onclick: () => stage.openPanel(null) }),
        h("h2", {}, texts.get("settings")),
      ),
      h(
        "section",
        {},
        h("h3", {}, texts.get("audio")),
        picker(stage, "input", texts.get("microphone"), devices?.inputs ?? [], chosen.input, texts.get("systemDefault")),
        devices?.canChooseOutput === false
          ? h("p", { class: "note" }, texts.get("outputByBrowser"))
          : [
              picker(stage, "output", texts.get("speaker"), devices?.outputs ?? [], chosen.output, texts.get("systemDefault")),
              picker(stage, "ringer", texts.get("ringer"), devices?.outputs ?? [], chosen.ringer, texts.get("likeSpeaker")),
            ],
      ),
      h(
        "section",
        {},
        h("h3", { id: "theme" }, texts.get("theme")),
        choice("theme", ["auto", "light", "dark"], state.theme, (theme) => texts.get(theme), (theme: Theme) => stage.setTheme(theme)),
        h("h3", { id: "language" }, texts.get("language")),
        choice("language", ["vi", "en"], texts.locale, (locale) => NAMES[locale], (locale: "vi" | "en") => stage.setLocale(locale)),
      ),
      notifications(stage),
      check(stage),
      h(
        "section",
        {},
        h("h3", {}, texts.get("shortcuts")),
        h(
          "dl",
          { class: "keys" },
          SHORTCUTS.map(([key, action]) => [h("dt", { key }, h("kbd", {}, key)), h("dd", { key: action }, texts.get(action))]).flat(),
        ),
      ),
    ),
  ];
}

const NAMES = { vi: "Tiếng Việt", en: "English" } as const;

function picker(
  stage: Stage,
  kind: "input" | "output" | "ringer",
  label: string,
  devices: AudioDevice[],
  chosen: string,
  none: string,
): VNode {
  const option = (id: string, text: string) => h("option", { key: id, value: id, selected: id === chosen }, text);
  return h(
    "label",
    { class: "pick", key: kind },
    h("span", {}, label),
    h(
      "select",
      {
        part: "select",
        onchange: (event: Event) => stage.choose(kind, (event.target as HTMLSelectElement).value),
      },
      option("", none),
      devices.map((device, at) => option(device.id, device.label || `${label} ${at + 1}`)),
    ),
  );
}

function choice<T extends string>(id: string, all: T[], chosen: T, name: (value: T) => string, set: (value: T) => void): VNode {
  return h(
    "div",
    { class: "segments", role: "group", "aria-labelledby": id, key: id },
    all.map((value) =>
      button({ label: name(value), shows: true, class: "segment", key: value, pressed: value === chosen, onclick: () => set(value) }),
    ),
  );
}

function notifications(stage: Stage): VNode | null {
  const { texts } = stage;
  const state = stage.notifications;
  if (state === "unsupported") return null;
  return h(
    "section",
    { key: "notifications" },
    h("h3", {}, texts.get("notifications")),
    state === "default"
      ? button({ label: texts.get("notify"), shows: true, class: "small tall", key: "notify", onclick: () => stage.askNotifications() })
      : h("p", { class: "note" }, texts.get(state === "granted" ? "notifyOn" : "notifyDenied")),
  );
}

function check(stage: Stage): VNode {
  const { texts, state } = stage;
  const isRunning = state.check === "running";
  const result = state.check === "running" ? null : state.check;
  const line = (each: DiagnoseCheck) =>
    h(
      "li",
      { key: each.name, class: each.status },
      icon(each.status === "ok" ? "check" : each.status === "skipped" ? "minus" : "alert", 16),
      h("span", {}, h("b", {}, each.name.toUpperCase()), ` ${each.message}`),
    );
  return h(
    "section",
    { key: "check" },
    h("h3", {}, texts.get("check")),
    button({
      label: texts.get(isRunning ? "checking" : "runCheck"),
      shows: true,
      class: "small tall",
      key: "run",
      disabled: isRunning,
      onclick: () => stage.runCheck(),
    }),
    result && h("ul", { class: "checks" }, result.checks.map(line)),
    result && button({ label: texts.get("copy"), icon: "copy", shows: true, class: "small", key: "copy", onclick: () => stage.copyCheck() }),
  );
}
