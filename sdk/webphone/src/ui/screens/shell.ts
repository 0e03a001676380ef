import type { PhoneStatus } from "../../types.js";
import { h, icon, type VNode } from "../dom.js";
import { duration, nameOf } from "../scene.js";
import type { Stage } from "../view.js";
import { ended, incoming, inCall } from "./call.js";
import { idle } from "./idle.js";
import { button } from "./parts.js";
import { settings } from "./settings.js";

const TONES: Record<PhoneStatus, string> = {
  registered: "good",
  registering: "warn",
  connecting: "warn",
  reconnecting: "warn",
  connected: "off",
  disconnected: "off",
};

/** Draws the whole face. */
export function shell(stage: Stage): VNode[] {
  if (stage.state.isMinimised && stage.scene.kind !== "incoming") return [pill(stage)];
  const { texts, scene, state } = stage;
  return [
    h(
      "section",
      { key: "phone", class: "phone", part: "phone", "aria-label": texts.get("phone") },
      header(stage),
      banner(stage),
      ...(state.panel === "settings" ? settings(stage) : body(stage)),
      toast(stage),
    ),
    h("p", { key: "live", class: "hidden", role: "status", "aria-live": "polite" }, announce(stage)),
    h("p", { key: "alert", class: "hidden", role: "alert" }, scene.kind === "incoming" ? ring(stage) : ""),
  ];
}

function body(stage: Stage): VNode[] {
  const { scene } = stage;
  switch (scene.kind) {
    case "incoming":
      return incoming(stage, scene.call);
    case "call":
      return inCall(stage, scene);
    case "ended":
      return ended(stage, scene.call);
    default:
      return idle(stage);
  }
}

function header(stage: Stage): VNode {
  const { phone, texts, state } = stage;
  return h(
    "header",
    { key: "header", part: "header" },
    h("span", { class: `dot ${TONES[phone.status]}`, "aria-hidden": "true" }),
    h("span", { class: "status", part: "status" }, texts.status(phone.status)),
    stage.extension && h("span", { class: "extension" }, stage.extension),
    button({
      label: texts.get("settings"),
      icon: "settings",
      class: "plain",
      key: "settings",
      pressed: state.panel === "settings",
      onclick: () => stage.openPanel(state.panel === "settings" ? null : "settings"),
    }),
    stage.canMinimise &&
      button({ label: texts.get("minimise"), icon: "down", class: "plain", key: "min", onclick: () => stage.minimise(true) }),
  );
}

function banner(stage: Stage): VNode | null {
  const { phone, texts } = stage;
  if (phone.audioBlocked && !phone.isMirror) {
    const action = button({ label: texts.get("unblock"), shows: true, class: "small", key: "unblock", onclick: () => stage.unlock() });
    return strip("warn", texts.get("blockedBanner"), action);
  }
  if (phone.attempt > 5) return strip("bad", texts.get("unstableBanner"));
  if (phone.attempt >= 2) return strip("warn", texts.get("reconnectBanner"));
  if (phone.status === "connected") {
    const register = () => void stage.run({ do: "register" });
    const action = button({ label: texts.get("register"), shows: true, class: "small", key: "register", onclick: register });
    return strip("info", texts.status("connected"), action);
  }
  return phone.isMirror && phone.calls.length > 0 ? strip("info", texts.get("mirrorBanner")) : null;
}

function strip(tone: string, text: string, action?: VNode): VNode {
  return h("div", { key: "banner", class: `banner ${tone}`, part: "banner" }, icon("alert", 16), h("span", {}, text), action);
}

function toast(stage: Stage): VNode | null {
  const { toast } = stage.state;
  if (!toast) return null;
  const close = () => stage.set({ toast: null });
  return h(
    "div",
    { key: "toast", class: toast.isBad ? "toast bad" : "toast", part: "toast" },
    icon(toast.isBad ? "alert" : "check", 18),
    h("span", {}, toast.text),
    button({ label: stage.texts.get("close"), icon: "close", class: "plain", key: "close", onclick: close }),
  );
}

/** The phone at its smallest: what it does, and a way back. */
function pill(stage: Stage): VNode {
  const { scene, texts, phone } = stage;
  const call = scene.kind === "call" ? scene.call : null;
  const text = call ? nameOf(call) : texts.status(phone.status);
  const time = call?.answeredAt ? h("time", { class: "timer" }, duration(stage.now() - call.answeredAt)) : null;
  return h(
    "button",
    {
      key: "pill",
      type: "button",
      class: call ? "pill busy" : "pill",
      part: "pill",
      "aria-label": `${texts.get("restore")}: ${text}`,
      onclick: () => stage.minimise(false),
    },
    icon("phone", 18),
    h("span", { class: `dot ${TONES[phone.status]}`, "aria-hidden": "true" }),
    h("span", {}, text),
    time,
  );
}

/** What a screen reader is told when it changes. */
function announce(stage: Stage): string {
  const { scene, texts, phone, state } = stage;
  if (state.toast) return state.toast.text;
  if (scene.kind === "call") return `${nameOf(scene.call)}: ${texts.get(scene.call.state)}${scene.call.muted ? `, ${texts.get("muted")}` : ""}`;
  if (scene.kind === "ended") return scene.call.answeredAt === null ? texts.reason(scene.call.reason) : texts.get("ended");
  return texts.status(phone.status);
}

function ring(stage: Stage): string {
  return stage.scene.kind === "incoming" ? `${stage.texts.get("incoming")}: ${nameOf(stage.scene.call)}` : "";
}
