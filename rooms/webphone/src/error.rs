//! What the room refuses.

use http::StatusCode;
use web::{Fields, Text};

const NO_PHONE: Text =
    Text::new("This extension may not be used as a phone now.", "Hiện không thể dùng máy nhánh này làm điện thoại.");
const ORIGIN: Text =
    Text::new("Pages from there may not use this token.", "Trang từ nguồn này không được dùng token này.");

/// Why an operation of this room was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller may not have a phone, or not that one.
    #[error("this action is unauthorized")]
    Denied,
    /// The extension of a valid embed token was disabled or removed.
    #[error("the extension may not register")]
    NoPhone,
    /// A page of another origin than the token names sent it.
    #[error("the token is for pages of another origin")]
    Origin,
    #[error("{0}")]
    Invalid(Fields),
    #[error(transparent)]
    Accounts(#[from] accounts::Error),
    #[error(transparent)]
    Store(#[from] ::store::Error),
}

impl From<Error> for web::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied => Self::forbidden(),
            Error::NoPhone => Self::new(StatusCode::FORBIDDEN, "webphone.no_phone", NO_PHONE),
            Error::Origin => Self::new(StatusCode::FORBIDDEN, "webphone.origin_not_allowed", ORIGIN),
            Error::Invalid(fields) => fields.into(),
            Error::Accounts(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
