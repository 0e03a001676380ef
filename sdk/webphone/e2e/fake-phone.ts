// A page's phone with nothing behind it: the tests say what it is.
import type { DeskCommand, DeskSnapshot } from "../src/desk/desk.js";
import { ZorioWebphoneError, type ErrorCode } from "../src/errors.js";
import type { NotificationState } from "../src/notifier.js";
import type { CallSnapshot, DiagnoseResult } from "../src/types.js";
import { type FaceOptions, mountFace } from "../src/ui/element.js";
import type { FaceModel } from "../src/ui/model.js";

class FakePhone implements FaceModel {
  readonly extension = "1001";
  readonly displayName = null;
  commands: DeskCommand[] = [];
  refusal: ErrorCode | null = null;
  level = 0.25;
  private state: DeskSnapshot = { status: "registered", attempt: 0, calls: [], audioBlocked: false, isMirror: false };
  private readonly watchers = new Set<() => void>();
  private readonly failed = new Set<(error: ZorioWebphoneError) => void>();

  snapshot = () => this.state;
  watch(watcher: () => void) {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
  on(_: "error", handler: (error: ZorioWebphoneError) => void) {
    this.failed.add(handler);
  }
  off(_: "error", handler: (error: ZorioWebphoneError) => void) {
    this.failed.delete(handler);
  }
  levels = () => ({ microphone: this.level, remote: 0.2 });
  async run(command: DeskCommand): Promise<unknown> {
    this.commands.push(command);
    if (this.refusal) throw new ZorioWebphoneError(this.refusal, "refused");
    return this.obey(command);
  }
  async unlockAudio() {
    this.set({ audioBlocked: false });
  }
  async devices() {
    return {
      inputs: [
        { id: "m1", label: "Headset microphone" },
        { id: "m2", label: "Built-in microphone" },
      ],
      outputs: [{ id: "s1", label: "Headset" }],
      canChooseOutput: true,
    };
  }
  async diagnose(): Promise<DiagnoseResult> {
    const check = (name: DiagnoseResult["checks"][number]["name"], status: "ok" | "warn" | "fail" | "skipped", message: string) => ({
      name,
      status,
      message,
      durationMs: 12,
    });
    return {
      ok: false,
      checks: [
        check("https", "ok", "The page is secure"),
        check("microphone", "warn", "Headset microphone is muted by the system"),
        check("wss", "fail", "The connection was closed (1006)"),
        check("turn", "skipped", "The server needs none"),
      ],
      userAgent: "test",
      sdkVersion: "0.1.0",
      at: "2026-01-01T00:00:00Z",
    };
  }

  notifications: NotificationState = "default";
  async enableNotifications() {
    this.notifications = "granted";
    return true;
  }
  speak() {}

  set(part: Partial<DeskSnapshot>) {
    this.state = { ...this.state, ...part };
    for (const watcher of this.watchers) watcher();
  }
  calls(...parts: Partial<CallSnapshot>[]) {
    this.set({ calls: parts.map((part, at) => makeCall({ id: `c${at + 1}`, uuid: `u${at + 1}`, ...part })) });
  }
  change(id: string, part: Partial<CallSnapshot>) {
    this.set({ calls: this.state.calls.map((call) => (call.id === id ? { ...call, ...part } : call)) });
  }
  fail(code: ErrorCode) {
    for (const handler of this.failed) handler(new ZorioWebphoneError(code, "failed"));
  }

  /** Does what a phone would do at once. */
  private obey(command: DeskCommand): unknown {
    const now = Date.now();
    switch (command.do) {
      case "call": {
        const id = `c${this.state.calls.length + 1}`;
        const held = this.state.calls.map((call) => (call.state === "answered" ? { ...call, state: "held" as const, held: true } : call));
        const fresh = makeCall({ id, uuid: id, number: command.number, direction: "outgoing", state: "ringing", answeredAt: null });
        this.set({ calls: [...held, fresh] });
        return id;
      }
      case "answer":
        return this.change(command.id, { state: "answered", answeredAt: now });
      case "hangup":
        return this.change(command.id, { state: "ended", endedAt: now, reason: "normal_clearing" });
      case "mute":
      case "unmute":
        return this.change(command.id, { muted: command.do === "mute" });
      case "hold":
      case "unhold":
        return this.change(command.id, {
          state: command.do === "hold" ? "held" : "answered",
          held: command.do === "hold",
        });
      default:
        return undefined;
    }
  }
}

function makeCall(part: Partial<CallSnapshot>): CallSnapshot {
  return {
    id: "c1",
    uuid: "u1",
    number: "0912345678",
    direction: "incoming",
    state: "ringing",
    muted: false,
    held: false,
    name: null,
    contact: null,
    via: null,
    startedAt: Date.now() - 20_000,
    answeredAt: null,
    endedAt: null,
    reason: null,
    billsec: 0,
    quality: null,
    ...part,
  };
}

declare global {
  interface Window {
    phone: FakePhone;
    unmount: () => void;
    show(options: Partial<FaceOptions>): void;
  }
}

window.show = (options) => {
  window.unmount?.();
  window.phone = new FakePhone();
  const into = document.querySelector<HTMLElement>("#phone");
  if (into) window.unmount = mountFace(into, window.phone, { scope: "test", ...options });
};
