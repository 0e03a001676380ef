//! What the room refuses, and how that reads on the wire.

use domain::principal::Denied;
use web::{Fields, Text};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation of this room was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Only who manages the account may switch the rules of the law off.
    #[error("the caller's role does not allow this")]
    RoleTooLow,
    #[error("no such {0}")]
    NotFound(&'static str),
    #[error("bad fields: {0}")]
    Invalid(Fields),
    /// The step does not lead from the state that it is in.
    #[error("the {what} is {from}: it cannot become {to}")]
    State { what: &'static str, from: &'static str, to: &'static str },
    /// Something else needs it as it is.
    #[error("the {what} is used by {by}")]
    InUse { what: &'static str, by: &'static str },
    #[error("the {0} is there already")]
    Taken(&'static str),
    #[error(transparent)]
    Exchange(#[from] pbx::Error),
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
            Error::Denied(_) | Error::RoleTooLow => Self::forbidden(),
            Error::NotFound(_) => Self::not_found(),
            Error::Invalid(fields) => fields.into(),
            Error::State { what, from, to } => Self::conflict(
                "autocall.state",
                Text::of(
                    format!("The {what} is {from}: it cannot become {to}."),
                    format!("Trạng thái hiện tại là {from}: không thể chuyển sang {to}."),
                ),
            ),
            Error::InUse { what, by } => Self::conflict(
                "autocall.in_use",
                Text::of(format!("The {what} is used by {by}."), format!("Mục này ({what}) đang được sử dụng.")),
            ),
            Error::Taken(_) => {
                Self::conflict("autocall.already_exists", Text::new("It already exists.", "Dữ liệu này đã tồn tại."))
            }
            Error::Exchange(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
