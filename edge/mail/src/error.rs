//! Why a letter did not go.

use std::error::Error as _;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No relay is set.
    #[error("no mail relay is configured")]
    NotConfigured,
    /// A setting is wrong.
    #[error("mail.{0}")]
    Config(String),
    /// The letter cannot be sent as it is.
    #[error("{0}")]
    Letter(&'static str),
    /// The account has too many letters waiting.
    #[error("too many letters are waiting")]
    Full,
    /// The relay will not take it, now or later.
    #[error("the relay refused it with {code}: {text}")]
    Refused { code: u16, text: String },
    /// It may go another time: the relay cannot be reached, is busy, or its certificate does not fit.
    #[error("{0}")]
    Later(String),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Characters that are kept of what a relay said.
const SAID: usize = 300;

impl From<lettre::transport::smtp::Error> for Error {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            cause = error.source();
        }
        let text: String = text.chars().filter(|c| !c.is_control()).take(SAID).collect();
        match error.status() {
            Some(code) if error.is_permanent() => Self::Refused { code: code.into(), text },
            _ => Self::Later(text),
        }
    }
}
