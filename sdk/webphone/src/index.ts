export { ZorioCall } from "./call.js";
export type { DiagnoseOptions } from "./diagnose.js";
export { type ErrorCode, type PlainError, ZorioWebphoneError } from "./errors.js";
export type { NotificationState } from "./notifier.js";
export { ZorioWebphone } from "./phone.js";
export type {
  AudioDevice,
  AudioDevices,
  CallOptions,
  CallQuality,
  CallSnapshot,
  CallState,
  CallStats,
  CheckStatus,
  ConnectOptions,
  Contact,
  DiagnoseCheck,
  DiagnoseResult,
  Direction,
  Layout,
  Locale,
  PhoneEvent,
  PhoneEvents,
  PhoneStatus,
  QualityWarning,
  Theme,
  TransferOptions,
  UnregisteredReason,
} from "./types.js";
