import type { DeskCommand, DeskSnapshot } from "../desk/desk.js";
import type { ZorioWebphoneError } from "../errors.js";
import type { NotificationState } from "../notifier.js";
import type { AudioDevices, DiagnoseResult, Locale } from "../types.js";

/** The phone as its face sees it. */
export interface FaceModel {
  readonly extension: string;
  readonly displayName: string | null;
  snapshot(): DeskSnapshot;
  watch(watcher: () => void): () => void;
  on(event: "error", handler: (error: ZorioWebphoneError) => void): unknown;
  off(event: "error", handler: (error: ZorioWebphoneError) => void): unknown;
  levels(id: string): { microphone: number; remote: number } | null;
  run(command: DeskCommand): Promise<unknown>;
  unlockAudio(): Promise<void>;
  devices(): Promise<AudioDevices>;
  diagnose(): Promise<DiagnoseResult>;
  readonly notifications: NotificationState;
  enableNotifications(): Promise<boolean>;
  /** The face was told to speak another language. */
  speak(locale: Locale): void;
}
