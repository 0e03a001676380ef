import type { DeskCommand, DeskSnapshot } from "../desk/desk.js";
import { type ErrorCode, ZorioWebphoneError } from "../errors.js";
import type { NotificationState } from "../notifier.js";
import type { CallSnapshot, Locale, Theme } from "../types.js";
import { keyAction, type KeyPress } from "./keys.js";
import type { FaceModel } from "./model.js";
import { type Panel, type Recent, type Scene, sceneOf, withRecent } from "./scene.js";
import { Texts } from "./text.js";
import type { Stage, ViewState } from "./view.js";

export interface FaceParts {
  theme: Theme;
  locale: Locale;
  canMinimise: boolean;
  isMinimised: boolean;
  scope: string;
  changed(): void;
  save(preference: { theme?: Theme; locale?: Locale; minimised?: boolean }): void;
  hasFocus(): boolean;
  focus(selector: string): void;
}

/** Calls of this page's life and of its reloads; they are forgotten with the tab. */
const recentsOf = (scope: string) => `zorio-webphone:recents:${scope}`;

const TOAST = 6_000;
/** Louder than this is speech. */
const SPEECH = 0.12;

/** What the face remembers and does, without its elements. */
export class Face implements Stage {
  state: ViewState;
  texts: Texts;
  readonly canMinimise: boolean;
  private dismissed: string | null = null;
  private readonly recorded = new Set<string>();
  private pendingFocus: string | null = null;
  private lastScene = "";
  private toastTimer: ReturnType<typeof setTimeout> | undefined;
  private talked = 0;
  private isStopped = false;

  constructor(
    private readonly model: FaceModel,
    private readonly parts: FaceParts,
  ) {
    this.texts = new Texts(parts.locale);
    model.speak(parts.locale);
    this.canMinimise = parts.canMinimise;
    this.state = {
      tab: "keypad",
      panel: null,
      number: "",
      target: "",
      sent: "",
      isMinimised: parts.isMinimised,
      toast: null,
      consult: null,
      theme: parts.theme,
      recents: readRecents(parts.scope),
      unseen: 0,
      devices: null,
      chosen: { input: "", output: "", ringer: "" },
      check: null,
      isTalkingMuted: false,
    };
  }

  get phone(): DeskSnapshot {
    return this.model.snapshot();
  }
  get scene(): Scene {
    return sceneOf(this.phone, this.dismissed);
  }
  get extension(): string {
    return this.model.extension;
  }

  now(): number {
    return Date.now();
  }

  set(part: Partial<ViewState>): void {
    if (this.isStopped) return;
    this.state = { ...this.state, ...part };
    if (part.toast) {
      clearTimeout(this.toastTimer);
      this.toastTimer = setTimeout(() => this.set({ toast: null }), TOAST);
    }
    this.parts.changed();
  }

  async run(command: DeskCommand): Promise<boolean> {
    try {
      await this.model.run(command);
      return true;
    } catch (error) {
      this.failed(ZorioWebphoneError.from(error));
      return false;
    }
  }

  failed(error: { code: ErrorCode }): void {
    this.set({ toast: { text: this.texts.error(error.code), isBad: true } });
  }

  dial(number: string): void {
    this.dismissed = this.phone.calls[this.phone.calls.length - 1]?.id ?? null;
    void this.run({ do: "call", number, options: {} }).then((isDone) => {
      if (isDone) this.set({ number: "", target: "", panel: null });
    });
  }

  press(digit: string): void {
    const { scene } = this;
    if (scene.kind !== "call") return this.set({ number: this.state.number + digit });
    if (this.state.panel === "transfer" || this.state.panel === "add") {
      return this.set({ target: this.state.target + digit });
    }
    this.set({ sent: (this.state.sent + digit).slice(-24) });
    void this.run({ do: "dtmf", id: scene.call.id, digits: digit });
  }

  openPanel(panel: Panel | null): void {
    const was = this.state.panel;
    this.set({ panel, target: "" });
    if (panel === "settings") void this.loadDevices();
    const back: Record<Panel, string> = {
      settings: "header button",
      keys: ".controls button:nth-child(3)",
      transfer: ".controls button:nth-child(4)",
      add: ".controls button:nth-child(5)",
    };
    if (panel === "transfer" || panel === "add") this.parts.focus("#target");
    else if (panel) this.parts.focus(".heading button");
    else if (was) this.parts.focus(back[was]);
  }

  dismiss(call: CallSnapshot): void {
    this.dismissed = call.id;
    this.parts.changed();
  }

  consult(call: CallSnapshot, number: string): void {
    const before = new Set(this.phone.calls.map((each) => each.id));
    void this.run({ do: "call", number, options: {} }).then((isDone) => {
      if (!isDone) return;
      const fresh = this.phone.calls.find((each) => !before.has(each.id) && each.direction === "outgoing");
      this.set({ panel: null, target: "", consult: fresh ? { from: call.id, to: fresh.id } : null });
    });
  }

  unlock(): void {
    this.model.unlockAudio().catch((error) => this.failed(ZorioWebphoneError.from(error)));
  }

  choose(kind: "input" | "output" | "ringer", deviceId: string): void {
    void this.run({ do: kind, deviceId }).then((isDone) => {
      if (isDone) this.set({ chosen: { ...this.state.chosen, [kind]: deviceId } });
      else this.parts.changed();
    });
  }

  setTheme(theme: Theme): void {
    this.parts.save({ theme });
    this.set({ theme });
  }

  minimise(isMinimised: boolean): void {
    this.parts.save({ minimised: isMinimised });
    this.set({ isMinimised });
  }

