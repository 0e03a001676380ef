//! What the room refuses.

use domain::principal::Denied;
use http::StatusCode;
use web::Fields;

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
    /// Wrong code, or one that was used before.
    #[error("invalid code")]
    Code,
    /// The password has to be confirmed once more.
    #[error("the password has to be confirmed")]
    Stale,
    /// Nobody would be admin of the account any more.
    #[error("the last admin")]
    LastAdmin,
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
            Error::SignIn => {
                Self::new(StatusCode::UNAUTHORIZED, "auth.invalid_credentials", "Invalid username or password.")
            }
            Error::Code => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "auth.invalid_code", "The code is invalid."),
            Error::Stale => {
                Self::new(StatusCode::FORBIDDEN, "auth.confirm_password", "Confirm your password to go on.")
            }
            Error::LastAdmin => Self::conflict("auth.last_admin", "The account needs at least one admin."),
            Error::Link => Self::new(StatusCode::GONE, "auth.link_used", "The link was used or is too old."),
            Error::TooMany(seconds) => Self::too_many(seconds),
            Error::Busy => Self::too_many(1),
            Error::Store(error) => error.into(),
            Error::Hash(_) => Self::internal(&error),
        }
    }
}
