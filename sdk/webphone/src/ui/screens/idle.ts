import { h, icon, type VNode } from "../dom.js";
import { duration, type Recent } from "../scene.js";
import type { Stage } from "../view.js";
import { button, keypad, numberField } from "./parts.js";

export function idle(stage: Stage): VNode[] {
  const { state, texts } = stage;
  const tab = (name: "keypad" | "recents", symbol: "keys" | "history") =>
    h(
      "button",
      {
        key: name,
        type: "button",
        role: "tab",
        id: `tab-${name}`,
        class: "tab",
        part: "tab",
        "aria-selected": String(state.tab === name),
        "aria-controls": "tabpanel",
        tabindex: state.tab === name ? 0 : -1,
        onclick: () => stage.set({ tab: name, ...(name === "recents" ? { unseen: 0 } : {}) }),
        onkeydown: (event: KeyboardEvent) => {
          if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
          const other = name === "keypad" ? "recents" : "keypad";
          stage.set({ tab: other, ...(other === "recents" ? { unseen: 0 } : {}) });
          const root = (event.target as HTMLElement).parentElement;
          root?.querySelector<HTMLElement>(`#tab-${other}`)?.focus();
        },
      },
      icon(symbol, 18),
      h("span", {}, texts.get(name)),
      name === "recents" &&
        state.unseen > 0 &&
        h("b", { class: "badge", "aria-label": `${state.unseen} ${texts.get("missedCount")}` }, state.unseen),
    );
  return [
    h(
      "div",
      { key: "panel", class: "body", role: "tabpanel", id: "tabpanel", "aria-labelledby": `tab-${state.tab}` },
      state.tab === "keypad" ? dialler(stage) : recents(stage),
    ),
    h("div", { key: "tabs", class: "tabs", role: "tablist", "aria-label": texts.get("phone") }, [
      tab("keypad", "keys"),
      tab("recents", "history"),
    ]),
  ];
}

function dialler(stage: Stage): VNode {
  const { state, texts, phone } = stage;
  const last = state.recents[0]?.number ?? "";
  const isReady = phone.status === "registered" || phone.status === "connected";
  const dial = () => {
    if (state.number) stage.dial(state.number);
    else if (last) stage.set({ number: last });
  };
  return h(
    "div",
    { class: "dialler", key: "dialler" },
    numberField(texts, state.number, (number) => stage.set({ number }), "number", dial),
    keypad(texts.get("keypad"), (digit) => stage.press(digit)),
    button({
      label: state.number || !last ? texts.get("call") : texts.get("redial"),
      icon: "phone",
      shows: true,
      class: "fill good wide",
      key: "call",
      part: "button call",
      disabled: !isReady || (!state.number && !last),
      onclick: dial,
    }),
  );
}

function recents(stage: Stage): VNode {
  const { state, texts } = stage;
  if (state.recents.length === 0) {
    return h(
      "div",
      { class: "empty", key: "recents" },
      h("span", { class: "blot", "aria-hidden": "true" }, icon("history", 26)),
      h("p", {}, texts.get("noRecents")),
    );
  }
  const row = (recent: Recent) => {
    const what = recent.missed ? "missed" : recent.direction;
    const title = recent.name ?? recent.number;
    const when = texts.time(recent.at, stage.now());
    return h(
      "li",
      { key: String(recent.at) },
      h("span", { class: `mark ${what}`, role: "img", "aria-label": texts.get(what) }, icon(what, 18)),
      h(
        "span",
        { class: "who" },
        h("b", { class: recent.missed ? "bad" : "" }, title),
        h("small", {}, [recent.name && recent.number, when, recent.seconds > 0 && duration(recent.seconds * 1000)].filter(Boolean).join(" · ")),
      ),
      button({
        label: `${texts.get("call")}: ${title}`,
        icon: "phone",
        class: "round soft",
        key: "call",
        onclick: () => stage.dial(recent.number),
      }),
    );
  };
  return h("ul", { class: "recents", key: "recents", part: "recents" }, state.recents.map(row));
}
