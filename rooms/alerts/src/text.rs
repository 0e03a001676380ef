//! What people and programs are told.

use domain::Timestamp;
use jiff::tz::TimeZone;
use mail::Letter;
use serde_json::{Value, json};
use web::Language;

use crate::model::{Incident, Kind, Phase};

/// Characters of a subject's name in a letter's own subject.
const NAME: usize = 80;

/// Where an incident belongs.
pub(crate) struct Place<'a> {
    pub(crate) account: &'a str,
    /// IANA name.
    pub(crate) timezone: &'a str,
    pub(crate) url: &'a str,
}

/// Returns the `data` of the events.
pub(crate) fn data(incident: &Incident, phase: Phase) -> Value {
    json!({
        "incident_id": incident.id,
        "kind": incident.kind.as_str(),
        "subject": incident.subject,
        "name": incident.name,
        "value": incident.kind.threshold().map(|_| incident.value),
        "threshold": incident.threshold,
        "reminder": phase == Phase::Reminder,
        "opened_at": incident.opened_at.rfc3339(),
        "resolved_at": incident.resolved_at.map(Timestamp::rfc3339),
    })
}

pub(crate) fn letter(language: Language, incident: &Incident, phase: Phase, to: &str, place: &Place<'_>) -> Letter {
    let (headline, advice) = sentences(language, incident);
    let (mark, state) = match (language, phase) {
        (Language::En, Phase::Raised) => ("Alert", "It began at"),
        (Language::En, Phase::Reminder) => ("Still", "It began at"),
        (Language::En, Phase::Resolved) => ("Resolved", "It is over since"),
        (Language::Vi, Phase::Raised) => ("Cảnh báo", "Bắt đầu lúc"),
        (Language::Vi, Phase::Reminder) => ("Vẫn còn", "Bắt đầu lúc"),
        (Language::Vi, Phase::Resolved) => ("Đã ổn", "Kết thúc lúc"),
    };
    let at = match phase {
        Phase::Resolved => incident.resolved_at.unwrap_or(incident.opened_at),
        Phase::Raised | Phase::Reminder => incident.opened_at,
    };
    let at = local(at, place.timezone);
    let advice = if phase == Phase::Resolved { String::new() } else { format!("\n{advice}\n") };
    let account = match language {
        Language::En => "Account",
        Language::Vi => "Tài khoản",
    };
    Letter {
        to: vec![to.to_owned()],
        subject: format!("[{mark}] {headline}"),
        text: format!("{headline}.\n{state} {at}.\n{advice}\n{account}: {}\n{}\n", place.account, place.url),
        html: None,
        attachments: Vec::new(),
    }
}

/// Returns a letter that says it is a test.
pub(crate) fn test_letter(language: Language, incident: &Incident, to: &str, place: &Place<'_>) -> Letter {
    let letter = letter(language, incident, Phase::Raised, to, place);
    let (mark, note) = match language {
        Language::En => ("[Test]", "This is a test. Nothing is wrong; a real alert looks like this:"),
        Language::Vi => ("[Thử]", "Đây là thư thử, không có sự cố nào. Cảnh báo thật trông như sau:"),
    };
    Letter { subject: format!("{mark} {}", letter.subject), text: format!("{note}\n\n{}", letter.text), ..letter }
}

/// Returns an incident that never was.
pub(crate) fn sample(kind: Kind, now: Timestamp) -> Incident {
    let value = kind.threshold().map_or(0, |threshold| threshold.default);
    let threshold = kind.threshold().map(|threshold| threshold.default);
    let (subject, name) = ("test".to_owned(), "test".to_owned());
    Incident { id: 0, kind, subject, name, value, threshold, opened_at: now, resolved_at: None }
}

