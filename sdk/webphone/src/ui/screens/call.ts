import type { CallSnapshot } from "../../types.js";
import { h, icon, type VNode } from "../dom.js";
import { duration, nameOf, type Scene } from "../scene.js";
import type { Stage } from "../view.js";
import { avatar, button, keypad, numberField, qualityBars } from "./parts.js";

type InCall = Scene & { kind: "call" };

export function incoming(stage: Stage, call: CallSnapshot): VNode[] {
  const { texts } = stage;
  const name = nameOf(call);
  return [
    h(
      "div",
      {
        key: "incoming",
        class: "body ringing",
        part: "incoming",
        role: "alertdialog",
        "aria-labelledby": "ring-title",
        "aria-describedby": "ring-who",
      },
      h("p", { class: "kind", id: "ring-title" }, icon("incoming", 16), texts.get("incoming")),
      avatar(name, true),
      who(stage, call, "ring-who"),
      h(
        "div",
        { class: "choice" },
        big(texts.get("answer"), "phone", "good", "Enter", () => void stage.run({ do: "answer", id: call.id })),
        big(texts.get("reject"), "hangup", "bad", "Escape", () => void stage.run({ do: "hangup", id: call.id })),
      ),
    ),
  ];
}

function big(label: string, symbol: "phone" | "hangup", tone: string, keys: string, onclick: () => void): VNode {
  return h(
    "div",
    { class: "big", key: tone },
    button({ label, icon: symbol, class: `fill ${tone} huge`, part: `button ${tone}`, key: tone, keys, onclick }),
    h("span", { "aria-hidden": "true" }, label),
  );
}

function who(stage: Stage, call: CallSnapshot, id: string): VNode {
  const name = nameOf(call);
  return h(
    "div",
    { class: "whois", id, part: "caller" },
    h("strong", { class: name.length > 22 ? "long" : "" }, name),
    name !== call.number && h("span", { class: "tel" }, call.number),
    call.via && h("span", { class: "via" }, `${stage.texts.get("via")} ${call.via}`),
  );
}

export function inCall(stage: Stage, scene: InCall): VNode[] {
  const { state } = stage;
  const strips = [
    scene.waiting && waiting(stage, scene.waiting, scene.call),
    ...scene.others.map((other) => strip(stage, scene.call, other)),
  ].filter((node): node is VNode => node !== null);
  const inner =
    state.panel === "keys"
      ? keysPanel(stage, scene.call)
      : state.panel === "transfer" || state.panel === "add"
        ? targetPanel(stage, scene.call, state.panel)
        : face(stage, scene);
  return [h("div", { key: "call", class: strips.length > 0 ? "body crowded" : "body" }, ...strips, inner)];
}

