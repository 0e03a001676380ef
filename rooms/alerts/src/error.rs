//! What the room refuses.

use web::Fields;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Only admins set alerts.
    #[error("this action is unauthorized")]
    Denied,
    #[error("there is no such incident")]
    NotFound,
    #[error("{0}")]
    Invalid(Fields),
    #[error(transparent)]
    Store(#[from] ::store::Error),
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
            Error::NotFound => Self::not_found(),
            Error::Invalid(fields) => fields.into(),
            Error::Store(error) => error.into(),
        }
    }
}