/// Returns what is wrong, without a full stop, and what to do.
fn sentences(language: Language, incident: &Incident) -> (String, &'static str) {
    let name: String = incident.name.chars().take(NAME).collect();
    let value = incident.value;
    match (language, incident.kind) {
        (Language::En, Kind::WebhookSuspended) => (
            format!("Webhook \"{name}\" is suspended"),
            "Too many events in a row could not be delivered to it.\n\
             Mend the receiver, then resume the webhook in the console; what was skipped meanwhile can be replayed there.",
        ),
        (Language::Vi, Kind::WebhookSuspended) => (
            format!("Webhook \"{name}\" đã bị tạm ngưng"),
            "Quá nhiều sự kiện liên tiếp không gửi được.\n\
             Hãy sửa máy nhận, rồi kích hoạt lại webhook trong trang quản trị; các sự kiện bị bỏ qua có thể gửi lại tại đó.",
        ),
        (Language::En, Kind::TrunkDown) => (
            format!("Trunk \"{name}\" does not answer"),
            "Calls over it fail. Ask the carrier, and see whether address, port and firewall are still right.",
        ),
        (Language::Vi, Kind::TrunkDown) => (
            format!("Trung kế \"{name}\" không phản hồi"),
            "Cuộc gọi qua trung kế này sẽ lỗi. Hãy liên hệ nhà mạng và kiểm tra địa chỉ, cổng, tường lửa.",
        ),
        (Language::En, Kind::TollFraud) => (
            format!("Calls out were refused by the rules against toll fraud: {name}"),
            "Somebody dials what the account does not allow, or more of it. If nobody of yours did, the password of that\n\
             extension is known to others: draw a new one, and stop all calls out in the console if they go on.",
        ),
        (Language::Vi, Kind::TollFraud) => (
            format!("Cuộc gọi ra bị quy tắc chống gian lận cước từ chối: {name}"),
            "Có người gọi số mà tài khoản không cho phép, hoặc gọi quá mức. Nếu không phải người của bạn, mật khẩu của\n\
             máy nhánh đó đã bị lộ: hãy đổi mật khẩu, và dừng mọi cuộc gọi ra trong trang quản trị nếu còn tiếp diễn.",
        ),
        (Language::En, Kind::DeliveriesLate) => (
            format!("Webhook deliveries are late: the oldest has waited for {value} seconds"),
            "A receiver is slow or does not answer. The deliveries page of the console shows which.",
        ),
        (Language::Vi, Kind::DeliveriesLate) => (
            format!("Webhook gửi chậm: sự kiện cũ nhất đã chờ {value} giây"),
            "Có máy nhận chậm hoặc không phản hồi. Xem trang lịch sử gửi trong trang quản trị.",
        ),
        (Language::En, Kind::CertificateExpiring) if value < 0 => {
            (format!("The TLS certificate of {name} has expired"), CERTIFICATE_EN)
        }
        (Language::En, Kind::CertificateExpiring) => {
            (format!("The TLS certificate of {name} ends in {value} days"), CERTIFICATE_EN)
        }
        (Language::Vi, Kind::CertificateExpiring) if value < 0 => {
            (format!("Chứng chỉ TLS của {name} đã hết hạn"), CERTIFICATE_VI)
        }
        (Language::Vi, Kind::CertificateExpiring) => {
            (format!("Chứng chỉ TLS của {name} hết hạn sau {value} ngày"), CERTIFICATE_VI)
        }
        (Language::En, Kind::DiskLow) => (
            format!("The disk of {name} is almost full: {value} % free"),
            "When it is full, no call is recorded and nothing can be changed. Make room or enlarge it.",
        ),
        (Language::Vi, Kind::DiskLow) => (
            format!("Ổ đĩa của {name} sắp đầy: còn trống {value} %"),
            "Khi đầy, cuộc gọi không được ghi âm và không thể thay đổi gì. Hãy dọn dẹp hoặc mở rộng ổ đĩa.",
        ),
    }
}

const CERTIFICATE_EN: &str = "Put a new one in place of its file; the server reads it by itself.";
const CERTIFICATE_VI: &str = "Hãy thay tệp chứng chỉ; máy chủ sẽ tự đọc lại.";

/// Returns the time as the account's clocks show it.
fn local(at: Timestamp, timezone: &str) -> String {
    let zone = TimeZone::get(timezone).unwrap_or(TimeZone::UTC);
    match jiff::Timestamp::from_millisecond(at.millis()) {
        Ok(at) => at.to_zoned(zone).strftime("%Y-%m-%d %H:%M (%:z)").to_string(),
        Err(_) => at.rfc3339(),
    }
}
