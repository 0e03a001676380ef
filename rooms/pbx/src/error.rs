//! What the room refuses, and how that reads on the wire.

use domain::principal::Denied;
use web::{Fields, Text};

pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation of this room was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Denied(#[from] Denied),
    /// An agent asked for what only those may who manage the exchange.
    #[error("the caller's role does not manage the exchange")]
    RoleTooLow,
    #[error("no such {0}")]
    NotFound(&'static str),
    #[error("bad fields: {0}")]
    Invalid(Fields),
    /// The number or name exists already.
    #[error("the {0} is taken")]
    Taken(&'static str),
    /// The extension serves the queue already.
    #[error("the extension is in the queue")]
    InQueue,
    #[error("extension {0} has a call up")]
    ExtensionBusy(String),
    #[error("the {what} is used by {count} others")]
    InUse { what: &'static str, count: i64 },
    #[error("extension {0} has no phone registered")]
    ExtensionOffline(String),
    #[error("extension {0} has all its calls up")]
    ExtensionFull(String),
    #[error("the call is not in a state for this")]
    CallState,
    #[error("the call has no such party, or no extension")]
    CallParty,
    #[error("the call is not recorded, or is in that state already")]
    RecordingState,
    #[error("the number cannot be reached")]
    Unreachable,
    #[error("no channel is free")]
    NoChannel,
    #[error("the node is going down")]
    Draining,
    #[error("the signature does not fit")]
    BadSignature,
    #[error("the link has expired")]
    LinkExpired,
    #[error("a recording cannot be read")]
    Recording(#[source] std::io::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Fields> for Error {
    fn from(fields: Fields) -> Self {
        Self::Invalid(fields)
    }
}

impl From<Error> for web::Error {
    fn from(error: Error) -> Self {
        use http::StatusCode;
        match error {
            Error::Denied(_) | Error::RoleTooLow => Self::forbidden(),
            Error::NotFound(_) => Self::not_found(),
            Error::Invalid(fields) => fields.into(),
            Error::Taken("extension_number") => Self::conflict(
                "pbx.extension_exists",
                Text::new("The extension number has already been taken.", "Số máy nhánh này đã được dùng."),
            ),
            Error::Taken("queue_name") => Self::conflict(
                "pbx.queue_exists",
                Text::new("The queue name has already been taken.", "Tên hàng đợi này đã được dùng."),
            ),
            Error::Taken("queue_number") => Self::conflict(
                "pbx.queue_number_exists",
                Text::new("The queue number has already been taken.", "Số hàng đợi này đã được dùng."),
            ),
            Error::InQueue => Self::conflict(
                "pbx.extension_in_queue",
                Text::new("Extension already exists in this queue.", "Máy nhánh đã có trong hàng đợi này."),
            ),
            Error::Taken(_) => {
                Self::conflict("pbx.already_exists", Text::new("It already exists.", "Dữ liệu này đã tồn tại."))
            }
            Error::ExtensionBusy(_) => Self::conflict(
                "pbx.extension_busy",
                Text::new(
                    "The extension has a call up. Use force=1 to delete it anyway.",
                    "Máy nhánh đang có cuộc gọi. Dùng force=1 để vẫn xóa.",
                ),
            ),
            Error::InUse { .. } => {
                Self::conflict("pbx.in_use", Text::new("It is in use.", "Mục này đang được sử dụng."))
            }
            Error::ExtensionOffline(_) => Self::conflict(
                "pbx.extension_offline",
                Text::new(
                    "The extension is not registered: no phone can be rung.",
                    "Máy nhánh chưa đăng ký: không có điện thoại nào để đổ chuông.",
                ),
            ),
            Error::ExtensionFull(_) => Self::conflict(
                "pbx.extension_full",
                Text::new(
                    "The extension has all the calls up that it may have.",
                    "Máy nhánh đã có đủ số cuộc gọi cho phép.",
                ),
            ),
            Error::CallState => Self::conflict(
                "pbx.call_state",
                Text::new("The call is not in a state for this.", "Cuộc gọi không ở trạng thái cho phép thao tác này."),
            ),
            Error::CallParty => Self::conflict(
                "pbx.call_party",
                Text::new("The call has no such party.", "Cuộc gọi không có bên tham gia này."),
            ),
            Error::RecordingState => Self::conflict(
                "pbx.recording_state",
                Text::new(
                    "The call is not recorded, or its recording is in that state already.",
                    "Cuộc gọi không được ghi âm, hoặc bản ghi âm đã ở trạng thái đó.",
                ),
            ),
            Error::Unreachable => Self::conflict(
                "pbx.unreachable",
                Text::new("The number cannot be reached.", "Không thể kết nối đến số này."),
            ),
            Error::NoChannel => Self::unavailable(
                "pbx.no_channel",
                Text::new("No channel is free. Try again later.", "Không còn kênh trống. Hãy thử lại sau."),
                5,
            ),
            Error::Draining => Self::unavailable(
                "pbx.draining",
                Text::new("The server is going down. Try again later.", "Máy chủ sắp dừng. Hãy thử lại sau."),
                30,
            ),
            Error::BadSignature => Self::new(
                StatusCode::FORBIDDEN,
                "pbx.bad_signature",
                Text::new("The signature of this link is not valid.", "Chữ ký của liên kết này không hợp lệ."),
            ),
            Error::LinkExpired => Self::new(
                StatusCode::GONE,
                "pbx.link_expired",
                Text::new("This link has expired.", "Liên kết này đã hết hạn."),
            ),
            Error::Recording(error) => Self::internal(&error),
            Error::Store(error) => error.into(),
        }
    }
}
