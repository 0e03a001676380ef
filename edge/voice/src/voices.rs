use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use serde::Serialize;
use speech::{Key, Reading, Segment, Voice};

use crate::{
    Clip, Clips, Config, Counters, Error, LEVEL, Message, PackProblem, Paid, Pins,
    cache::{Cache, make_folder, write},
    espeak::{Espeak, Manner},
    join,
    pack::{Packs, Recording},
    text,
};

/// Counts the changes of how sounds become clips, as `speech::reading::VERSION` does for words: a part of every key.
const FINISH: u32 = 1;

/// Segments of one message that are asked for at once; the engine's workers bound what runs.
const AT_ONCE: usize = 16;

/// A voice as it is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VoiceInfo {
    pub id: String,
    pub name: String,
    /// Such as `vi`; `None` if the vendor does not tell.
    pub language: Option<String>,
    pub gender: Option<Gender>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gender {
    Female,
    Male,
}

impl Gender {
    /// Reads the word of a vendor, however it is spelt; `None` for what is neither.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "female" => Some(Self::Female),
            "male" => Some(Self::Male),
            _ => None,
        }
    }
}

/// A voice that comes with the program.
struct BuiltIn {
    id: &'static str,
    name: &'static str,
    language: &'static str,
    gender: Gender,
    reading: Reading,
    manner: Manner,
}

const fn manner(name: &'static str) -> Manner {
    Manner { name, rate: 150, pitch: 50 }
}

const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        id: "vi-VN-female-01",
        name: "Vietnamese, north, female",
        language: "vi",
        gender: Gender::Female,
        reading: Reading::NORTH,
        manner: manner("vi+f2"),
    },
    BuiltIn {
        id: "vi-VN-female-02",
        name: "Vietnamese, south, female",
        language: "vi",
        gender: Gender::Female,
        reading: Reading::SOUTH,
        manner: manner("vi-vn-x-south+f2"),
    },
    BuiltIn {
        id: "vi-VN-male-01",
        name: "Vietnamese, north, male",
        language: "vi",
        gender: Gender::Male,
        reading: Reading::NORTH,
        manner: manner("vi"),
    },
    BuiltIn {
        id: "en-US-female-01",
        name: "American English, female",
        language: "en",
        gender: Gender::Female,
        reading: Reading::English,
        manner: manner("en-us+f2"),
    },
];

/// Text to sound, rendered once and kept. Clones share it.
#[derive(Clone)]
pub struct Voices {
    inner: Arc<Inner>,
}

struct Inner {
    cache: Arc<Cache>,
    espeak: Espeak,
    packs: Packs,
    /// Where messages stand while they are played.
    messages: PathBuf,
    next: AtomicU64,
}