  setLocale(locale: Locale): void {
    this.texts = new Texts(locale);
    this.model.speak(locale);
    this.parts.save({ locale });
    this.parts.changed();
  }

  runCheck(): void {
    this.set({ check: "running" });
    this.model.diagnose().then(
      (check) => this.set({ check }),
      (error) => {
        this.set({ check: null });
        this.failed(ZorioWebphoneError.from(error));
      },
    );
  }

  get notifications(): NotificationState {
    return this.model.notifications;
  }

  askNotifications(): void {
    void this.model.enableNotifications().then(() => this.parts.changed());
  }

  copyCheck(): void {
    const text = JSON.stringify(this.state.check, null, 2);
    navigator.clipboard?.writeText(text).then(
      () => this.set({ toast: { text: this.texts.get("copied"), isBad: false } }),
      () => this.failed({ code: "internal_error" }),
    );
  }

  /** Returns whether the key was ours. */
  key(press: Omit<KeyPress, "into">, into: KeyPress["into"], isInside: boolean): boolean {
    const action = keyAction({ ...shape(press), into });
    if (!action) return false;
    const { scene, state } = this;
    const call = scene.kind === "call" ? scene.call : null;
    switch (action.do) {
      case "digit":
        if (!isInside && !call) return false;
        this.press(action.digit);
        return true;
      case "enter":
        if (scene.kind === "incoming") void this.run({ do: "answer", id: scene.call.id });
        else if (isInside && scene.kind === "idle" && state.number) this.dial(state.number);
        else return false;
        return true;
      case "escape":
        if (state.panel) this.openPanel(null);
        else if (scene.kind === "incoming") void this.run({ do: "hangup", id: scene.call.id });
        else if (scene.kind === "ended") this.dismiss(scene.call);
        else return false;
        return true;
      case "mute":
        if (call) void this.run({ do: call.muted ? "unmute" : "mute", id: call.id });
        return call !== null;
      case "hold":
        if (call) void this.run({ do: call.state === "held" ? "unhold" : "hold", id: call.id });
        return call !== null;
      case "transfer":
        if (call) this.openPanel("transfer");
        return call !== null;
      case "hangup":
        if (call) void this.run({ do: "hangup", id: call.id });
        return call !== null;
    }
  }

  phoneChanged(): void {
    this.record();
    const { scene } = this;
    const id = scene.kind === "idle" ? "idle" : `${scene.kind} ${scene.call.id}`;
    if (id !== this.lastScene) {
      // Only somebody who is in the phone already is taken along; typing elsewhere goes on.
      if (this.parts.hasFocus()) this.pendingFocus = FOCUS[scene.kind];
      this.lastScene = id;
      this.state = { ...this.state, panel: this.state.panel === "settings" ? "settings" : null, sent: "" };
      if (scene.kind === "incoming") this.state = { ...this.state, panel: null };
    }
    const { consult } = this.state;
    if (consult) {
      const live = this.phone.calls.filter((call) => call.state !== "ended").map((call) => call.id);
      if (!live.includes(consult.from) || !live.includes(consult.to)) this.state = { ...this.state, consult: null };
    }
    this.parts.changed();
  }

  /** The elements are there now. */
  drawn(): void {
    if (!this.pendingFocus) return;
    const selector = this.pendingFocus;
    this.pendingFocus = null;
    this.parts.focus(selector);
  }

  /** Returns the loudness of the microphone and notes speech into a muted one. */
  measure(): number {
    const { scene } = this;
    if (scene.kind !== "call") return 0;
    const level = this.model.levels(scene.call.id)?.microphone ?? 0;
    this.talked = scene.call.muted && level > SPEECH ? Math.min(this.talked + 2, 20) : Math.max(this.talked - 1, 0);
    const isTalkingMuted = this.talked > 4;
    if (isTalkingMuted !== this.state.isTalkingMuted) this.set({ isTalkingMuted });
    return Math.min(1, level * 2);
  }

  tick(): void {
    if (this.scene.kind === "call") this.parts.changed();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.toastTimer);
  }

  private record(): void {
    for (const call of this.phone.calls) {
      if (call.state !== "ended" || this.recorded.has(call.id)) continue;
      this.recorded.add(call.id);
      const recents = withRecent(this.state.recents, call);
      const isUnseen = recents[0]?.missed === true && this.state.tab !== "recents";
      this.state = { ...this.state, recents, unseen: this.state.unseen + (isUnseen ? 1 : 0) };
      writeRecents(this.parts.scope, recents);
    }
  }

  private async loadDevices(): Promise<void> {
    const devices = await this.model.devices().catch(() => null);
    this.set({ devices });
  }
}

/** Where the focus goes when the scene changes around it. */
const FOCUS: Record<Scene["kind"], string> = {
  idle: "#number",
  incoming: ".choice button",
  call: ".controls button:first-child:not([disabled]), .wide",
  ended: ".over button",
};

function shape(press: Omit<KeyPress, "into">): Omit<KeyPress, "into"> {
  const { key, ctrlKey, metaKey, altKey, shiftKey } = press;
  return { key, ctrlKey, metaKey, altKey, shiftKey };
}

function readRecents(scope: string): Recent[] {
  try {
    const known: unknown = JSON.parse(sessionStorage.getItem(recentsOf(scope)) ?? "[]");
    return Array.isArray(known) ? (known as Recent[]) : [];
  } catch {
    return [];
  }
}

function writeRecents(scope: string, recents: Recent[]): void {
  try {
    sessionStorage.setItem(recentsOf(scope), JSON.stringify(recents));
  } catch {
    // A frame may have no storage: they are forgotten with the page.
  }
}
