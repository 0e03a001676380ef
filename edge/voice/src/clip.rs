use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use audio::{SAMPLE_RATE, wav::Wav};
use speech::Key;

use crate::Error;

/// A rendered piece of speech: a file of 8 kHz, 16 bits, one channel. It stays on disk as long as somebody holds it,
/// unless it is deleted.
#[derive(Debug)]
pub struct Clip {
    key: Key,
    path: PathBuf,
    samples: u64,
}

impl Clip {
    pub(crate) fn new(key: Key, path: PathBuf, bytes: u64) -> Self {
        Self { key, path, samples: bytes.saturating_sub(audio::wav::HEADER as u64) / 2 }
    }

    pub const fn key(&self) -> Key {
        self.key
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.samples * 1_000 / u64::from(SAMPLE_RATE))
    }

    /// Reads the samples.
    ///
    /// # Errors
    /// If the file cannot be read, above all because it was deleted.
    pub async fn samples(&self) -> Result<Vec<i16>, Error> {
        read(self.path.clone()).await
    }
}

async fn read(path: PathBuf) -> Result<Vec<i16>, Error> {
    let file = tokio::fs::read(&path).await.map_err(Error::io(format!("reading {}", path.display())))?;
    let wav = Wav::parse(&file).map_err(|error| Error::Unreadable(format!("{}: {error}", path.display())))?;
    Ok(wav.channel(0))
}

/// What one callee hears, in one file, which goes when this is dropped.
pub struct Message {
    pub(crate) path: PathBuf,
    pub(crate) samples: Arc<[i16]>,
    pub(crate) keys: Vec<Key>,
}

impl Message {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the samples, to be played without the file or compared with what was heard.
    pub fn samples(&self) -> Arc<[i16]> {
        Arc::clone(&self.samples)
    }

    /// Returns the clips that are in it.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.samples.len() as u64 * 1_000 / u64::from(SAMPLE_RATE))
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // What could not be removed goes at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("path", &self.path).field("duration", &self.duration()).finish_non_exhaustive()
    }
}