/// Where the sound of some words comes from.
enum Source<'a> {
    Espeak(&'static BuiltIn),
    Pack(&'a Recording),
}

impl Voices {
    /// Opens the folder of clips, which belongs to this process alone, and reads the voice packs. A missing engine is
    /// told in the log and by whatever is to be rendered; clips that are there can be had without it.
    ///
    /// # Errors
    /// If the folder cannot be read or made.
    pub async fn open(config: Config) -> Result<Self, Error> {
        let messages = config.folder.join("messages");
        let espeak = Espeak::new(config.espeak.clone(), config.timeout, config.workers);
        if let Err(error) = espeak.look().await {
            tracing::warn!(%error, "no built-in voice can speak");
        }
        let folder = messages.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let cache = Cache::open(config.folder, config.bytes, config.workers)?;
            // What a crash left.
            let _ = std::fs::remove_dir_all(&folder);
            make_folder(&folder)?;
            let ids: Vec<_> = BUILT_IN.iter().map(|voice| voice.id).collect();
            let packs = config.packs.map(|packs| Packs::load(&packs, &ids)).unwrap_or_default();
            Ok((cache, packs))
        });
        let (cache, packs) = opened.await.map_err(|error| Error::Unreadable(error.to_string()))??;
        Ok(Self { inner: Arc::new(Inner { cache, espeak, packs, messages, next: AtomicU64::new(0) }) })
    }

    /// Returns the voices that come with the program.
    pub fn voices(&self) -> Vec<VoiceInfo> {
        let info = |voice: &BuiltIn| VoiceInfo {
            id: voice.id.to_owned(),
            name: voice.name.to_owned(),
            language: Some(voice.language.to_owned()),
            gender: Some(voice.gender),
        };
        BUILT_IN.iter().map(info).collect()
    }

    /// Returns how a voice reads, for [`speech::Template::plan`].
    pub fn reading(&self, voice: &str) -> Option<Reading> {
        find(voice).ok().map(|voice| voice.reading)
    }

    /// Returns what was wrong with voice packs.
    pub fn pack_problems(&self) -> &[PackProblem] {
        &self.inner.packs.problems
    }

    /// Returns how many recordings the packs have for each voice.
    pub fn packs(&self) -> Vec<Clips> {
        self.inner.packs.counts()
    }

    /// Returns the key of what some words sound like in a voice.
    ///
    /// # Errors
    /// For unknown voices, for what cannot be said, and while the engine is missing.
    pub fn key(&self, voice: &str, text: &str) -> Result<Key, Error> {
        let voice = find(voice)?;
        let words = text::speakable(text)?;
        self.inner.key(voice, &words).map(|(key, _)| key)
    }

    /// Returns whether the clip of a key is there.
    pub fn has(&self, key: Key) -> bool {
        self.inner.cache.has(key)
    }

    /// Returns the clip of some words; it is rendered if it is not there, once for all who ask.
    ///
    /// # Errors
    /// For unknown voices, for what cannot be said, and if the engine fails.
    pub async fn clip(&self, voice: &str, text: &str) -> Result<Arc<Clip>, Error> {
        let voice = find(voice)?;
        let words = text::speakable(text)?;
        if self.inner.packs.find(voice.id, &words).is_none() {
            self.inner.espeak.look().await?;
        }
        let (key, source) = self.inner.key(voice, &words)?;
        let inner = Arc::clone(&self.inner);
        let make = || -> BoxFuture<'static, _> {
            match source {
                Source::Espeak(voice) => Box::pin(async move { inner.espeak.say(&words, voice.manner).await }),
                Source::Pack(recording) => {
                    let recording = recording.clone();
                    Box::pin(async move {
                        let read = tokio::task::spawn_blocking(move || recording.read());
                        read.await.map_err(|error| Error::Unreadable(error.to_string()))?
                    })
                }
            }
        };
        self.inner.cache.get_or_render(key, make).await
    }

    /// Returns the clips of segments, in their order.
    ///
    /// # Errors
    /// As [`Voices::clip`], for the first that fails.
    pub async fn render(&self, voice: &str, segments: &[Segment]) -> Result<Vec<Arc<Clip>>, Error> {
        // Collected, so that the future can be sent whatever the segments' lifetime is.
        let clips: Vec<_> = segments.iter().map(|segment| self.clip(voice, &segment.text)).collect();
        stream::iter(clips).buffered(AT_ONCE).try_collect().await
    }

    /// Returns what a callee hears, rendered where that is needed and put together in one file.
    ///
    /// # Errors
    /// As [`Voices::render`], and if the file cannot be written.
    pub async fn message(&self, voice: &str, segments: &[Segment]) -> Result<Message, Error> {
        let clips = self.render(voice, segments).await?;
        self.put_together(&clips, segments).await
    }

    /// Returns the clip of some words in a vendor's voice; asked for and paid once, then kept.
    ///
    /// # Errors
    /// For what cannot be said, and what the vendor does.
    pub async fn paid_clip(
        &self,
        paid: &Arc<Paid>,
        voice: &str,
        reading: Reading,
        text: &str,
    ) -> Result<Arc<Clip>, Error> {
        let words = text::speakable(text)?;
        let key = paid_key(paid, voice, reading, &words);
        let (paid, voice) = (Arc::clone(paid), voice.to_owned());
        let make = || -> BoxFuture<'static, _> {
            Box::pin(async move {
                let sound = paid.speak(&words, &voice).await;
                sound.map_err(|fault| Error::Vendor { vendor: paid.vendor(), fault })
            })
        };
        self.inner.cache.get_or_render(key, make).await
    }

    /// Returns the key of [`Voices::paid_clip`].
    ///
    /// # Errors
    /// For what cannot be said.
    pub fn paid_key(&self, paid: &Paid, voice: &str, reading: Reading, text: &str) -> Result<Key, Error> {
        Ok(paid_key(paid, voice, reading, &text::speakable(text)?))
    }

    /// Returns what a callee hears in a vendor's voice. While the vendor does not work, and if `otherwise` names a
    /// voice of this program, that one says all of it: nobody hears two voices in one message. The second is whether
    /// it did.
    ///
    /// # Errors
    /// As [`Voices::paid_clip`] for the first that fails, and as [`Voices::message`].
    pub async fn paid_message(
        &self,
        paid: &Arc<Paid>,
        voice: &str,
        reading: Reading,
        segments: &[Segment],
        otherwise: Option<&str>,
    ) -> Result<(Message, bool), Error> {
        let clips = segments.iter().map(|segment| self.paid_clip(paid, voice, reading, &segment.text));
        match (stream::iter(clips).buffered(AT_ONCE).try_collect::<Vec<_>>().await, otherwise) {
            (Ok(clips), _) => Ok((self.put_together(&clips, segments).await?, false)),
            (Err(Error::Vendor { fault, vendor }), Some(otherwise)) if fault.is_vendors() => {
                tracing::warn!(vendor, %fault, "a built-in voice takes over");
                Ok((self.message(otherwise, segments).await?, true))
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn put_together(&self, clips: &[Arc<Clip>], segments: &[Segment]) -> Result<Message, Error> {
        let mut parts = Vec::with_capacity(clips.len());
        for (clip, segment) in clips.iter().zip(segments) {
            parts.push((clip.samples().await?, segment.joint));
        }
        let number = self.inner.next.fetch_add(1, Relaxed);
        let path = self.inner.messages.join(format!("{number}.wav"));
        let keys = clips.iter().map(|clip| clip.key()).collect();
        let written = tokio::task::spawn_blocking(move || {
            let samples = join(parts.iter().map(|(samples, joint)| (samples.as_slice(), *joint)));
            let message = Message { path, samples: samples.into(), keys };
            // A crash ends the call that it is for.
            write(&message.path, &audio::wav::mono(audio::SAMPLE_RATE, &message.samples), false)?;
            Ok(message)
        });
        written.await.map_err(|error| Error::Unreadable(error.to_string()))?
    }

    /// Keeps clips from giving way to others while the pins are held.
    pub fn pin(&self, keys: Vec<Key>) -> Pins {
        self.inner.cache.pin(keys)
    }

    /// Deletes clips at once, also those that are pinned, in use or being rendered: what was said to somebody goes with
    /// that person's data. Returns how many were there. Blocks for as long as the disk needs.
    pub fn delete(&self, keys: &[Key]) -> usize {
        self.inner.cache.delete(keys)
    }

    pub fn counters(&self) -> Counters {
        self.inner.cache.counters()
    }
}

impl Inner {
    fn key(&self, voice: &'static BuiltIn, words: &str) -> Result<(Key, Source<'_>), Error> {
        let recording = self.packs.find(voice.id, words);
        let (engine, version, source) = match recording {
            Some(recording) => ("pack", recording.version(), Source::Pack(recording)),
            None => ("espeak-ng", self.espeak.version()?.to_string(), Source::Espeak(voice)),
        };
        let voice = Voice {
            engine: engine.to_owned(),
            engine_version: format!("{version}/{FINISH}"),
            name: if recording.is_some() { voice.id } else { voice.manner.name }.to_owned(),
            reading: voice.reading,
            rate: voice.manner.rate,
            pitch: voice.manner.pitch,
            sample_rate: audio::SAMPLE_RATE,
            level: LEVEL,
        };
        Ok((Key::new(words, &voice), source))
    }
}

fn paid_key(paid: &Paid, voice: &str, reading: Reading, words: &str) -> Key {
    let voice = Voice {
        engine: paid.vendor().to_owned(),
        engine_version: format!("{}/{FINISH}", paid.version()),
        name: voice.to_owned(),
        reading,
        // The vendor's own.
        rate: 0,
        pitch: 0,
        sample_rate: audio::SAMPLE_RATE,
        level: LEVEL,
    };
    Key::new(words, &voice)
}

fn find(id: &str) -> Result<&'static BuiltIn, Error> {
    BUILT_IN.iter().find(|voice| voice.id == id).ok_or_else(|| Error::UnknownVoice(id.chars().take(64).collect()))
}
