import type { ErrorCode } from "./errors.js";
import type { Locale } from "./types.js";

/** What people are told when something failed; codes that only programmers meet say that something went wrong. */
const ERRORS: Record<Locale, Partial<Record<ErrorCode, string>>> = {
  vi: {
    bootstrap_failed: "Không kết nối được với tổng đài.",
    audio_autoplay_blocked: "Trình duyệt đang chặn âm thanh. Hãy bấm vào trang.",
    reconnect_failed: "Chưa kết nối lại được.",
    token_invalid: "Phiên không hợp lệ. Hãy tải lại trang.",
    token_expired: "Phiên đã hết hạn. Hãy tải lại trang.",
    insecure_context: "Trang phải được mở bằng HTTPS.",
    unsupported_browser: "Trình duyệt này không gọi được. Hãy dùng bản mới hơn.",
    mic_denied: "Micrô bị chặn. Hãy cho phép micrô cho trang này.",
    mic_not_found: "Không tìm thấy micrô.",
    mic_in_use: "Micrô đang được chương trình khác dùng.",
    register_failed: "Máy chủ từ chối đăng ký.",
    transport_failed: "Chưa kết nối với máy chủ.",
    invalid_number: "Số không gọi được.",
    call_failed: "Không gọi được.",
    call_not_found: "Cuộc gọi không còn nữa.",
    invalid_state: "Lúc này không làm được việc đó.",
    media_failed: "Lỗi âm thanh.",
    device_unavailable: "Thiết bị âm thanh không dùng được.",
    transfer_failed: "Không chuyển được cuộc gọi.",
    rate_limited: "Quá nhiều yêu cầu. Hãy đợi một phút.",
    origin_not_allowed: "Trang này không được phép dùng điện thoại.",
  },
  en: {
    bootstrap_failed: "The server cannot be reached.",
    audio_autoplay_blocked: "The browser blocks sound. Click anywhere on the page.",
    reconnect_failed: "Still not reconnected.",
    token_invalid: "The session is not valid. Reload the page.",
    token_expired: "The session is over. Reload the page.",
    insecure_context: "The page must be opened over HTTPS.",
    unsupported_browser: "This browser cannot make calls. Use a newer one.",
    mic_denied: "The microphone is blocked. Allow it for this page.",
    mic_not_found: "There is no microphone.",
    mic_in_use: "Another program uses the microphone.",
    register_failed: "The server refused to register the phone.",
    transport_failed: "There is no connection to the server.",
    invalid_number: "This number cannot be dialled.",
    call_failed: "The call failed.",
    call_not_found: "The call is over.",
    invalid_state: "That cannot be done at the moment.",
    media_failed: "Sound failed.",
    device_unavailable: "The audio device cannot be used.",
    transfer_failed: "The call was not transferred.",
    rate_limited: "Too many requests. Wait a minute.",
    origin_not_allowed: "This page may not use the phone.",
  },
};

const OOPS: Record<Locale, string> = { vi: "Có lỗi. Hãy thử lại.", en: "Something went wrong. Try again." };

/** Returns one sentence for people: what failed, in their language. */
export function errorText(code: ErrorCode, locale: Locale): string {
  return ERRORS[locale][code] ?? OOPS[locale];
}

const vi = {
  secure: "Trang được bảo vệ bằng HTTPS",
  insecure: "Trang phải được mở bằng HTTPS, nếu không trình duyệt không cho dùng micrô",
  browser: "Trình duyệt có WebRTC",
  noBrowser: "Trình duyệt này không có WebRTC",
  microphone: "Có micrô",
  microphoneMuted: "Hệ thống đang tắt tiếng micrô",
  extension: "Máy nhánh",
  noAddress: "Máy chủ chưa cho địa chỉ",
  answeredIn: "Trả lời sau",
  closed: "Kết nối bị đóng",
  late: "Không có trả lời kịp lúc",
  notNeeded: "Máy chủ không cần",
  reachable: "Kết nối được",
  noCandidate: "Không nhận được địa chỉ: có phải UDP bị chặn không?",
  incoming: "Cuộc gọi đến",
};

const en: typeof vi = {
  secure: "The page is secure",
  insecure: "The page must be opened over HTTPS, or browsers give no microphone",
  browser: "The browser has WebRTC",
  noBrowser: "This browser has no WebRTC",
  microphone: "There is a microphone",
  microphoneMuted: "The system mutes the microphone",
  extension: "Extension",
  noAddress: "The server gave no address",
  answeredIn: "Answered in",
  closed: "The connection was closed",
  late: "No answer in time",
  notNeeded: "The server needs none",
  reachable: "Reachable",
  noCandidate: "No address was given: is UDP blocked?",
  incoming: "Incoming call",
};

export type Words = typeof vi;

/** What is said outside the face: checks and notifications. */
export function wordsOf(locale: Locale): Words {
  return locale === "en" ? en : vi;
}
