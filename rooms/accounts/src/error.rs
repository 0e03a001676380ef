//! What the room refuses.

use domain::principal::Denied;
use http::StatusCode;
use web::{Fields, Text};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not allowed to this caller.
    #[error("this action is unauthorized")]
    Denied,
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("{0}")]
    Invalid(Fields),
    /// Wrong username or password, or a disabled user: the caller is not told which.
    #[error("invalid username or password")]
    SignIn,
    /// The user has a second factor, and the login carries no code of it.
    #[error("a code is needed")]
    CodeNeeded,
    /// Wrong code, or one that was used before.
    #[error("invalid code")]
    Code,
    /// The password has to be confirmed once more.
    #[error("the password has to be confirmed")]
    Stale,
    /// Nobody would be admin of the account any more.
    #[error("the last admin")]
    LastAdmin,
    /// The user has a password already.
    #[error("the user has accepted the invitation")]
    NotInvited,
    #[error("the user is disabled")]
    Disabled,
    /// The link is unknown, used or too old.
    #[error("the link is not good any more")]
    Link,
    /// Too many tries; seconds to wait.
    #[error("too many tries, wait {0} s")]
    TooMany(u64),
    /// Too many passwords wait to be checked.
    #[error("too many sign-ins at once")]
    Busy,
    #[error(transparent)]
    Store(#[from] ::store::Error),
    #[error("a password could not be hashed: {0}")]
    Hash(String),
}

impl From<Denied> for Error {
    fn from(_: Denied) -> Self {
        Self::Denied
    }
}

impl From<Fields> for Error {
    fn from(fields: Fields) -> Self {
        Self::Invalid(fields)
    }
}

impl From<Error> for web::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied => Self::forbidden(),
            Error::NotFound(_) => Self::not_found(),
            Error::Invalid(fields) => fields.into(),
            Error::SignIn => Self::new(StatusCode::UNAUTHORIZED, "auth.invalid_credentials", text::SIGN_IN),
            Error::CodeNeeded => Self::new(StatusCode::UNAUTHORIZED, "auth.code_needed", text::CODE_NEEDED),
            Error::Code => Self::new(StatusCode::UNAUTHORIZED, "auth.invalid_code", text::CODE),
            Error::Stale => Self::new(StatusCode::FORBIDDEN, "auth.confirm_password", text::STALE),
            Error::LastAdmin => Self::conflict("auth.last_admin", text::LAST_ADMIN),
            Error::NotInvited => Self::conflict("auth.not_invited", text::NOT_INVITED),
            Error::Disabled => Self::conflict("auth.user_disabled", text::DISABLED),
            Error::Link => Self::new(StatusCode::GONE, "auth.link_used", text::LINK),
            Error::TooMany(seconds) => Self::too_many(seconds),
            Error::Busy => Self::too_many(1),
            Error::Store(error) => error.into(),
            Error::Hash(_) => Self::internal(&error),
        }
    }
}

mod text {
    use super::Text;

    pub(super) const SIGN_IN: Text = Text::new("Invalid username or password.", "Sai tài khoản hoặc mật khẩu.");
    pub(super) const CODE_NEEDED: Text = Text::new(
        "This user has a second factor: send its code as code, or use a token made in the console.",
        "Người dùng này bật xác thực hai lớp: hãy gửi mã trong trường code, hoặc dùng token tạo trong trang quản trị.",
    );
    pub(super) const CODE: Text = Text::new("The code is invalid.", "Mã không hợp lệ.");
    pub(super) const STALE: Text = Text::new("Confirm your password to go on.", "Hãy xác nhận mật khẩu để tiếp tục.");
    pub(super) const LAST_ADMIN: Text =
        Text::new("The account needs at least one admin.", "Tài khoản cần ít nhất một quản trị viên.");
    pub(super) const NOT_INVITED: Text =
        Text::new("The user has accepted the invitation already.", "Người dùng đã chấp nhận lời mời.");
    pub(super) const DISABLED: Text = Text::new("The user is disabled.", "Người dùng đã bị vô hiệu hóa.");
    pub(super) const LINK: Text =
        Text::new("The link was used or is too old.", "Liên kết đã được sử dụng hoặc đã quá hạn.");
}
