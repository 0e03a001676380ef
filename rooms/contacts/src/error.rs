//! What the room refuses.

use web::Fields;

/// Why an operation of this room was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A user who may only look wanted to write.
    #[error("this action is unauthorized")]
    Denied,
    #[error("there is no such contact")]
    NotFound,
    /// What should be CSV is something else.
    #[error("the file is no CSV text in UTF-8")]
    NotText,
    #[error("{0}")]
    Invalid(Fields),
    #[error(transparent)]
    Store(#[from] ::store::Error),
}

impl From<Error> for web::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied => Self::forbidden(),
            Error::NotFound => Self::not_found(),
            Error::NotText => Self::unsupported_media_type(),
            Error::Invalid(fields) => fields.into(),
            Error::Store(error) => error.into(),
        }
    }
}
