//! What the room refuses, and how that reads on the wire.

use domain::principal::Denied;
use web::Fields;

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
    #[error("extension {0} has a call up")]
    ExtensionBusy(String),
    #[error("the {what} is used by {count} others")]
    InUse { what: &'static str, count: i64 },
    #[error("extension {0} has no phone registered")]
    ExtensionOffline(String),
    #[error("extension {0} has all its calls up")]
    ExtensionFull(String),
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
            Error::Taken("extension_number") => {
                Self::conflict("pbx.extension_exists", "The extension number has already been taken.")
            }
            Error::Taken(_) => Self::conflict("pbx.already_exists", "It already exists."),
            Error::ExtensionBusy(_) => {
                Self::conflict("pbx.extension_busy", "The extension has a call up. Use force=1 to delete it anyway.")
            }
            Error::InUse { .. } => Self::conflict("pbx.in_use", "It is in use."),
            Error::ExtensionOffline(_) => {
                Self::conflict("pbx.extension_offline", "The extension is not registered: no phone can be rung.")
            }
            Error::ExtensionFull(_) => {
                Self::conflict("pbx.extension_full", "The extension has all the calls up that it may have.")
            }
            Error::NoChannel => Self::unavailable("pbx.no_channel", "No channel is free. Try again later.", 5),
            Error::Draining => Self::unavailable("pbx.draining", "The server is going down. Try again later.", 30),
            Error::BadSignature => {
                Self::new(StatusCode::FORBIDDEN, "pbx.bad_signature", "The signature of this link is not valid.")
            }
            Error::LinkExpired => Self::new(StatusCode::GONE, "pbx.link_expired", "This link has expired."),
            Error::Recording(error) => Self::internal(&error),
            Error::Store(error) => error.into(),
        }
    }
}