function face(stage: Stage, { call, others }: InCall): VNode {
  const { texts, state } = stage;
  const isUp = call.state === "answered" || call.state === "held";
  const id = call.id;
  const consult = state.consult?.to === id ? others.find((other) => other.id === state.consult?.from) : undefined;
  const warning = call.quality?.warnings[0];
  const hint = call.muted && state.isTalkingMuted ? texts.get("mutedTalking") : warning && texts.warning(warning);
  const control = (options: Parameters<typeof button>[0]) => button({ shows: true, class: "control", ...options });
  return h(
    "div",
    { class: "face", key: "face" },
    avatar(nameOf(call), !isUp),
    who(stage, call, "talk-who"),
    h(
      "div",
      { class: "line" },
      h("span", { class: call.state === "held" ? "chip warn" : "chip" }, label(stage, call)),
      call.muted && h("span", { class: "chip bad" }, icon("micOff", 14), texts.get("muted")),
      isUp && qualityBars(call.quality, texts),
    ),
    h("p", { class: "hint" }, hint ? icon("alert", 14) : null, hint || ""),
    h(
      "div",
      { class: "controls", role: "group", "aria-label": texts.get("answered") },
      control({
        key: "mute",
        label: texts.get("mute"),
        icon: call.muted ? "micOff" : "mic",
        pressed: call.muted,
        keys: "M",
        disabled: !isUp && call.state !== "early_media",
        onclick: () => void stage.run({ do: call.muted ? "unmute" : "mute", id }),
      }),
      control({
        key: "hold",
        label: texts.get("hold"),
        icon: "pause",
        pressed: call.state === "held",
        keys: "H",
        disabled: !isUp,
        onclick: () => void stage.run({ do: call.state === "held" ? "unhold" : "hold", id }),
      }),
      control({
        key: "keys",
        label: texts.get("keys"),
        icon: "keys",
        disabled: call.state !== "answered" && call.state !== "early_media",
        onclick: () => stage.openPanel("keys"),
      }),
      consult
        ? control({
            key: "connect",
            label: texts.get("transferDone"),
            icon: "swap",
            class: "control main",
            disabled: !isUp,
            onclick: () => complete(stage, consult, call),
          })
        : control({
            key: "transfer",
            label: texts.get("transfer"),
            icon: "forward",
            keys: "T",
            disabled: !isUp,
            onclick: () => stage.openPanel("transfer"),
          }),
      control({
        key: "add",
        label: texts.get("addCall"),
        icon: "plus",
        disabled: !isUp || others.length > 0,
        onclick: () => stage.openPanel("add"),
      }),
      control({
        key: "audio",
        label: texts.get("audio"),
        icon: "speaker",
        onclick: () => stage.openPanel("settings"),
      }),
    ),
    isUp &&
      h(
        "div",
        { class: call.muted || call.held ? "meter off" : "meter", "aria-hidden": "true", part: "meter", title: texts.get("level") },
        icon(call.muted ? "micOff" : "mic", 12),
        h("span", {}, h("i", { "data-meter": "" })),
      ),
    h("p", { class: "explain" }, consult ? texts.get("transferHint") : ""),
    button({
      label: texts.get("hangup"),
      icon: "hangup",
      shows: true,
      class: "fill bad wide",
      key: "hangup",
      part: "button hangup",
      keys: "Shift+H",
      onclick: () => void stage.run({ do: "hangup", id }),
    }),
  );
}

function complete(stage: Stage, from: CallSnapshot, to: CallSnapshot): void {
  void stage.run({ do: "transfer", id: from.id, to: to.id }).then((isDone) => {
    if (isDone) stage.set({ consult: null, toast: { text: stage.texts.get("transferred"), isBad: false } });
  });
}

function label(stage: Stage, call: CallSnapshot): VNode | string {
  const { texts } = stage;
  const time = h("time", { class: "timer", role: "timer", "aria-live": "off" }, duration(stage.now() - (call.answeredAt ?? 0)));
  if (call.state === "answered") return time;
  return call.state === "held" ? h("span", {}, `${texts.get("held")} · `, time) : texts.get(call.state);
}

/** A call that waits beside the one that is talked on. */
function strip(stage: Stage, call: CallSnapshot, other: CallSnapshot): VNode {
  const { texts } = stage;
  return h(
    "div",
    { class: "strip", key: `strip-${other.id}`, part: "strip" },
    h("span", { class: "who" }, h("b", {}, nameOf(other)), h("small", {}, texts.get(other.state))),
    button({
      label: texts.get("swap"),
      icon: "swap",
      shows: true,
      class: "small",
      key: "swap",
      disabled: other.state !== "held" || (call.state !== "answered" && call.state !== "held"),
      onclick: () => void stage.run({ do: "unhold", id: other.id }),
    }),
    button({
      label: `${texts.get("hangup")}: ${nameOf(other)}`,
      icon: "close",
      class: "round soft",
      key: "end",
      onclick: () => void stage.run({ do: "hangup", id: other.id }),
    }),
  );
}

