import type { ErrorCode } from "../errors.js";
import type { Locale, PhoneStatus, QualityWarning } from "../types.js";
import { errorText } from "../words.js";

const vi = {
  phone: "Điện thoại",
  registered: "Sẵn sàng",
  registering: "Đang đăng ký…",
  connecting: "Đang kết nối…",
  connected: "Chưa nhận cuộc gọi",
  reconnecting: "Đang kết nối lại…",
  disconnected: "Ngoại tuyến",
  reconnectBanner: "Mất kết nối. Đang kết nối lại…",
  unstableBanner: "Kết nối không ổn định. Hãy kiểm tra mạng của bạn.",
  mirrorBanner: "Âm thanh phát ở một tab khác.",
  blockedBanner: "Trình duyệt đang chặn âm thanh.",
  unblock: "Bật âm thanh",
  register: "Nhận cuộc gọi",
  keypad: "Bàn phím",
  recents: "Gần đây",
  number: "Số điện thoại",
  erase: "Xóa chữ số cuối",
  call: "Gọi",
  redial: "Gọi lại",
  noRecents: "Chưa có cuộc gọi nào",
  missed: "Cuộc gọi nhỡ",
  missedCount: "cuộc gọi nhỡ",
  incoming: "Cuộc gọi đến",
  outgoing: "Cuộc gọi đi",
  waiting: "Cuộc gọi chờ",
  via: "Qua",
  answer: "Trả lời",
  reject: "Từ chối",
  holdAnswer: "Giữ và trả lời",
  endAnswer: "Kết thúc và trả lời",
  initiating: "Đang gọi…",
  ringing: "Đang đổ chuông…",
  early_media: "Đang đổ chuông…",
  answered: "Đang nói chuyện",
  held: "Đang giữ máy",
  ended: "Cuộc gọi đã kết thúc",
  mute: "Tắt tiếng",
  muted: "Đã tắt tiếng",
  mutedTalking: "Bạn đang tắt tiếng nhưng vẫn nói",
  hold: "Giữ máy",
  keys: "Bàn phím",
  transfer: "Chuyển",
  audio: "Âm thanh",
  addCall: "Gọi thêm",
  hangup: "Kết thúc",
  swap: "Hoán đổi",
  transferTitle: "Chuyển cuộc gọi",
  transferNow: "Chuyển ngay",
  transferAsk: "Hỏi trước",
  transferDone: "Nối hai bên",
  transferHint: "Hai bên sẽ nói chuyện với nhau, bạn rời cuộc gọi.",
  transferred: "Đã chuyển cuộc gọi",
  addTitle: "Gọi thêm",
  settings: "Cài đặt",
  back: "Quay lại",
  close: "Đóng",
  minimise: "Thu nhỏ",
  restore: "Mở rộng",
  microphone: "Micrô",
  speaker: "Loa",
  ringer: "Chuông",
  likeSpeaker: "Như loa",
  systemDefault: "Mặc định của hệ thống",
  outputByBrowser: "Trình duyệt này tự chọn loa.",
  level: "Mức micrô",
  theme: "Giao diện",
  light: "Sáng",
  dark: "Tối",
  auto: "Tự động",
  language: "Ngôn ngữ",
  check: "Kiểm tra",
  runCheck: "Kiểm tra kết nối",
  checking: "Đang kiểm tra…",
  copy: "Sao chép kết quả",
  copied: "Đã sao chép",
  shortcuts: "Phím tắt",
  quality: "Chất lượng",
  notifications: "Thông báo",
  notify: "Báo cuộc gọi đến",
  notifyOn: "Báo cuộc gọi đến khi bạn ở cửa sổ khác.",
  notifyDenied: "Trình duyệt chặn thông báo của trang này.",
};

