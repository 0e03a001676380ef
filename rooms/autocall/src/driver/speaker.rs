//! Whoever turns words into sound. Behind a trait, because providers are faked in tests.

use std::{any::Any, path::PathBuf};

use futures_util::{FutureExt as _, future::BoxFuture};
use speech::{Reading, Segment};
use voice::Voices;

/// Files to be played one after the other: WAV of 16 bits at 8 kHz.
pub struct Said {
    pub files: Vec<PathBuf>,
    /// Keeps the files where they are for as long as it is held.
    pub held: Box<dyn Any + Send + Sync>,
}

/// Turns words into sound.
pub trait Speaker: Send + Sync {
    /// Returns how a voice reads numbers and signs; `None` if there is no such voice.
    fn reading(&self, voice: &str) -> Option<Reading>;

    /// Makes the segments heard.
    ///
    /// # Errors
    /// What went wrong, for whoever looks after the campaign.
    fn say<'a>(&'a self, voice: &'a str, segments: &'a [Segment]) -> BoxFuture<'a, Result<Said, String>>;
}

impl Speaker for Voices {
    fn reading(&self, voice: &str) -> Option<Reading> {
        Self::reading(self, voice)
    }

    fn say<'a>(&'a self, voice: &'a str, segments: &'a [Segment]) -> BoxFuture<'a, Result<Said, String>> {
        async move {
            let message = self.message(voice, segments).await.map_err(|error| error.to_string())?;
            Ok(Said { files: vec![message.path().to_owned()], held: Box::new(message) })
        }
        .boxed()
    }
}
