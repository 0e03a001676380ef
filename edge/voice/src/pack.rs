//! Voice packs: folders of recordings that are heard in place of a synthetic voice, word for word.

use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{Error, Sound, finish, text};

/// The manifest of a pack, beside its files.
const MANIFEST: &str = "pack.toml";
/// Recordings of one pack.
const MOST_CLIPS: usize = 20_000;
/// Bytes of a manifest.
const MOST_MANIFEST: u64 = 4 << 20;
/// Bytes of a recording: a minute of the best sound that there is.
const MOST_BYTES: u64 = 12 << 20;

/// What is wrong with a pack, for the log and for whoever made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackProblem {
    /// The pack's folder.
    pub pack: String,
    pub what: String,
}

impl fmt::Display for PackProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "voice pack {}: {}", self.pack, self.what)
    }
}

/// How many recordings stand for a voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clips {
    pub voice: String,
    pub count: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// The voice that is overridden.
    voice: String,
    #[serde(default)]
    clips: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    text: String,
    file: PathBuf,
}

/// A recording that was found good.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    path: PathBuf,
    hash: [u8; 32],
}

#[derive(Default)]
pub(crate) struct Packs {
    /// By voice and by words without the mark behind them.
    recordings: HashMap<String, HashMap<String, Recording>>,
    pub(crate) problems: Vec<PackProblem>,
}

impl Packs {
    /// Reads all packs of a folder, in the order of their names. What is wrong with one is told and stops no other.
    /// Blocks.
    pub(crate) fn load(folder: &Path, voices: &[&str]) -> Self {
        let mut packs = Self::default();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                packs.complain("", format!("{}: {error}", folder.display()));
                return packs;
            }
        };
        let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        folders.retain(|path| path.is_dir());
        folders.sort();
        for folder in folders {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match read(&folder, voices) {
                Ok(manifest) => packs.add(&name, &folder, manifest),
                Err(what) => packs.complain(&name, what),
            }
        }
        packs
    }

    /// Returns the recording of some words in a voice.
    pub(crate) fn find(&self, voice: &str, words: &str) -> Option<&Recording> {
        self.recordings.get(voice)?.get(text::bare(words))
    }

    pub(crate) fn counts(&self) -> Vec<Clips> {
        let counts: BTreeMap<_, _> = self.recordings.iter().map(|(voice, clips)| (voice, clips.len())).collect();
        counts.into_iter().map(|(voice, count)| Clips { voice: voice.clone(), count }).collect()
    }

    fn add(&mut self, name: &str, folder: &Path, manifest: Manifest) {
        for listed in manifest.clips {
            let words = match text::speakable(&listed.text) {
                Ok(words) => text::bare(&words).to_owned(),
                Err(error) => {
                    self.complain(name, format!("{:?}: {error}", listed.text));
                    continue;
                }
            };
            let recordings = self.recordings.entry(manifest.voice.clone()).or_default();
            if recordings.contains_key(&words) {
                self.complain(name, format!("{words:?} is there already, {} is not used", listed.file.display()));
                continue;
            }
            match Recording::check(folder, &listed.file) {
                Ok(recording) => {
                    recordings.insert(words, recording);
                }
                Err(what) => self.complain(name, format!("{}: {what}", listed.file.display())),
            }
        }
    }

    fn complain(&mut self, pack: &str, what: String) {
        let problem = PackProblem { pack: pack.to_owned(), what };
        tracing::warn!("{problem}");
        self.problems.push(problem);
    }
}

impl Recording {
    fn check(folder: &Path, file: &Path) -> Result<Self, String> {
        if file.as_os_str().is_empty() || !file.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err("not a file within the pack".to_owned());
        }
        let path = folder.join(file);
        let bytes = read_at_most(&path, MOST_BYTES)?;
        let sound = Sound::from_wav(&bytes).map_err(|error| error.to_string())?;
        finish::speech(&sound).map_err(|error| error.to_string())?;
        Ok(Self { path, hash: Sha256::digest(&bytes).into() })
    }

    /// Returns what stands for the recording in a clip's key: another file is another clip.
    pub(crate) fn version(&self) -> String {
        hex::encode(self.hash)
    }

    /// Reads the sound. Blocks.
    pub(crate) fn read(&self) -> Result<Sound, Error> {
        let bytes = read_at_most(&self.path, MOST_BYTES)
            .map_err(|what| Error::Unreadable(format!("{}: {what}", self.path.display())))?;
        if <[u8; 32]>::from(Sha256::digest(&bytes)) != self.hash {
            return Err(Error::Unreadable(format!("{} has changed since the start", self.path.display())));
        }
        Sound::from_wav(&bytes)
    }
}

fn read(folder: &Path, voices: &[&str]) -> Result<Manifest, String> {
    let text = read_at_most(&folder.join(MANIFEST), MOST_MANIFEST).map_err(|what| format!("{MANIFEST}: {what}"))?;
    let text = String::from_utf8(text).map_err(|error| format!("{MANIFEST}: {error}"))?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| format!("{MANIFEST}: {error}"))?;
    if !voices.contains(&manifest.voice.as_str()) {
        return Err(format!("{MANIFEST}: there is no voice {:?}, only {}", manifest.voice, voices.join(", ")));
    }
    if manifest.clips.len() > MOST_CLIPS {
        return Err(format!("{MANIFEST}: {} clips, {MOST_CLIPS} is the limit", manifest.clips.len()));
    }
    Ok(manifest)
}

fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let data = fs::metadata(path).map_err(|error| error.to_string())?;
    if !data.is_file() {
        return Err("not a file".to_owned());
    }
    if data.len() > most {
        return Err(format!("{} bytes, {most} is the limit", data.len()));
    }
    fs::read(path).map_err(|error| error.to_string())
}
