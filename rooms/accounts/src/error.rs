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
            Error::Busy => Self::too_many(1),
            Error::Store(error) => error.into(),
            Error::Hash(_) => Self::internal(&error),
        }
    }
}
