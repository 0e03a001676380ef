use std::{io, sync::Arc, time::Duration};

use thiserror::Error;

use crate::Fault;

/// Why nothing is said. Cheap to clone: everybody who waited for the same clip gets it.
#[derive(Clone, Debug, Error)]
pub enum Error {
    #[error("there is no voice {0}")]
    UnknownVoice(String),
    #[error("there is nothing to say")]
    NothingToSay,
    #[error("{characters} characters at once, {most} is the limit")]
    TooLong { characters: usize, most: usize },
    #[error("{program} is missing or does not run: install the package espeak-ng")]
    NoEngine {
        program: String,
        #[source]
        source: Arc<io::Error>,
    },
    #[error("{program} did not end within {timeout:?} and was stopped")]
    Timeout { program: String, timeout: Duration },
    #[error("{program} failed: {why}")]
    Engine { program: String, why: String },
    #[error("the sound is silent")]
    Silent,
    #[error("the clip was deleted while it was rendered")]
    Deleted,
    #[error("the sound cannot be read: {0}")]
    Unreadable(String),
    #[error("{vendor}: {fault}")]
    Vendor { vendor: &'static str, fault: Fault },
    #[error("{what}")]
    Io {
        /// What was tried, with the path.
        what: String,
        #[source]
        source: Arc<io::Error>,
    },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source: Arc::new(source) }
    }
}
