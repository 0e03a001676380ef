//! Why an operation on webhooks was refused.

use web::Text;

/// What an operator's request ends with when it does not succeed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is no such webhook or delivery in the account.
    #[error("not found")]
    NotFound,
    /// A field is wrong; the message is for the operator.
    #[error("{field}: {message}")]
    Invalid { field: &'static str, message: Text },
    /// Only an admin in the console or the host's own command line may do this.
    #[error("only an admin may do this")]
    Denied,
    /// The webhook is paused or suspended: resume it first.
    #[error("the webhook is not active")]
    Inactive,
    /// A setting of the room is wrong.
    #[error("webhooks: {0}")]
    Config(String),
}

impl From<Error> for web::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::NotFound => Self::not_found(),
            Error::Invalid { field, message } => Self::invalid([(field, message)]),
            Error::Denied => Self::forbidden(),
            Error::Inactive => Self::conflict(
                "webhooks.inactive",
                Text::new(
                    "The webhook is paused or suspended. Resume it first.",
                    "Webhook đang tạm dừng hoặc bị đình chỉ. Hãy tiếp tục webhook trước.",
                ),
            ),
            Error::Config(_) => Self::internal(&error),
        }
    }
}