const en: typeof vi = {
  phone: "Phone",
  registered: "Ready",
  registering: "Registering…",
  connecting: "Connecting…",
  connected: "Not taking calls",
  reconnecting: "Reconnecting…",
  disconnected: "Offline",
  reconnectBanner: "Connection lost. Reconnecting…",
  unstableBanner: "The connection is unstable. Check your network.",
  mirrorBanner: "Sound plays in another tab.",
  blockedBanner: "The browser blocks sound.",
  unblock: "Turn sound on",
  register: "Take calls",
  keypad: "Keypad",
  recents: "Recents",
  number: "Phone number",
  erase: "Delete last digit",
  call: "Call",
  redial: "Call again",
  noRecents: "No calls yet",
  missed: "Missed call",
  missedCount: "missed calls",
  incoming: "Incoming call",
  outgoing: "Outgoing call",
  waiting: "Call waiting",
  via: "Via",
  answer: "Answer",
  reject: "Decline",
  holdAnswer: "Hold and answer",
  endAnswer: "End and answer",
  initiating: "Calling…",
  ringing: "Ringing…",
  early_media: "Ringing…",
  answered: "In a call",
  held: "On hold",
  ended: "Call ended",
  mute: "Mute",
  muted: "Muted",
  mutedTalking: "You are muted, but you are speaking",
  hold: "Hold",
  keys: "Keypad",
  transfer: "Transfer",
  audio: "Audio",
  addCall: "Add call",
  hangup: "Hang up",
  swap: "Swap",
  transferTitle: "Transfer call",
  transferNow: "Transfer now",
  transferAsk: "Talk first",
  transferDone: "Connect both",
  transferHint: "They go on talking to each other, and you leave the call.",
  transferred: "Call transferred",
  addTitle: "Add a call",
  settings: "Settings",
  back: "Back",
  close: "Close",
  minimise: "Minimise",
  restore: "Restore",
  microphone: "Microphone",
  speaker: "Speaker",
  ringer: "Ringer",
  likeSpeaker: "Same as speaker",
  systemDefault: "System default",
  outputByBrowser: "This browser chooses the speaker itself.",
  level: "Microphone level",
  theme: "Theme",
  light: "Light",
  dark: "Dark",
  auto: "Auto",
  language: "Language",
  check: "Check",
  runCheck: "Check connection",
  checking: "Checking…",
  copy: "Copy results",
  copied: "Copied",
  shortcuts: "Shortcuts",
  quality: "Quality",
  notifications: "Notifications",
  notify: "Notify me of calls",
  notifyOn: "Incoming calls are announced while you are in another window.",
  notifyDenied: "The browser blocks notifications of this page.",
};

/** By the phone's locale: why a call is over. What is not here is an ordinary end. */
const reasons: Record<Locale, Record<string, string>> = {
  vi: {
    no_answer: "Không trả lời",
    busy: "Máy bận",
    unallocated_number: "Số không tồn tại",
    invalid_number_format: "Số không hợp lệ",
    originator_cancel: "Đã hủy",
    call_rejected: "Bị từ chối",
    answered_elsewhere: "Đã trả lời ở máy khác",
    network_out_of_order: "Mất kết nối",
    media_failed: "Lỗi âm thanh",
    call_failed: "Không gọi được",
  },
  en: {
    no_answer: "No answer",
    busy: "Busy",
    unallocated_number: "The number does not exist",
    invalid_number_format: "The number is not valid",
    originator_cancel: "Cancelled",
    call_rejected: "Declined",
    answered_elsewhere: "Answered elsewhere",
    network_out_of_order: "Connection lost",
    media_failed: "Sound failed",
    call_failed: "The call failed",
  },
};

const warnings: Record<Locale, Record<QualityWarning, string>> = {
  vi: {
    high_rtt: "Độ trễ cao",
    high_jitter: "Mạng chập chờn",
    high_loss: "Mất gói tin",
    low_mos: "Chất lượng kém",
    no_audio: "Không có âm thanh đến",
    silent_microphone: "Micrô không có tín hiệu",
  },
  en: {
    high_rtt: "High delay",
    high_jitter: "Unsteady network",
    high_loss: "Packets are lost",
    low_mos: "Poor quality",
    no_audio: "No sound arrives",
    silent_microphone: "The microphone sends nothing",
  },
};

export type TextKey = keyof typeof vi;

/** What the face says, in one language. */
export class Texts {
  constructor(readonly locale: Locale) {}

  get(key: TextKey): string {
    return (this.locale === "en" ? en : vi)[key];
  }
  status(status: PhoneStatus): string {
    return this.get(status);
  }
  reason(reason: string | null): string {
    return reasons[this.locale][reason ?? ""] ?? this.get("ended");
  }
  error(code: ErrorCode): string {
    return errorText(code, this.locale);
  }
  warning(warning: QualityWarning): string {
    return warnings[this.locale][warning];
  }
  time(at: number, now: number): string {
    const date = new Date(at);
    const isToday = date.toDateString() === new Date(now).toDateString();
    const style: Intl.DateTimeFormatOptions = isToday
      ? { hour: "2-digit", minute: "2-digit" }
      : { day: "2-digit", month: "2-digit", hour: "2-digit", minute: "2-digit" };
    return new Intl.DateTimeFormat(this.locale === "en" ? "en-GB" : "vi-VN", style).format(date);
  }
}
