use std::{path::PathBuf, time::Duration};

/// Where speech is kept and how it is rendered.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the rendered clips; made if it is not there, for its owner alone.
    pub folder: PathBuf,
    /// Folder of voice packs, one folder each; `None` if there are none.
    pub packs: Option<PathBuf>,
    /// The program, by name or path.
    pub espeak: PathBuf,
    /// Processes at once; each keeps a core busy for some milliseconds.
    pub workers: usize,
    /// For one process, from its start to its end.
    pub timeout: Duration,
    /// What the clips may take of the disk. Those that are pinned or in use stay, even beyond it.
    pub bytes: u64,
}

impl Config {
    /// Settings as they are good for most.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            packs: None,
            espeak: "espeak-ng".into(),
            workers: 2,
            timeout: Duration::from_secs(10),
            bytes: 2 << 30,
        }
    }
}
