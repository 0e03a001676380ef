import type { AudioDevices, CallSnapshot, DiagnoseResult, Theme } from "../types.js";
import type { NotificationState } from "../notifier.js";
import type { DeskCommand, DeskSnapshot } from "../desk/desk.js";
import type { Panel, Recent, Scene } from "./scene.js";
import type { Texts } from "./text.js";

/** What the face remembers beside what the phone is. */
export interface ViewState {
  tab: "keypad" | "recents";
  panel: Panel | null;
  number: string;
  /** The number that another call or a transfer goes to. */
  target: string;
  /** Keys pressed during this call. */
  sent: string;
  isMinimised: boolean;
  toast: { text: string; isBad: boolean } | null;
  /** The call that was asked about before a transfer, and the one that asks. */
  consult: { from: string; to: string } | null;
  theme: Theme;
  recents: Recent[];
  unseen: number;
  devices: AudioDevices | null;
  chosen: { input: string; output: string; ringer: string };
  check: DiagnoseResult | "running" | null;
  /** Speaking although muted. */
  isTalkingMuted: boolean;
}

/** What the screens are drawn from, and how they speak to the face. */
export interface Stage {
  readonly state: ViewState;
  readonly phone: DeskSnapshot;
  readonly scene: Scene;
  readonly texts: Texts;
  readonly extension: string;
  readonly canMinimise: boolean;
  now(): number;
  set(part: Partial<ViewState>): void;
  /** Tells the phone; what goes wrong is shown, and the answer is `false`. */
  run(command: DeskCommand): Promise<boolean>;
  dial(number: string): void;
  press(digit: string): void;
  openPanel(panel: Panel | null): void;
  dismiss(call: CallSnapshot): void;
  consult(call: CallSnapshot, number: string): void;
  unlock(): void;
  choose(kind: "input" | "output" | "ringer", deviceId: string): void;
  minimise(isMinimised: boolean): void;
  setTheme(theme: Theme): void;
  setLocale(locale: "vi" | "en"): void;
  runCheck(): void;
  copyCheck(): void;
  readonly notifications: NotificationState;
  askNotifications(): void;
}