/** Somebody calls while another call is talked on. */
function waiting(stage: Stage, call: CallSnapshot, current: CallSnapshot): VNode {
  const { texts } = stage;
  const id = `wait-${call.id}`;
  return h(
    "div",
    { class: "waiting", key: id, role: "alertdialog", "aria-labelledby": `${id}-t`, "aria-describedby": `${id}-w` },
    h("p", { class: "kind", id: `${id}-t` }, icon("incoming", 14), texts.get("waiting")),
    h("b", { id: `${id}-w` }, nameOf(call)),
    h(
      "div",
      { class: "choices" },
      button({
        label: texts.get("holdAnswer"),
        shows: true,
        class: "small good",
        key: "hold",
        disabled: current.state !== "answered" && current.state !== "held",
        onclick: () => void stage.run({ do: "answer", id: call.id }),
      }),
      button({
        label: texts.get("endAnswer"),
        shows: true,
        class: "small",
        key: "end",
        onclick: () => {
          void stage.run({ do: "hangup", id: current.id }).then((isDone) => {
            if (isDone) void stage.run({ do: "answer", id: call.id });
          });
        },
      }),
      button({
        label: texts.get("reject"),
        shows: true,
        class: "small bad",
        key: "no",
        onclick: () => void stage.run({ do: "hangup", id: call.id }),
      }),
    ),
  );
}

function heading(stage: Stage, title: string): VNode {
  return h(
    "div",
    { class: "heading", key: "heading" },
    button({ label: stage.texts.get("back"), icon: "back", class: "plain", key: "back", onclick: () => stage.openPanel(null) }),
    h("h2", {}, title),
  );
}

function keysPanel(stage: Stage, call: CallSnapshot): VNode {
  const { texts, state } = stage;
  return h(
    "div",
    { class: "panel", key: "keys" },
    heading(stage, nameOf(call)),
    h("output", { class: "number sent" }, state.sent || " "),
    keypad(texts.get("keys"), (digit) => stage.press(digit)),
    button({
      label: texts.get("hangup"),
      icon: "hangup",
      shows: true,
      class: "fill bad wide",
      key: "hangup",
      onclick: () => void stage.run({ do: "hangup", id: call.id }),
    }),
  );
}

function targetPanel(stage: Stage, call: CallSnapshot, panel: "transfer" | "add"): VNode {
  const { texts, state } = stage;
  const number = state.target;
  const now = () => {
    if (!number) return;
    void stage.run({ do: "transfer", id: call.id, number }).then((isDone) => {
      if (isDone) stage.set({ panel: null, toast: { text: texts.get("transferred"), isBad: false } });
    });
  };
  const add = () => number && stage.dial(number);
  const isTransfer = panel === "transfer";
  return h(
    "div",
    { class: "panel", key: panel },
    heading(stage, texts.get(isTransfer ? "transferTitle" : "addTitle")),
    numberField(texts, number, (target) => stage.set({ target }), "target", isTransfer ? now : add),
    keypad(texts.get("keypad"), (digit) => stage.set({ target: number + digit })),
    isTransfer
      ? h(
          "div",
          { class: "pair", key: "pair" },
          button({ label: texts.get("transferAsk"), shows: true, class: "small tall", key: "ask", disabled: !number, onclick: () => stage.consult(call, number) }),
          button({ label: texts.get("transferNow"), shows: true, class: "small tall main", key: "now", disabled: !number, onclick: now }),
        )
      : button({ label: texts.get("call"), icon: "phone", shows: true, class: "fill good wide", key: "call", disabled: !number, onclick: () => void add() }),
  );
}

export function ended(stage: Stage, call: CallSnapshot): VNode[] {
  const { texts } = stage;
  const name = nameOf(call);
  const isTalk = call.answeredAt !== null && call.endedAt !== null;
  return [
    h(
      "div",
      { key: "ended", class: "body over" },
      avatar(name),
      who(stage, call, "over-who"),
      h("span", { class: "chip" }, isTalk ? texts.get("ended") : texts.reason(call.reason)),
      isTalk && h("p", { class: "sum" }, duration((call.endedAt ?? 0) - (call.answeredAt ?? 0))),
      h(
        "div",
        { class: "pair" },
        button({ label: texts.get("close"), shows: true, class: "small tall", key: "close", onclick: () => stage.dismiss(call) }),
        button({ label: texts.get("redial"), icon: "phone", shows: true, class: "small tall main", key: "again", onclick: () => stage.dial(call.number) }),
      ),
    ),
  ];
}
